"""The operator's table, from figures that are known, and what the figures come from."""

import asyncio
import contextlib
import json

import aiohttp
import pytest
from aiohttp import web
from tests.control import controllers
from tests.control.measured import PARTED, parted_table, table


def test_a_size_is_a_column_and_a_goal_stands_at_its_size() -> None:
    text = table({100: {"rss_mb": 102.0}, 5000: {"rss_mb": 390.0, "restart_to_steady_s": 41.5}}, 3)
    assert "| over 3 clusters | 100 agents | 5,000 agents | goal |" in text
    assert "| operator memory, highest | 102 MB | 390 MB | < 400 MB at 5,000 |" in text
    assert "| restart to steady |  | 41.5 s | < 60 s at 5,000 |" in text


def test_a_size_that_failed_says_so() -> None:
    assert "| operator memory, highest | failed |" in table({100: None}, 3)


def test_partitions_stand_beside_their_goals_and_a_failure_says_so() -> None:
    figures = {name: 0.0 for _, name, _, _ in PARTED} | {"partition_no_placement_max_s": 17.3}
    text = parted_table(figures)
    assert "| region lost: no new placement, longest | 17.3 s | < 30 s |" in text
    assert "| orphans after return | 0 | 0 |" in text
    assert "| orphans after return | failed | 0 |" in parted_table(None)


@pytest.mark.asyncio
async def test_a_watch_that_the_server_ends_does_not_end_what_is_measured() -> None:
    told = 0

    async def watch(request: web.Request) -> web.StreamResponse:
        nonlocal told
        response = web.StreamResponse()
        await response.prepare(request)
        told += 1
        await response.write(json.dumps({"type": "ADDED", "object": {"number": told}}).encode() + b"\n")
        if told == 2:
            await response.write(json.dumps({"type": "ERROR", "object": {"code": 410}}).encode() + b"\n")
        return response

    application = web.Application()
    application.add_routes([web.get("/things", watch)])
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with aiohttp.ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as opened:
            async with contextlib.aclosing(controllers.events(opened, "/things")) as events, asyncio.timeout(10):
                seen = [(await anext(events))[1]["number"] for _ in range(3)]
    finally:
        await runner.cleanup()
    assert seen == [1, 2, 3]
