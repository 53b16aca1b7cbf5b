"""Definitions that are missing or older than the operator: told where people look, and taken up when they come."""

import asyncio
import copy
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from tests.cluster.plane import Plane, PlaneOptions, running_plane
from tests.control import controllers, operating
from tests.control.operating import AGENT, REGION, apply, condition, read, ready, until

from voiceplane_operator import crds

pytestmark = [pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="module")]
DESK = ("va", "-n", "support", "parcel-desk")
AGENTS = "voiceagents.voiceplane.dev"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def plane(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Plane]:
    """Have a plane on which nothing is installed."""
    options = PlaneOptions(controllers=False)
    async with running_plane(tmp_path_factory.mktemp("plane"), options) as running, controllers.rolling_out(running):
        yield running


async def readyz(operator: operating.Operator, said: str, *, within_s: float = 40.0) -> None:
    """Wait until /readyz says something."""
    text = ""
    try:
        async with asyncio.timeout(within_s), aiohttp.ClientSession() as session:
            while True:
                port = re.search(r"ready metrics=(\d+)", operator.log.read_text())
                if port:
                    async with session.get(f"http://127.0.0.1:{port[1]}/readyz") as answer:
                        text = await answer.text()
                        if said in text:
                            assert answer.status == (200 if said == "ok" else 503)
                            return
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise AssertionError(f"/readyz says {text!r}, not {said!r}") from None


def older(live: dict[str, Any]) -> dict[str, Any]:
    """Return the definition of agents as an earlier version could have it."""
    made = copy.deepcopy(live)
    made["metadata"]["annotations"][crds.SCHEMA_HASH] = "0" * 16
    properties = made["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    del properties["spec"]["properties"]["hints"]
    del properties["status"]["properties"]["policyDigest"]
    return made


async def test_definitions_that_are_missing_are_told_and_taken_up_when_they_come(plane: Plane, tmp_path: Path) -> None:
    async with operating.operating(plane, tmp_path) as operator:
        await readyz(operator, f"{AGENTS} is not installed")
        assert operator.process.returncode is None
        await operating.prepare(plane)
        await readyz(operator, "ok")
        await apply(plane, REGION % ("here", "capacity: 1000, inCluster: {}"))
        await apply(plane, AGENT)
        await until(plane, DESK, ready)
        assert "is not installed" in operator.log.read_text()


async def test_a_definition_that_is_older_is_told_with_what_it_lacks(plane: Plane, tmp_path: Path) -> None:
    good = (operating.CRDS / "voiceagents.yaml").read_text()
    await plane.kubectl("replace", "-f", "-", stdin=json.dumps(older(await read(plane, "crd", AGENTS))))
    async with operating.operating(plane, tmp_path) as operator:
        await readyz(operator, f"{AGENTS} lacks spec.hints, status.policyDigest: ")
        raw = await until(plane, DESK, lambda raw: condition(raw, "SchemaCurrent").get("reason") == "SchemaSkew")
        told = condition(raw, "SchemaCurrent")["message"]
        assert "lacks spec.hints, status.policyDigest" in told and "voiceplane-crds" in told
        await plane.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=good)
        await readyz(operator, "ok")
        await until(plane, DESK, lambda raw: ready(raw) and not condition(raw, "SchemaCurrent"))
