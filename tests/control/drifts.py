"""Measure how long the operator takes to repair what somebody else has changed or deleted. Used by measure.py.

One change at a time, in any of the regions; repaired is when the API server has the object again as it was.
"""

import asyncio
import contextlib
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
from tests.control import controllers

from voiceplane_operator import names

SAMPLES = 120  # of each kind of drift: a 99th percentile needs a hundred
REPAIR_S = 20.0  # what is not repaired by then counts as this long, and as not repaired
LOOK_EVERY_S = 0.01
Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Edit:
    """A change that somebody makes to a kind of child, and the field that tells when it is undone."""

    path: str  # of the collection
    patch: Object
    field: Callable[[Object], Any]


DEPLOYMENTS = Edit(
    "/apis/apps/v1/namespaces/voiceplane/deployments",
    {"spec": {"revisionHistoryLimit": 7}},
    lambda raw: raw["spec"]["revisionHistoryLimit"],
)
SERVICES = Edit(
    "/api/v1/namespaces/voiceplane/services",
    {"spec": {"selector": {names.COMPONENT: "somebody-elses"}}},
    lambda raw: raw["spec"]["selector"][names.COMPONENT],
)
POLICIES = "/apis/networking.k8s.io/v1/namespaces/voiceplane/networkpolicies"
SELECTED = f"?labelSelector={names.AGENT}%2C{names.AGENT}%21%3D{names.REGION_MARK}"  # of agents, not of the region


async def drift(sessions: Sequence[aiohttp.ClientSession]) -> dict[str, float]:
    """Delete children and edit others; return how long each kind of drift lasted."""
    deletes = [await _deleted(*await _choose(sessions, POLICIES)) for _ in range(SAMPLES)]
    edits = []
    for number in range(SAMPLES):
        edit = (DEPLOYMENTS, SERVICES)[number % 2]
        edits.append(await _edited(*await _choose(sessions, edit.path), edit))
    return _figures("drift_delete", deletes) | _figures("drift_edit", edits)


def _figures(name: str, waits: list[float]) -> dict[str, float]:
    waits = sorted(waits)
    p99 = waits[int(0.99 * (len(waits) - 1))]
    return {
        f"{name}_p50_s": round(statistics.median(waits), 3),
        f"{name}_p99_s": round(p99, 3),
        f"{name}_max_s": round(waits[-1], 3),
        f"{name}_unrepaired": sum(1 for wait_s in waits if wait_s >= REPAIR_S),
        f"{name}s": len(waits),
    }


async def _choose(sessions: Sequence[aiohttp.ClientSession], path: str) -> tuple[aiohttp.ClientSession, str]:
    opened = random.choice(sessions)
    async with opened.get(f"{path}{SELECTED}", headers={"Accept": controllers.NAMES_ONLY}) as answer:
        there = [one["metadata"]["name"] for one in (await answer.json(content_type=None))["items"]]
    return opened, f"{path}/{random.choice(there)}"


async def _deleted(opened: aiohttp.ClientSession, path: str) -> float:
    before = (await _get(opened, path))["metadata"]["uid"]
    begun = time.monotonic()
    async with opened.delete(path) as answer:
        assert answer.status == 200, await answer.text()
    await _until(opened, path, lambda raw: raw.get("metadata", {}).get("uid", before) != before)
    return time.monotonic() - begun


async def _edited(opened: aiohttp.ClientSession, path: str, edit: Edit) -> float:
    before = edit.field(await _get(opened, path))
    begun = time.monotonic()
    body, headers = json.dumps(edit.patch), {"Content-Type": controllers.MERGE}
    async with opened.patch(f"{path}?fieldManager=somebody", data=body, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        assert edit.field(await answer.json()) != before, "the edit changes something"
    await _until(opened, path, lambda raw: edit.field(raw) == before)
    return time.monotonic() - begun


async def _get(opened: aiohttp.ClientSession, path: str) -> Object:
    async with opened.get(path) as answer:
        raw: Object = await answer.json()
        return raw


async def _until(opened: aiohttp.ClientSession, path: str, true: Callable[[Object], bool]) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(REPAIR_S):
            while True:
                if true(await _get(opened, path)):
                    return
                await asyncio.sleep(LOOK_EVERY_S)
    print(f"not repaired in {REPAIR_S:g} s: {path}", file=sys.stderr)
