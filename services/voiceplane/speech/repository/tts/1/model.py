"""tts: text -> audio chunks with word times, as soon as they exist. A shell over inside_triton/voice.py."""

import os
import site

site.addsitedir(os.environ["VOICEPLANE_TRITON_SITE"])  # the stub has an interpreter of its own, without site-packages
import sys

sys.path.insert(0, os.environ["VOICEPLANE_SPEECH_LIB"])

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import shell
import triton_python_backend_utils as pb
import voice
import wanted

STREAMS = 2  # phrases of different calls take turns on two threads; more only wait for the same cores
WAITING = 64  # phrases, spoken ones too: what comes then would wait longer than its caller's 5 s; it is refused at once


class TritonPythonModel:
    """Speak each request on a thread and stream its chunks."""

    def initialize(self, args):
        """Load every voice named in config.pbtxt, as JSON {name: path}."""
        self._voices = {n: voice.Voice(p) for n, p in json.loads(shell.parameter(args, "voices")).items()}
        self._threads = ThreadPoolExecutor(STREAMS)
        self._places = threading.BoundedSemaphore(WAITING)
        self._wanted = wanted.Wanted()

    def execute(self, requests):
        """Read the requests here, their memory goes with this call; the chunks follow through each sender."""
        for request in requests:
            wish = (
                shell.text_of(pb.get_input_tensor_by_name(request, "VOICE")),
                shell.text_of(pb.get_input_tensor_by_name(request, "TEXT")),
                int(pb.get_input_tensor_by_name(request, "SAMPLE_RATE").as_numpy().reshape(-1)[0]),
                float(pb.get_input_tensor_by_name(request, "SPEED").as_numpy().reshape(-1)[0]),
            )
            sender = request.get_response_sender()
            if self._places.acquire(blocking=False):
                self._threads.submit(self._take_turn, wish, sender)
            else:
                full = pb.TritonError(f"tts is full: {WAITING} phrases wait")  # speech/client.py knows these words
                sender.send(pb.InferenceResponse(error=full), flags=pb.TRITONSERVER_RESPONSE_COMPLETE_FINAL)

    def finalize(self):
        """Let running phrases end."""
        self._threads.shutdown()
        self._wanted.close()

    def _take_turn(self, wish, sender):
        try:
            self._speak(wish, sender)
        finally:
            self._places.release()

    def _speak(self, wish, sender):
        name, text, rate, speed = wish
        try:
            if name not in self._voices:
                raise ValueError(f"no voice {name!r} here; voices are {', '.join(sorted(self._voices))}")
            if not 8000 <= rate <= 48_000:
                raise ValueError(f"a sample rate of {rate} Hz is not spoken; 8000 to 48000 are")
            if sender.is_cancelled():
                return
            with self._wanted.while_wanted(sender) as run:
                self._stream(self._voices[name].speak(text, rate, speed, run), sender)
        except Exception as error:  # the thread's outermost edge: the requester is told
            if not sender.is_cancelled():  # a network that was stopped on the way says so by an error
                sender.send(pb.InferenceResponse(error=pb.TritonError(str(error))))
        finally:
            sender.send(flags=pb.TRITONSERVER_RESPONSE_COMPLETE_FINAL)

    def _stream(self, pieces, sender):
        started = time.time_ns()
        for samples, words in pieces:
            if sender.is_cancelled():
                return
            sender.send(
                pb.InferenceResponse(
                    [
                        pb.Tensor("AUDIO", samples[None, :]),
                        pb.Tensor("WORDS", shell.strings(json.dumps(words, ensure_ascii=False))),
                        pb.Tensor("TIMES", shell.times(started)),
                    ]
                )
            )
            started = time.time_ns()
