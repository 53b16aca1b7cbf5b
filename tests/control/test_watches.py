"""Watches that are refused, ended in the middle, never answered, or told that their place in history is gone."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from tests import waiting
from tests.cluster.plane import Plane, PlaneOptions, running_plane
from tests.control import controllers, operating
from tests.control.faults import Way, way_to
from tests.control.operating import AGENT, REGION, apply, read, ready, until

from voiceplane_operator import errors, names
from voiceplane_operator.api.kinds import KINDS
from voiceplane_operator.regions import watch as watches
from voiceplane_operator.regions.watch import RegionWatch

pytestmark = [pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="module")]
DESK = ("va", "-n", "support", "parcel-desk")
IN_REGION = "/namespaces/voiceplane/"
EXPIRED = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version: 1 (2)"}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def plane(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Plane]:
    options = PlaneOptions(controllers=False)
    async with running_plane(tmp_path_factory.mktemp("plane"), options) as running, controllers.rolling_out(running):
        await operating.prepare(running)
        await apply(running, REGION % ("here", "capacity: 1000, inCluster: {}"))
        yield running


async def _seen_again(plane: Plane, number: int) -> None:
    """See that a change in the hub and one in the region are both noticed."""
    before = (await read(plane, *DESK)).get("status", {}).get("revision")
    prefix = names.prefix("support/parcel-desk")
    await plane.kubectl("delete", "networkpolicy", "-n", "voiceplane", f"{prefix}-agent")
    await apply(plane, AGENT.replace("How can I help you?", f"What can I do for you, {number}?"))
    await until(plane, DESK, lambda raw: ready(raw) and raw["status"]["revision"] != before)
    policies = ("networkpolicies", "-n", "voiceplane", "-l", f"{names.AGENT}={prefix}")
    await until(plane, policies, lambda raw: len(raw["items"]) == 1)


def _refusing(status: int) -> Any:
    def answer(request: web.Request) -> int:
        return status if "watch" in request.query else 0

    return answer


async def test_watches_go_on_after_whatever_is_answered(plane: Plane, tmp_path: Path) -> None:
    async with way_to(plane) as way:
        path = tmp_path / "way.json"
        path.write_text(way.kubeconfig(plane.token))
        options = ("--no-lease", "--watch-silence", "4")
        async with operating.operating(plane, tmp_path, *options, kubeconfig=path) as operator:
            await apply(plane, AGENT)
            await until(plane, DESK, ready)
            for number, status in enumerate((429, 500, 503, 504)):
                way.answer = _refusing(status)
                await way.cut()
                await asyncio.sleep(1.5)
                way.answer = lambda _: 0
                await _seen_again(plane, number)
            await _watched(way, 11)  # the hub's kinds and the region's
            await way.cut({"type": "ERROR", "object": EXPIRED})
            await _seen_again(plane, 10)
            for number, code in enumerate((500, 429), start=11):
                await way.cut({"type": "ERROR", "object": EXPIRED | {"code": code}}, of=IN_REGION)
                await _seen_again(plane, number)
            await _unanswered(way)
            await _seen_again(plane, 20)
            assert operator.process.returncode is None


async def test_an_operator_that_has_lost_a_watch_of_the_hub_ends_and_the_next_one_sees(
    plane: Plane, tmp_path: Path
) -> None:
    async with way_to(plane) as way:
        path = tmp_path / "way.json"
        path.write_text(way.kubeconfig(plane.token))
        async with operating.operating(plane, tmp_path, kubeconfig=path) as operator:
            await apply(plane, AGENT)
            await until(plane, DESK, ready)
            await _watched(way, 1, of="/voiceagents")
            await way.cut({"type": "ERROR", "object": EXPIRED | {"code": 500}}, of="/voiceagents")
            async with asyncio.timeout(30):
                assert await operator.process.wait() == 1
            assert "Error in the watch-stream" in operator.log.read_text()
    async with operating.operating(plane, tmp_path / "next"):
        await _seen_again(plane, 30)


async def _watched(way: Way, number: int, *, of: str = "/") -> None:
    """Wait until so many watches go on."""
    for _ in range(300):
        if sum(of in path for path, _ in way.watches.values()) >= number:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"fewer than {number} watches of {of} in 30 s")


async def _unanswered(way: Way) -> None:
    """Let new watches wait for longer than their silence may be."""
    way.delay_s = lambda request: 600.0 if "watch" in request.query else 0.0
    await way.cut()
    await asyncio.sleep(6)
    way.delay_s = lambda _: 0.0


class _Short:
    """An API server whose watches end at once, or whose lists have always expired."""

    def __init__(self, *, expired: bool) -> None:
        self.expired, self.asked = expired, 0

    async def pages(self, *_: object, **__: object) -> AsyncIterator[tuple[list[dict[str, Any]], str]]:
        self.asked += 1
        if self.expired:
            raise errors.GoneError("the place in the list is gone")
        yield [], "1"

    async def watch(self, *_: object, **__: object) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        self.asked += 1
        return
        yield


@pytest.mark.parametrize("expired", [True, False])
async def test_a_server_that_ends_every_watch_is_not_asked_without_a_pause(
    expired: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watches, "RETRY_S", 0.05)
    server = _Short(expired=expired)
    watch = RegionWatch(server, "voiceplane", "hub", lambda _: None)  # type: ignore[arg-type]
    loop = asyncio.get_running_loop()
    following, begun = asyncio.create_task(watch._follow(KINDS["Service"])), loop.time()
    await waiting.until(lambda: server.asked >= 12, within_s=20)
    following.cancel()
    assert loop.time() - begun > 0.25, "five pauses at least: it asks twice at most before each"


class _Refusing:
    """An API server that refuses to list until it is told otherwise, and then says something."""

    def __init__(self) -> None:
        self.asked, self.allowed = 0, False

    async def pages(self, *_: object, **__: object) -> AsyncIterator[tuple[list[dict[str, Any]], str]]:
        self.asked += 1
        if not self.allowed:
            raise errors.AccessDeniedError("services: 403: not allowed")
        yield [], "1"

    async def watch(self, *_: object, **__: object) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        yield "BOOKMARK", {"metadata": {"resourceVersion": "2"}}
        await asyncio.Event().wait()


async def test_a_watch_that_is_not_allowed_is_told_once_and_once_more_when_it_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(watches, "RETRY_S", 0.01)
    monkeypatch.setattr(watches, "REFUSED_S", 0.02)
    server = _Refusing()
    watch = RegionWatch(server, "voiceplane", "hub", lambda _: None)  # type: ignore[arg-type]
    with caplog.at_level(logging.INFO, logger=watches.__name__):
        following = asyncio.create_task(watch._follow(KINDS["Service"]))
        async with asyncio.timeout(10):
            while server.asked < 5:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            assert [one.message for one in caplog.records] == ["a watch is not allowed"]
            server.allowed = True
            while len(caplog.records) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        following.cancel()
    assert [one.message for one in caplog.records] == ["a watch is not allowed", "a watch goes on"]


async def test_a_watch_that_is_refused_again_and_again_is_asked_for_ever_more_rarely() -> None:
    for refused, least, most in ((1, 0.5, 1.0), (4, 4.0, 8.0), (6, 15.0, 30.0), (10_000, 15.0, 30.0)):
        assert all(least <= watches.pause_s(refused) <= most for _ in range(100))
