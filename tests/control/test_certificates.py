"""A client certificate that a credential plugin gives is what an API server sees, and its key stays on no disk."""

import ssl
import subprocess
import tempfile
from pathlib import Path

import pytest
from aiohttp import web

from voiceplane_operator import errors
from voiceplane_operator.api import clients

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]


def certificate(folder: Path, name: str, *more: str) -> tuple[Path, Path]:
    """Make a certificate that signs itself, and its key."""
    cert, key = folder / f"{name}.crt", folder / f"{name}.key"
    command = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    files = ("-days", "2", "-subj", f"/CN={name}", "-keyout", str(key), "-out", str(cert))
    subprocess.run((*command, *files, *more), check=True, capture_output=True)
    return cert, key


async def test_a_certificate_of_a_plugin_is_shown_and_its_key_left_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = tmp_path / "files"
    files.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(files))
    cert, key = certificate(tmp_path, "server", "-addext", "subjectAltName=IP:127.0.0.1")
    own, own_key = certificate(tmp_path, "operator")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(own))
    context.load_cert_chain(cert, key)
    context.verify_mode = ssl.CERT_REQUIRED
    seen: list[object] = []

    async def version(request: web.Request) -> web.Response:
        assert request.transport is not None
        seen.append(request.transport.get_extra_info("peercert")["subject"])
        return web.json_response({"gitVersion": "v1.36.0"})

    application = web.Application()
    application.router.add_get("/version", version)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    content = {
        "apiVersion": "v1", "kind": "Config", "current-context": "a",
        "clusters": [{"name": "a", "cluster": {
            "server": f"https://127.0.0.1:{runner.addresses[0][1]}", "certificate-authority": str(cert),
        }}],
        "users": [{"name": "a", "user": {}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
    }  # fmt: skip
    opened = await clients.from_kubeconfig(content, certificate=own.read_text(), key=own_key.read_text())
    try:
        assert list(files.iterdir()) == []
        assert await opened.version() == "v1.36.0"
        assert seen == [((("commonName", "operator"),),)]
        with pytest.raises(errors.AccessDeniedError):
            await clients.from_kubeconfig(content, certificate="none", key="none")
    finally:
        await opened.close()
        await runner.cleanup()
