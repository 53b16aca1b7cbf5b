"""`kubectl logs` on the test node: the one part of the kubelet's own server that people miss at once."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from aiohttp import web

PORT = 10250  # the kubelet's
CHUNK = 65536
POLL_S = 0.3

Find = Callable[[str, str, str], Path | None]  # namespace, pod, container -> its log


@contextlib.asynccontextmanager
async def serving_logs(address: str, folder: Path, find: Find) -> AsyncIterator[None]:
    """Serve logs to the API server until the block ends."""

    async def logs(request: web.Request) -> web.StreamResponse:
        names = request.match_info
        log = find(names["namespace"], names["pod"], names["container"])
        if log is None:
            return web.Response(status=404, text="no such container on this node")
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        position = await asyncio.to_thread(_start, log, request.query.get("tailLines"))
        with contextlib.suppress(ConnectionError):
            while True:
                content = await asyncio.to_thread(_read, log, position)
                if content:
                    await response.write(content)
                    position += len(content)
                elif request.query.get("follow") != "true":
                    break
                else:
                    await asyncio.sleep(POLL_S)
        return response

    application = web.Application()
    application.router.add_get("/containerLogs/{namespace}/{pod}/{container}", logs)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, address, PORT, ssl_context=await _certificate(folder, address)).start()
        yield
    finally:
        await runner.cleanup()


def _read(log: Path, position: int) -> bytes:
    try:
        with log.open("rb") as file:
            file.seek(position)
            return file.read(CHUNK)
    except FileNotFoundError:
        return b""


def _start(log: Path, tail: str | None) -> int:
    """Return where the last lines begin."""
    if tail is None or not log.exists():
        return 0
    lines = log.read_bytes().splitlines(keepends=True)
    return sum(map(len, lines[: max(0, len(lines) - int(tail))]))


async def _certificate(folder: Path, address: str) -> ssl.SSLContext:
    """Make a certificate of our own: the API server of the tests is not told whom to trust."""
    key, certificate = folder / "kubelet.key", folder / "kubelet.crt"
    process = await asyncio.create_subprocess_exec(
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-keyout", str(key), "-out", str(certificate), "-days", "2", "-subj", f"/CN={address}"),
        stderr=asyncio.subprocess.DEVNULL,
    )
    await process.wait()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
