"""Stop the work on a phrase that nobody waits for any more, within one operator of a network. Used by tts.

Triton tells of a cancelled request only when it is asked, and the thread that computes cannot ask. Another thread asks
for all of them and raises the flag that onnxruntime looks at between two operators, a few milliseconds each.
"""

import threading
import time
from contextlib import contextmanager

import onnxruntime

ASK_S = 0.01  # an answer takes 0.1 ms of a core


class Wanted:
    """Asks whether the phrases in work are still wanted."""

    def __init__(self):
        """Start asking; the thread sleeps while nothing is in work."""
        self._running = {}
        self._lock = threading.Lock()  # a sender is not asked once its thread has left
        self._some = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._ask, name="wanted")
        self._thread.start()

    @contextmanager
    def while_wanted(self, sender):
        """Yield the options that stop a network's run when the sender's request is cancelled."""
        run = onnxruntime.RunOptions()
        with self._lock:
            self._running[id(run)] = (run, sender)
            self._some.set()
        try:
            yield run
        finally:
            with self._lock:
                del self._running[id(run)]
                if not self._running and not self._ended:
                    self._some.clear()

    def close(self):
        """Stop asking."""
        with self._lock:
            self._ended = True
            self._some.set()
        self._thread.join()

    def _ask(self):
        while self._some.wait() and not self._ended:
            with self._lock:
                for run, sender in self._running.values():
                    if sender.is_cancelled():
                        run.terminate = True
            time.sleep(ASK_S)
