"""Serve /metrics, /healthz and /readyz of a process over HTTP, from a thread beside the event loop.

/healthz asks the event loop itself, so a process whose loop hangs is found dead although this thread still answers.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import make_wsgi_app

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

LOOP_ANSWER_S = 2.0  # a loop that runs nothing for this long plays no audio either


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _QuietHandler(WSGIRequestHandler):
    timeout = 5  # seconds for one request: an idle client must not hold its thread

    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing: probes come every second."""


def _alive(loop: asyncio.AbstractEventLoop) -> bool:
    answered = threading.Event()
    try:
        loop.call_soon_threadsafe(answered.set)
    except RuntimeError:  # the loop is closed
        return False
    return answered.wait(LOOP_ANSWER_S)


@contextlib.contextmanager
def serve(
    port: int,
    host: str = "127.0.0.1",
    *,
    ready: Callable[[], bool],
    why_not: Callable[[], str | None] = lambda: None,
    beside: Callable[[], str | None] = lambda: None,
) -> Iterator[int]:
    """Serve until the block ends; yield the bound port.

    `ready`, `why_not` and `beside` are called from another thread and must not block. A reason makes /readyz fail and
    is its body, so that whoever asks why no call comes in reads it there; what is wrong `beside` that is told only.
    """
    loop = asyncio.get_running_loop()
    metrics = make_wsgi_app()

    def answer(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        path = environ.get("PATH_INFO")
        if path == "/metrics":
            body: Iterable[bytes] = metrics(environ, start_response)
            return body
        if path not in ("/healthz", "/readyz"):
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"no such path\n"]
        good, reason = _alive(loop), None
        if path == "/readyz":
            reason = why_not()
            good = good and ready() and reason is None
        start_response("200 OK" if good else "503 Service Unavailable", [("Content-Type", "text/plain")])
        wrong = beside() if good and path == "/readyz" else None
        told = f"ok; {wrong}" if wrong else "ok"
        return [f"{told if good else reason or 'not now'}\n".encode()]

    server = make_server(host, port, answer, server_class=_Server, handler_class=_QuietHandler)
    thread = threading.Thread(target=server.serve_forever, name="health", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join(LOOP_ANSWER_S)
