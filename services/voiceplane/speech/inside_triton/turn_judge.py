"""Judge whether a speaker has finished: smart-turn v3 (BSD-2) on onnxruntime, over the last 8 s of audio."""

import numpy as np
import onnxruntime
from logmel import SAMPLE_RATE, log_mel

WINDOW_SAMPLES = 8 * SAMPLE_RATE


class TurnJudge:
    """One loaded model."""

    def __init__(self, path, threads=1):
        """Load the ONNX file."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def judge(self, audios):
        """Return for each int16 array the probability (0..1) that its speaker is done."""
        features = np.stack([self._features(audio) for audio in audios])
        return [float(p) for p in self._session.run(None, {"input_features": features})[0].reshape(-1)]

    def _features(self, audio):
        samples = audio[-WINDOW_SAMPLES:].astype(np.float32) / 32768.0
        samples = np.pad(samples, (WINDOW_SAMPLES - len(samples), 0))  # silence comes first: the end matters
        samples = (samples - samples.mean()) / np.sqrt(samples.var() + 1e-7)
        return log_mel(samples)
