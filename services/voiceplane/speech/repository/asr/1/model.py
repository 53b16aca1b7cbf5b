"""asr: audio so far -> words. A shell over lib/recognizer.py."""

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
        """Answer each request; requests with equal hints share one encoder run."""
        started = time.time_ns()
        audios = [pb.get_input_tensor_by_name(r, "AUDIO").as_numpy().reshape(-1) for r in requests]
        hints = [shell.text_of(pb.get_input_tensor_by_name(r, "HINTS")) for r in requests]
        answers = {}
        for hint in set(hints):
            indexes = [i for i, h in enumerate(hints) if h == hint]
            found = self._recognizer.recognize(
                [audios[i] for i in indexes],
                [hint] * len(indexes),
                {at for at, i in enumerate(indexes) if shell.flag_of(requests[i], "partial")},
            )
            answers.update(zip(indexes, found, strict=True))
        ended = shell.times(started)
        return [
            pb.InferenceResponse(
                [
                    pb.Tensor("RESULT", shell.strings(recognizer.to_json(answers[i]))),
                    pb.Tensor("TIMES", ended.astype(np.int64)),
                ]
            )
            for i in range(len(requests))
        ]
