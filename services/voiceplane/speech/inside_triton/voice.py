"""Synthesize speech with Piper in a stream: the first 280 ms are out before the rest is computed. Used by tts.

Piper is GPL-3: it stays in Triton.
"""

import json

import numpy as np
from letters import named
from pauses import BLOCK_S, Pauses, sounds
from phrases import split_phrases
from piper import PiperVoice
from piper.config import PiperConfig
from piper_parts import FRAME_SAMPLES, PiperParts
from rates import RateChanger
from word_places import word_ends

TARGET_RMS = 0.1  # -20 dBFS: the usual speech level of a phone line
FIRST_FRAMES = 24  # 280 ms: shorter costs more in all, longer is heard later
GROWTH = 2  # each piece is twice as long as the one before: it is ready before the last has been heard
MOST_FRAMES = 48  # 557 ms, about 30 ms of work on two cores: longer pieces keep other callers' first ones waiting
LEAD_S = 0.01  # of Piper's silence before the first sound; the caller would wait for more
ONSET = 0.05  # of the usual level: a voice's first sound (-26 dB), breath and hiss are below
QUIET = 0.065  # -44 dBFS, what phones and benchmarks take for silence; a hiss of 8 kHz lies around it
_PAUSES = " ,.;:!?"
_CALIBRATION = "The quick brown fox jumps over the lazy dog, and then it rests."


class Voice:
    """One loaded Piper voice."""

    def __init__(self, path, threads=2):
        """Load NAME.onnx with NAME.onnx.json beside it, and find the gain that gives the usual level."""
        with open(f"{path}.json", encoding="utf-8") as file:
            config = PiperConfig.from_dict(json.load(file))
        self._piper = PiperVoice(session=None, config=config)  # its phonemes; the network is ours
        self._parts = PiperParts(path, threads)
        self._rate = config.sample_rate
        self._scales = [config.noise_scale, config.length_scale, config.noise_w_scale]
        self._gain = 1.0
        sample = np.concatenate([piece for piece, _ in self._sentence(_CALIBRATION, 1.0)])
        voiced = sample[np.abs(sample) > 0.01]
        self._gain = TARGET_RMS / max(1e-3, float(np.sqrt(np.mean(voiced**2))))

    def speak(self, text, sample_rate, speed, run=None):
        """Yield (int16 samples, [[word, start_ms, end_ms], ...]); a word is given with the piece in which it ends.

        `run`, onnxruntime's RunOptions, stops the networks between two of their operators: an error leaves.
        """
        for phrase in split_phrases(text.replace("[[", " ").replace("]]", " ")):  # piper takes these as phonemes
            given, pending = 0, []
            for piece, words, last in self._paused(phrase, sample_rate, speed, run):
                pending += words
                if len(piece) or (last and pending):
                    yield self._piece(piece, given, pending, sample_rate, whole=last)
                    given += len(piece)

    def _piece(self, samples, given, pending, rate, *, whole):
        """Cut the words that end in this piece from those pending; their times count from its start."""
        offset_ms, end_ms = given * 1000 / rate, (given + len(samples)) * 1000 / rate
        ended = [word for word in pending if whole or word[2] <= end_ms]
        del pending[: len(ended)]
        # The last word's phonemes may reach into the silence that was cut off behind it.
        times = [[word, min(start, end_ms) - offset_ms, min(end, end_ms) - offset_ms] for word, start, end in ended]
        return (np.clip(samples, -1.0, 1.0) * 32767).astype(np.int16), times

    def _paused(self, phrase, rate, speed, run):
        """Yield (samples, words, whether they are the last) at a rate, with the pauses that the phrase's marks ask for.

        A silence is one where this rate has no sound: at 8 kHz an "s" of 200 ms is one, and belongs to the pause.
        """
        changer, pauses = RateChanger(self._rate, rate), Pauses(rate, speed, QUIET * TARGET_RMS)
        for samples, words in self._sentence(phrase, speed, run):
            yield *pauses.push(changer.push(samples), words), False
        yield *pauses.push(changer.finish(), []), False
        yield *pauses.finish(phrase), True

    def _sentence(self, phrase, speed, run=None):
        """Yield (float samples, words with times in ms from the phrase's start) at the voice's own rate."""
        words, phonemes = phrase.split(), [p for part in self._piper.phonemize(named(phrase)) for p in part]
        ids, ends = self._ids(phonemes)
        scales = [self._scales[0], self._scales[1] / speed, self._scales[2]]
        frames, durations = self._parts.frames(ids, scales, run)
        edges = np.concatenate([[0], np.cumsum(durations)]) * FRAME_SAMPLES * 1000 / self._rate  # ms, by id
        times = self._word_times(words, phonemes, ends, edges)
        total, first, count, lead_ms = frames.total, 0, FIRST_FRAMES, None
        while first < total:
            last = min(total, first + count)
            if total - last < FIRST_FRAMES // 2:
                last = total
            samples = self._parts.sound(frames, first, last, run) * self._gain
            if lead_ms is None:
                cut = self._lead(samples)
                samples, lead_ms = samples[cut:], cut * 1000 / self._rate
                times = [[word, max(0.0, s - lead_ms), max(0.0, e - lead_ms)] for word, s, e in times]
            yield samples, times if first == 0 else []
            first, count = last, min(MOST_FRAMES, count * GROWTH)

    def _lead(self, samples):
        """Return how many samples of silence to leave out before the first sound."""
        voiced = np.flatnonzero(sounds(samples, self._rate, ONSET * TARGET_RMS))
        return max(0, int(voiced[0]) * int(BLOCK_S * self._rate) - int(LEAD_S * self._rate)) if len(voiced) else 0

    def _ids(self, phonemes):
        """Return the ids as Piper makes them, and for each phoneme the index one past its last id."""
        ids = self._piper.phonemes_to_ids(phonemes)
        known = self._piper.config.phoneme_id_map
        position, ends = len(known["^"]) + len(known["_"]), []
        for phoneme in phonemes:
            if phoneme in known:
                position += len(known[phoneme]) + len(known["_"])
            ends.append(min(position, len(ids)))
        return ids, ends

    def _word_times(self, words, phonemes, ends, edges):
        """Place each word by the phonemes that are its own."""
        alone = [[p for part in self._piper.phonemize(word) for p in part] for word in words]
        lasts = word_ends(phonemes, alone)
        times, start = [], 0.0
        for word, last in zip(words, lasts, strict=True):
            while last and phonemes[last - 1] in _PAUSES:
                last -= 1
            end = max(start, float(edges[ends[last - 1]])) if last else start
            times.append([word, start, end])
            start = end
        return times  # a pause before a word is counted as its beginning: only ends decide what was heard
