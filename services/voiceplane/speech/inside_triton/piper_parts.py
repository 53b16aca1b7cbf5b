"""Cut a Piper network in three: text to a draft, draft to frames, frames to sound: the first sound waits for no other.

A Piper voice (VITS) is one ONNX graph. Its flow, which makes frames (192 values each 256 samples) of a draft as long as
they, and its vocoder are convolutional: a frame depends on the 24 of the draft around it (32, exactly) and its sound on
the 16 frames around it: equal to the whole to 1e-5 (measured), a third of a step of 16 bit. So only the text's own
network runs over the whole phrase at first; the flow would take as long again. The first part also knows how many
frames each phoneme lasts: this gives word times that are exact.
"""

import numpy as np
import onnx
import onnxruntime
from onnx.utils import Extractor
from steady import with_steady_noise
from unrolling import Unrolled

CONTEXT_FRAMES = 16
FLOW_CONTEXT_FRAMES = 24
FLOW_STEP_FRAMES = 192  # fewer would run mostly over context; more would be a long step for a phrase that is left
FRAME_SAMPLES = 256
_DRAFT, _MASK = "/Add_output_0", "/Cast_2_output_0"  # what /flow reads
_FRAMES = "/Mul_7_output_0"  # what /dec/conv_pre reads
_DURATIONS = "/Ceil_output_0"


class PiperParts:
    """The three networks of one voice."""

    def __init__(self, path, threads):
        """Cut and load the ONNX file; ValueError names a file that is no Piper VITS voice."""
        model = onnx.load(path)
        for name, reader in ((_DRAFT, "/flow/"), (_FRAMES, "/dec/conv_pre")):
            if not any(name in node.input and node.name.startswith(reader) for node in model.graph.node):
                raise ValueError(f"{path} is no Piper voice of medium quality: no {reader} that reads {name}")
        known = {value.name for value in model.graph.value_info}
        shapes = {_DRAFT: [1, 192, None], _MASK: [1, 1, None], _FRAMES: [1, 192, None], _DURATIONS: [1, 1, None]}
        for name, shape in shapes.items():
            if name not in known:
                model.graph.value_info.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape))
        extractor = Extractor(with_steady_noise(model))
        inputs = [value.name for value in model.graph.input]
        self._speakers = "sid" in inputs
        self._text = _session(extractor.extract_model(inputs, [_DRAFT, _DURATIONS]), threads)
        self._flow = _session(extractor.extract_model([_DRAFT, _MASK], [_FRAMES]), threads)
        self._sound = _session(extractor.extract_model([_FRAMES], ["output"]), threads)

    def frames(self, ids, scales, run=None):
        """Return the frames (1, 192, n) of phoneme ids, made as they are wanted, and how many are of each id.

        `run` can stop it, also later.
        """
        inputs = {
            "input": np.array([ids], dtype=np.int64),
            "input_lengths": np.array([len(ids)], dtype=np.int64),
            "scales": np.array(scales, dtype=np.float32),
        }
        if self._speakers:
            inputs["sid"] = np.array([0], dtype=np.int64)
        draft, durations = self._text.run(None, inputs, run)
        frames = Unrolled(
            lambda window: self._flowed(window, run), draft, context=FLOW_CONTEXT_FRAMES, step=FLOW_STEP_FRAMES
        )
        return frames, durations.reshape(-1).astype(np.int64)

    def _flowed(self, draft, run):
        mask = np.ones((1, 1, draft.shape[2]), dtype=np.float32)  # one phrase at a time: no frame is padding
        return self._flow.run(None, {_DRAFT: draft, _MASK: mask}, run)[0]

    def sound(self, frames, first, last, run=None):
        """Return the samples of frames first..last, equal to what the whole would give; `run` can stop it."""
        before = min(first, CONTEXT_FRAMES)
        window = frames.until(last + CONTEXT_FRAMES)[:, :, first - before : last + CONTEXT_FRAMES]
        samples = self._sound.run(None, {_FRAMES: window}, run)[0].reshape(-1)
        return samples[before * FRAME_SAMPLES : (before + last - first) * FRAME_SAMPLES]


def _session(model, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that spin while they wait keep others from the cores: more work a phrase, and a later first sound.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
