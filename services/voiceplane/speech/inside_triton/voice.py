"""Synthesize speech with Piper, phrase by phrase, at the rate that is asked for. Piper is GPL-3: it stays in Triton."""

import numpy as np
from phrases import split_phrases
from piper import PiperVoice, SynthesisConfig
from scipy.signal import resample_poly

TARGET_RMS = 0.1  # -20 dBFS: the usual speech level of a phone line


class Voice:
    """One loaded Piper voice."""

    def __init__(self, path):
        """Load NAME.onnx with NAME.onnx.json beside it."""
        self._voice = PiperVoice.load(path)

    def speak(self, text, sample_rate, speed):
        """Yield (int16 samples, [[word, start_ms, end_ms], ...]) for each phrase of the text."""
        config = SynthesisConfig(length_scale=1.0 / speed)
        for phrase in split_phrases(text):
            for chunk in self._voice.synthesize(phrase, syn_config=config):
                samples = _trim(chunk.audio_float_array, chunk.sample_rate)
                samples = _level(_resampled(samples, chunk.sample_rate, sample_rate))
                yield (samples * 32767).astype(np.int16), self._word_times(phrase, samples, sample_rate)

    def _word_times(self, phrase, samples, sample_rate):
        """Place words by their share of the phonemes: Piper's public voices carry no alignment."""
        words = phrase.split()
        weights = [max(1, sum(len(s) for s in self._voice.phonemize(word))) for word in words]
        voiced = np.flatnonzero(np.abs(samples) > 0.01)
        first, last = (voiced[0], voiced[-1] + 1) if len(voiced) else (0, len(samples))
        edges = first + np.concatenate([[0], np.cumsum(weights)]) / sum(weights) * (last - first)
        edges = edges * 1000.0 / sample_rate
        return [[word, float(edges[i]), float(edges[i + 1])] for i, word in enumerate(words)]


def _trim(samples, rate):
    """Cut Piper's silence before the first sound to 30 ms: the caller would wait for it."""
    voiced = np.flatnonzero(np.abs(samples) > 0.004)
    return samples[max(0, voiced[0] - rate * 30 // 1000) :] if len(voiced) else samples


def _resampled(samples, source, target):
    divisor = np.gcd(source, target)
    return resample_poly(samples, target // divisor, source // divisor) if source != target else samples


def _level(samples):
    voiced = samples[np.abs(samples) > 0.01]
    if not len(voiced):
        return samples
    gain = TARGET_RMS / max(1e-4, float(np.sqrt(np.mean(voiced**2))))
    return np.clip(samples * min(gain, 0.98 / max(1e-4, float(np.abs(samples).max()))), -1.0, 1.0)
