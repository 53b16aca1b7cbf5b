"""Voice activity by silero (MIT) on onnxruntime, inside the gateway: barge-in must not wait for a network.

One loaded model serves all calls; each call keeps its own state. Windows of 512 samples at 16 kHz, with the 64 samples
before them as context, as silero-vad v5 and later want it.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

WINDOW_SAMPLES = 512
CONTEXT_SAMPLES = 64
_RATE = np.array(16_000, dtype=np.int64)


class SileroModel:
    """The loaded network; makes detectors."""

    def __init__(self, path: Path) -> None:
        """Load the ONNX file; one thread, a window costs a fraction of a millisecond."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def detector(self) -> "SileroDetector":
        """Return a detector for one call."""
        return SileroDetector(self)

    def run(
        self, samples: npt.NDArray[np.float32], state: npt.NDArray[np.float32]
    ) -> tuple[float, npt.NDArray[np.float32]]:
        """Run one window of shape (1, 576) with state (2, 1, 128)."""
        output, following = self._session.run(None, {"input": samples, "state": state, "sr": _RATE})
        return float(output[0, 0]), following


class SileroDetector:
    """The memory of one call."""

    def __init__(self, model: SileroModel) -> None:
        """Start with silence."""
        self._model = model
        self._state = np.zeros((2, 1, 128), dtype=np.float32)
        self._context = np.zeros(CONTEXT_SAMPLES, dtype=np.float32)

    def probability(self, window: bytes) -> float:
        """Say how likely 512 samples of s16le hold a voice, 0..1."""
        samples = np.frombuffer(window, "<i2").astype(np.float32) / 32768.0
        if len(samples) != WINDOW_SAMPLES:
            raise ValueError(f"a window has {WINDOW_SAMPLES} samples, not {len(samples)}")
        probability, self._state = self._model.run(np.concatenate([self._context, samples])[None, :], self._state)
        self._context = samples[-CONTEXT_SAMPLES:]
        return probability
