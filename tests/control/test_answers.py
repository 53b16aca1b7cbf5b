"""What an operator makes of answers that are none, of watches that end, of objects that go while nobody watches."""

import asyncio
import base64
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from tests.cluster.certificates import self_signed

from voiceplane.contract.base import FROM_YAML
from voiceplane.contract.region import VoiceRegionSpec
from voiceplane_operator import errors
from voiceplane_operator.__main__ import _parser
from voiceplane_operator.api import answers, clients, cluster
from voiceplane_operator.api.kinds import CHILDREN, Api
from voiceplane_operator.hub.queue import KeyedQueue
from voiceplane_operator.hub.shared import Hub
from voiceplane_operator.hub.store import Store, read
from voiceplane_operator.process import operate, settings
from voiceplane_operator.process.operate import Operation
from voiceplane_operator.regions.connection import Connection
from voiceplane_operator.regions.fleet import Fleet, Region

pytestmark = pytest.mark.asyncio
SPEC = VoiceRegionSpec.model_validate({"mode": "cloud", "location": "US", "inCluster": {}}, context=FROM_YAML)
PAGE = "<html>sign in to the network</html>"


@contextlib.asynccontextmanager
async def answering(body: str) -> AsyncIterator[cluster.Cluster]:
    """Have a client of a server that answers everything with this."""

    async def handle(_: web.Request) -> web.Response:
        return web.Response(text=body, content_type="text/html")

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    content = {
        "apiVersion": "v1", "kind": "Config", "current-context": "a",
        "clusters": [{"name": "a", "cluster": {"server": f"http://127.0.0.1:{runner.addresses[0][1]}"}}],
        "users": [{"name": "a", "user": {"token": "t"}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
    }  # fmt: skip
    opened = await clients.from_kubeconfig(content)
    try:
        yield opened
    finally:
        await opened.close()
        await runner.cleanup()


@pytest.mark.parametrize("body", [PAGE, "[]", "3", '{"kind": "Status"}'])
async def test_what_is_no_api_server_is_one_that_is_away(body: str) -> None:
    async with answering(body) as opened:
        with pytest.raises(errors.ClusterAwayError):
            await opened.list(CHILDREN[0], "a")
        with pytest.raises(errors.ClusterAwayError):
            async for _ in opened.watch(CHILDREN[0], "a", "1"):
                pass
        if body.startswith("{"):
            return
        with pytest.raises(errors.ClusterAwayError):
            await opened.version()
        with pytest.raises(errors.ClusterAwayError):
            await opened.apply({"kind": "ConfigMap", "metadata": {"name": "a", "namespace": "a"}})


async def test_a_page_of_metrics_is_read_to_its_limit_only() -> None:
    async with answering("x" * 1000) as opened:
        assert len(await opened.text("/metrics", most=1000)) == 1000
        with pytest.raises(errors.ClusterAwayError):
            await opened.text("/metrics", most=999)


async def test_a_client_that_was_closed_is_away() -> None:
    async with answering(PAGE) as opened:
        await opened.close()
        with pytest.raises(errors.ClusterAwayError, match="closed"):
            await opened.version()


async def test_a_region_whose_watches_end_is_no_longer_up() -> None:
    async def unforeseen() -> None:
        raise RuntimeError("a bug in a watch")

    following = asyncio.create_task(unforeseen())
    fleet = Fleet(None, "hub", lambda _: None, lambda _: None)  # type: ignore[arg-type]
    async with answering('{"gitVersion": "v1"}') as opened, asyncio.timeout(5):
        connection = Connection(opened, None, "v1", following)  # type: ignore[arg-type]
        with pytest.raises(RuntimeError, match="a bug in a watch"):
            await fleet._stay(Region("a", SPEC, 1, "hub"), connection)


class _Lists:
    """An API server that knows these objects, at a place in history."""

    def __init__(self, names: set[str], since: str) -> None:
        self.names, self.since, self.asked = names, since, asyncio.Event()

    async def pages(self, api: Api, _: None, *, whole: bool) -> AsyncIterator[tuple[list[dict[str, Any]], str]]:
        assert not whole
        if api.kind == "SIPTrunk":
            self.asked.set()
        found = sorted(self.names) if api.kind == "VoiceAgent" else []
        for name in found:
            yield [{"metadata": {"name": name, "namespace": "a"}}], self.since
        yield [], self.since


async def test_what_was_deleted_while_nobody_watched_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operate, "COMPARE_EVERY_S", 0.01)
    lists = _Lists({"there"}, "10")
    queue = KeyedQueue(asyncio.get_running_loop().time)
    hub = Hub("hub", lists, Store(), None, queue)  # type: ignore[arg-type]
    operation = Operation(hub, settings.read(_parser().parse_args(["run"])))
    for name, version in (("there", "4"), ("gone", "5"), ("newer", "11")):
        meta = {"name": name, "namespace": "a", "uid": name, "resourceVersion": version}
        hub.store.put(read({"kind": "VoiceAgent", "metadata": meta}))
    comparing = asyncio.create_task(operation._compare())
    async with asyncio.timeout(5):
        await lists.asked.wait()
        key = await queue.get()
    comparing.cancel()
    assert set(hub.store.names("VoiceAgent")) == {"a/there", "a/newer"} and key.name == "a/gone"


async def test_an_older_state_of_an_object_is_not_taken_for_news() -> None:
    queue = KeyedQueue(asyncio.get_running_loop().time)
    hub = Hub("hub", None, Store(), None, queue)  # type: ignore[arg-type]
    operation = Operation(hub, settings.read(_parser().parse_args(["run"])))

    def seen(version: str, generation: int) -> None:
        meta = {"name": "a", "namespace": "a", "uid": "u", "resourceVersion": version, "generation": generation}
        operation.tell("MODIFIED", {"kind": "VoiceAgent", "metadata": meta})

    seen("12", 2)
    seen("9", 1)
    stored = hub.store.get("VoiceAgent", "a/a")
    assert stored is not None and stored.generation == 2


async def test_no_server_is_waited_for_longer_than_a_minute() -> None:
    for said, after_s in (("7", 7.0), ("86400", answers.MOST_PATIENCE_S), ("soon", 1.0)):
        busy = answers.failure(429, b"{}", "/api", {"Retry-After": said})
        assert isinstance(busy, errors.BusyError) and busy.after_s == after_s


async def test_a_server_with_another_certificate_is_away_and_that_is_its_reason(tmp_path: Path) -> None:
    for name in ("served", "known"):
        await self_signed(tmp_path, name, "subjectAltName=IP:127.0.0.1")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(tmp_path / "served.crt", tmp_path / "served.key")
    runner = web.AppRunner(web.Application(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    authority = base64.b64encode((tmp_path / "known.crt").read_bytes()).decode()
    server = {"server": f"https://127.0.0.1:{runner.addresses[0][1]}", "certificate-authority-data": authority}
    opened = await clients.from_kubeconfig({
        "apiVersion": "v1", "kind": "Config", "current-context": "a", "clusters": [{"name": "a", "cluster": server}],
        "users": [{"name": "a", "user": {"token": "t"}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
    })  # fmt: skip
    try:
        with pytest.raises(errors.CertificateRefusedError, match="not of the authority or name") as caught:
            await opened.version()
    finally:
        await opened.close()
        await runner.cleanup()
    assert (caught.value.reason, isinstance(caught.value, errors.ClusterAwayError)) == ("CertificateRefused", True)


async def test_credentials_that_are_refused_are_told_with_what_may_have_become_of_them() -> None:
    refused = answers.failure(401, b'{"message": "Unauthorized"}', "/version", {})
    assert isinstance(refused, errors.CredentialsRefusedError)
    assert str(refused) == f"/version: 401: Unauthorized: {answers.WHOSE_CREDENTIALS}"
