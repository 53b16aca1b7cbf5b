"""Measure what partitions do: no agent goes where nobody answers, nothing is deleted, nothing is left. Used by measure.

Several regions go through their rounds side by side, each with agents of its own that may be in it and on the hub's
cluster. In a round the region is parted. Agents are created until one is placed without it; then one that runs there is
deleted, in every second round with the glass broken, so that only its objects are left. When the region is back those
go, and nothing else has: the Deployments of the other agents are the same ones.
"""

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cluster.plane import Plane
from tests.control import operating
from tests.control.faults import Way
from tests.control.operating import condition, read, ready, until

from voiceplane_operator import names

LOST_WITHIN_S = 60.0  # twice the goal: a round that takes longer has failed
BACK_WITHIN_S = 90.0
CHILDREN = "deployments,services,configmaps,secrets,networkpolicies,poddisruptionbudgets,horizontalpodautoscalers"
GLASS = f"{names.RELEASE}=true"
Object = dict[str, Any]


@dataclass(slots=True)
class Partitions:
    """One region's rounds and what was seen; `far` is the plane behind the way, `region` its name on the hub."""

    hub: Plane
    far: Plane
    way: Way
    region: str
    agent: Object  # as each new one is
    lost_s: list[float] = field(default_factory=list)
    back_s: list[float] = field(default_factory=list)
    clean_s: list[float] = field(default_factory=list)
    deletes: int = 0  # asked for while parted, or of an agent that nobody deleted
    orphans: int = 0
    replaced: int = 0  # Deployments of others that are not the ones from before

    async def run(self, rounds: int) -> None:
        """Part the region so many times."""
        for number in range(rounds):
            await self._round(number)
            print(f"{self.region}: parted {number + 1} times", file=sys.stderr, flush=True)

    async def _round(self, number: int) -> None:
        victim = f"gone-{self.region}-{number}"
        await self._create(victim)
        await until(self.hub, _va(victim), lambda raw: ready(raw) and self._is_placed(raw))
        kept = await self._deployments(but=victim)
        self.way.deletes.clear()
        begun = time.monotonic()
        self.way.part()
        others = await self._create_until_elsewhere(number, begun)
        await until(self.hub, ("vr", self.region), lambda raw: _is_ready(raw) == "Unknown")
        await self._delete(victim)
        if number % 2:
            await self.hub.kubectl("annotate", *_va(victim), GLASS)
            await self._gone(victim)
        self.deletes += len(self.way.deletes)
        self.way.deletes.clear()
        self.way.parted = False
        begun = time.monotonic()
        await until(self.hub, ("vr", self.region), lambda raw: _is_ready(raw) == "True", within_s=BACK_WITHIN_S)
        self.back_s.append(time.monotonic() - begun)
        self.orphans += await self._left_of(victim, begun)
        prefix = names.prefix(f"support/{victim}")
        self.deletes += sum(1 for path in self.way.deletes if prefix not in path)
        self.replaced += len(kept - await self._deployments(but=victim))
        for name in others:
            await self._delete(name)
        for name in others:
            await self._gone(name)

    async def _create_until_elsewhere(self, number: int, begun: float) -> list[str]:
        """Create an agent a second until one is placed without the parted region; take the time when it came."""
        made: list[str] = []
        async with asyncio.timeout(LOST_WITHIN_S):
            while True:
                name, at = f"new-{self.region}-{number}-{len(made)}", time.monotonic()
                made.append(name)
                await self._create(name)
                raw = await until(self.hub, _va(name), lambda raw: bool(_regions(raw)))
                if not self._is_placed(raw):
                    self.lost_s.append(at - begun)
                    return made
                await asyncio.sleep(max(0.0, at + 1.0 - time.monotonic()))

    async def _left_of(self, victim: str, begun: float) -> int:
        """Wait until nothing of it is left, nor itself on the hub, and return how much is when the time is over."""
        label, left = f"{names.AGENT}={names.prefix(f'support/{victim}')}", 1
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(BACK_WITHIN_S):
                while left:
                    left = len((await read(self.far, CHILDREN, "-n", "voiceplane", "-l", label))["items"])
                    left += await self._is_there(victim)
        self.clean_s.append(time.monotonic() - begun)
        return left

    async def _deployments(self, *, but: str) -> set[str]:
        raw = await read(self.far, "deployments", "-n", "voiceplane", "-l", names.AGENT)
        prefix = names.prefix(f"support/{but}")
        return {one["metadata"]["uid"] for one in raw["items"] if one["metadata"]["labels"][names.AGENT] != prefix}

    def _is_placed(self, raw: Object) -> bool:
        return self.region in _regions(raw)

    async def _is_there(self, name: str) -> bool:
        return bool(await self.hub.kubectl("get", *_va(name), "--ignore-not-found", "-o", "name"))

    async def _gone(self, name: str) -> None:
        async with asyncio.timeout(BACK_WITHIN_S):
            while await self._is_there(name):  # noqa: ASYNC110  (asks an API server)
                await asyncio.sleep(0.3)

    async def _create(self, name: str) -> None:
        meta = {"name": name, "namespace": "support"}
        await operating.apply(self.hub, json.dumps(self.agent | {"metadata": meta}))

    async def _delete(self, name: str) -> None:
        await self.hub.kubectl("delete", *_va(name), "--wait=false")


async def parted(
    hub: Plane, folder: Path, tracks: Sequence[Partitions], agents: Sequence[Object], *, rounds: int
) -> dict[str, float]:
    """Return the figures of so many rounds, shared by the tracks; the agents are what nobody touches."""
    async with operating.operating(hub, folder, "--no-lease"):
        for agent in agents:
            wanted = len(agent["spec"]["placement"]["residency"])
            await until(
                hub,
                _va(agent["metadata"]["name"]),
                lambda raw, wanted=wanted: ready(raw) and len(_regions(raw)) == wanted,  # type: ignore[misc]
                within_s=300,
            )
        async with asyncio.TaskGroup() as group:
            for number, track in enumerate(tracks):
                group.create_task(track.run(rounds // len(tracks) + (number < rounds % len(tracks))))
    return {
        "partitions": sum(len(one.lost_s) for one in tracks),
        "partition_regions": len(tracks),
        "partition_no_placement_max_s": round(max(wait for one in tracks for wait in one.lost_s), 1),
        "partition_back_max_s": round(max(wait for one in tracks for wait in one.back_s), 1),
        "partition_clean_max_s": round(max(wait for one in tracks for wait in one.clean_s), 1),
        "partition_deletes": sum(one.deletes for one in tracks),
        "partition_orphans": sum(one.orphans for one in tracks),
        "partition_replaced": sum(one.replaced for one in tracks),
    }


def _va(name: str) -> tuple[str, ...]:
    return ("va", "-n", "support", name)


def _regions(raw: Object) -> set[str]:
    return {one["name"] for one in (raw.get("status") or {}).get("regionStates") or ()}


def _is_ready(raw: Object) -> str:
    return str(condition(raw, "Ready").get("status", ""))
