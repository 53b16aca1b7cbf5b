"""Definitions that are missing, older, deleted or made anew: told where people look, and taken up when they come.

Each test has a plane of its own: what is installed on it is the subject.
"""

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

from voiceplane_operator import names
from voiceplane_operator.definitions import crds

pytestmark = [pytest.mark.timeout(600), pytest.mark.asyncio]
DESK = ("va", "-n", "support", "parcel-desk")
AGENTS, POLICIES = "voiceagents.voiceplane.dev", "voicepolicies.voiceplane.dev"
POLICY = AGENT.split("\n---\n")[1]


@pytest_asyncio.fixture
async def plane(tmp_path: Path) -> AsyncIterator[Plane]:
    """Have a plane on which nothing is installed."""
    options = PlaneOptions(controllers=False)
    async with running_plane(tmp_path / "plane", options) as running, controllers.rolling_out(running):
        yield running


async def installed(plane: Plane) -> None:
    """Install what a hub has, a region and an agent."""
    await operating.prepare(plane)
    await apply(plane, REGION % ("here", "capacity: 1000, inCluster: {}"))
    await apply(plane, AGENT)


async def established(plane: Plane, name: str) -> None:
    """Install a definition anew."""
    path = operating.CRDS / f"{name.partition('.')[0]}.yaml"
    await plane.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(path))
    await plane.kubectl("wait", "--for=condition=Established", f"crd/{name}", "--timeout=30s")


async def ends(operator: operating.Operator, said: str) -> None:
    """Wait for the end of the operator, which says why: whoever runs it, such as a kubelet, starts it anew."""
    async with asyncio.timeout(60):
        assert await operator.process.wait() == 1
    last = operator.log.read_text().splitlines()[-1]
    assert last.startswith(f"the operator ends: {said}"), last


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
        await installed(plane)
        await readyz(operator, "ok")
        await until(plane, DESK, ready)
        assert "is not installed" in operator.log.read_text()


async def test_a_definition_that_is_older_is_told_with_what_it_lacks(plane: Plane, tmp_path: Path) -> None:
    await installed(plane)
    await plane.kubectl("replace", "-f", "-", stdin=json.dumps(older(await read(plane, "crd", AGENTS))))
    async with operating.operating(plane, tmp_path) as operator:
        await readyz(operator, f"{AGENTS} lacks spec.hints, status.policyDigest: ")
        raw = await until(plane, DESK, lambda raw: condition(raw, "SchemaCurrent").get("reason") == "SchemaSkew")
        told = condition(raw, "SchemaCurrent")["message"]
        assert "lacks spec.hints, status.policyDigest" in told and "voiceplane-crds" in told
        await established(plane, AGENTS)
        await readyz(operator, "ok")
        await until(plane, DESK, lambda raw: ready(raw) and not condition(raw, "SchemaCurrent"))


async def test_a_definition_that_is_deleted_ends_the_operator_and_the_next_one_takes_it_up_when_it_comes(
    plane: Plane, tmp_path: Path
) -> None:
    await installed(plane)
    async with operating.operating(plane, tmp_path / "first", "--no-lease") as operator:
        first = await until(plane, DESK, ready)
        await plane.kubectl("delete", "crd", POLICIES, "--timeout=30s")
        await ends(operator, f"{POLICIES} was deleted")
    async with operating.operating(plane, tmp_path / "next", "--no-lease") as operator:
        await readyz(operator, f"{POLICIES} is not installed")
        assert condition(await read(plane, *DESK), "Ready")["status"] == "True", "nothing is judged without policies"
        await established(plane, POLICIES)
        await apply(plane, POLICY)
        await readyz(operator, "ok")
        await apply(plane, POLICY.replace("allow: [parcel-status, reschedule]", "allow: [parcel-status]"))
        old = first["status"]["policyDigest"]
        await until(plane, DESK, lambda raw: ready(raw) and raw["status"]["policyDigest"] != old)
        assert operator.process.returncode is None


async def test_agents_whose_definition_is_deleted_are_drained_and_those_that_come_after_it_are_answered(
    plane: Plane, tmp_path: Path
) -> None:
    await installed(plane)
    of_agents = f"{names.AGENT}!={names.REGION_MARK}"
    made = ("deployments,services,networkpolicies", "-n", "voiceplane", "-l", of_agents)
    async with operating.operating(plane, tmp_path / "first", "--no-lease") as operator:
        await until(plane, DESK, ready)
        assert (await read(plane, *made))["items"]
        await plane.kubectl("delete", "crd", AGENTS, "--timeout=60s")  # done when the last agent is gone
        assert (await read(plane, *made))["items"] == [], "the finalizer held each agent until it was drained"
        await established(plane, AGENTS)
        await ends(operator, f"{AGENTS} was deleted")
    async with operating.operating(plane, tmp_path / "next", "--no-lease"):
        await apply(plane, AGENT)
        await until(plane, DESK, ready)
