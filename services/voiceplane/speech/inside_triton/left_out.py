"""How much of a voice is behind the last word of a reading: small whispers end a sentence too early now and then. Pure.

"Hi, could you find out what happened to": the words are aligned with the sound, and the voice goes on behind the last
one. Of 14 readings that lost words at their ends all had 0.26 s of it or more, of 820 without a mistake 5.
"""

import numpy as np

SAMPLE_RATE = 16_000
FRAME = 320  # samples: 20 ms
LEFT_OUT_S = 0.25
_BELOW_LOUDEST = 10**-3.0  # of power: 30 dB
_LEAST_POWER = 100.0


def left_out_s(audio, words):
    """Return the seconds of voice in an int16 array behind the last of the words [text, start_ms, end_ms, ...]."""
    if not words:
        return 0.0
    frames = audio[: len(audio) // FRAME * FRAME].reshape(-1, FRAME).astype(np.float32)
    power = np.mean(frames**2, axis=1)
    voiced = power > max(_LEAST_POWER, power.max(initial=0.0) * _BELOW_LOUDEST)
    behind = words[-1][2] * SAMPLE_RATE // 1000 // FRAME
    return int(np.count_nonzero(voiced[behind:])) * FRAME / SAMPLE_RATE


def is_left_out(audio, words):
    """Say whether so much of a voice is behind the words that some were left out."""
    return left_out_s(audio, words) >= LEFT_OUT_S
