"""asr: audio so far -> words. A shell over inside_triton/recognizer.py."""

import os
import site

site.addsitedir(os.environ["VOICEPLANE_TRITON_SITE"])  # the stub has an interpreter of its own, without site-packages
import sys

sys.path.insert(0, os.environ["VOICEPLANE_SPEECH_LIB"])

import time

import numpy as np
import recognizer
import shell
import triton_python_backend_utils as pb


class TritonPythonModel:
    """Recognize one or several requests at once."""

    def initialize(self, args):
        """Load the model named in config.pbtxt."""
        self._recognizer = recognizer.Recognizer(shell.parameter(args, "model_path"))

    def execute(self, requests):
        """Answer each request; requests with equal hints share one encoder run. Who has gone is left between stages.

        The sender is asked: to ask the request itself (is_cancelled) kills the stub of Triton 24.10.
        """
        started = time.time_ns()
        audios = [pb.get_input_tensor_by_name(r, "AUDIO").as_numpy().reshape(-1) for r in requests]
        hints = [shell.text_of(pb.get_input_tensor_by_name(r, "HINTS")) for r in requests]
        senders = [request.get_response_sender() for request in requests]
        answers = {}
        for hint in set(hints):
            indexes = [i for i, h in enumerate(hints) if h == hint]
            found = self._recognizer.recognize(
                [audios[i] for i in indexes],
                [hint] * len(indexes),
                {at for at, i in enumerate(indexes) if shell.flag_of(requests[i], "partial")},
                lambda at, indexes=indexes: not senders[indexes[at]].is_cancelled(),
            )
            answers.update(zip(indexes, found, strict=True))
        ended = shell.times(started)
        for index, sender in enumerate(senders):
            sender.send(_response(answers[index], ended), flags=pb.TRITONSERVER_RESPONSE_COMPLETE_FINAL)


def _response(answer, times):
    if answer is None:
        return pb.InferenceResponse(error=pb.TritonError("nobody waits for it", pb.TritonError.CANCELLED))
    return pb.InferenceResponse(
        [
            pb.Tensor("RESULT", shell.strings(recognizer.to_json(answer))),
            pb.Tensor("TIMES", times.astype(np.int64)),
        ]
    )
