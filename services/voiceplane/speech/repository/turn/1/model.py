"""turn: is the caller done? A shell over inside_triton/turn_judge.py."""

import os
import site

site.addsitedir(os.environ["VOICEPLANE_TRITON_SITE"])  # the stub has an interpreter of its own, without site-packages
import sys

sys.path.insert(0, os.environ["VOICEPLANE_SPEECH_LIB"])

import time

import numpy as np
import shell
import triton_python_backend_utils as pb
import turn_judge


class TritonPythonModel:
    """Judge one or several pauses at once."""

    def initialize(self, args):
        """Load the model named in config.pbtxt."""
        self._judge = turn_judge.TurnJudge(shell.parameter(args, "model_path"))

    def execute(self, requests):
        """Answer each request with a probability."""
        started = time.time_ns()
        audios = [pb.get_input_tensor_by_name(r, "AUDIO").as_numpy().reshape(-1) for r in requests]
        probabilities = self._judge.judge(audios)
        ended = shell.times(started)
        return [
            pb.InferenceResponse(
                [
                    pb.Tensor("PROBABILITY", np.array([[probability]], dtype=np.float32)),
                    pb.Tensor("TIMES", ended),
                ]
            )
            for probability in probabilities
        ]
