"""Cut a Piper network in two: text to frames, frames to sound, so that the first sound need not wait for the last.

A Piper voice (VITS) is one ONNX graph. Its vocoder takes frames (192 values each 256 samples) and is convolutional: a
frame's sound depends on the 16 frames around it only (measured: equal to the whole to 1e-6). The first part also knows
how many frames each phoneme lasts; this gives word times that are exact.
"""

import numpy as np
import onnx
import onnxruntime
from onnx.utils import Extractor

CONTEXT_FRAMES = 16
FRAME_SAMPLES = 256
_FRAMES = "/Mul_7_output_0"  # what /dec/conv_pre reads
_DURATIONS = "/Ceil_output_0"


class PiperParts:
    """The two networks of one voice."""

    def __init__(self, path, threads):
        """Cut and load the ONNX file; ValueError names a file that is no Piper VITS voice."""
        model = onnx.load(path)
        if not any(_FRAMES in node.input and node.name.startswith("/dec/conv_pre") for node in model.graph.node):
            raise ValueError(f"{path} is no Piper voice of medium quality: no vocoder that reads {_FRAMES}")
        known = {value.name for value in model.graph.value_info}
        shapes = {_FRAMES: [1, 192, None], _DURATIONS: [1, 1, None]}
        for name, shape in shapes.items():
            if name not in known:
                model.graph.value_info.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape))
        extractor = Extractor(model)
        inputs = [value.name for value in model.graph.input]
        self._speakers = "sid" in inputs
        self._text = _session(extractor.extract_model(inputs, [_FRAMES, _DURATIONS]), threads)
        self._sound = _session(extractor.extract_model([_FRAMES], ["output"]), threads)

    def frames(self, ids, scales, run=None):
        """Return the frames (1, 192, n) of phoneme ids and the number of frames of each id; `run` can stop it."""
        inputs = {
            "input": np.array([ids], dtype=np.int64),
            "input_lengths": np.array([len(ids)], dtype=np.int64),
            "scales": np.array(scales, dtype=np.float32),
        }
        if self._speakers:
            inputs["sid"] = np.array([0], dtype=np.int64)
        frames, durations = self._text.run(None, inputs, run)
        return frames, durations.reshape(-1).astype(np.int64)

    def sound(self, frames, first, last, run=None):
        """Return the samples of frames first..last, equal to what the whole would give; `run` can stop it."""
        before = min(first, CONTEXT_FRAMES)
        window = frames[:, :, first - before : last + CONTEXT_FRAMES]
        samples = self._sound.run(None, {_FRAMES: window}, run)[0].reshape(-1)
        return samples[before * FRAME_SAMPLES : (before + last - first) * FRAME_SAMPLES]


def _session(model, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
