"""A region that is lost: others go on at once, nothing is deleted or made elsewhere in its name, and it comes back."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from tests import waiting
from tests.cluster.plane import Plane, PlaneOptions, running_plane
from tests.control import controllers, operating
from tests.control.access import agent
from tests.control.faults import way_to
from tests.control.operating import AGENT, REGION, Operator, apply, condition, read, ready, until

pytestmark = [pytest.mark.timeout(600), pytest.mark.asyncio]
ISLAND = ("vr", "island")


def va(name: str) -> tuple[str, ...]:
    return ("va", "-n", "support", name)


def states(raw: Any) -> dict[str, str]:
    """Return the reason that an agent tells of each of its regions."""
    found = (raw.get("status") or {}).get("regionStates") or ()
    return {one["name"]: one["condition"]["reason"] for one in found}


async def deployments(plane: Plane, namespace: str) -> dict[str, tuple[str, int]]:
    """Return which Deployments are there and how large each is; one that was made anew has another uid."""
    items = (await read(plane, "deployments", "-n", namespace))["items"]
    return {one["metadata"]["name"]: (one["metadata"]["uid"], one["spec"]["replicas"]) for one in items}


async def looked(operator: Operator) -> None:
    """Wait until an operator that has just begun has found the region lost itself."""
    await waiting.until(lambda: "region lost" in operator.log.read_text(), within_s=60)


async def test_a_lost_region_keeps_its_share_over_a_restart_and_its_orphans_go_when_it_is_back(tmp_path: Path) -> None:
    async with running_plane(tmp_path / "plane", PlaneOptions(controllers=False)) as plane, way_to(plane) as way:
        await operating.prepare(plane)
        await plane.kubectl("create", "namespace", "island")
        secret = f"--from-literal=kubeconfig={way.kubeconfig(plane.token)}"
        await plane.kubectl("create", "secret", "generic", "-n", "voiceplane-system", "island", secret)
        far = REGION % ("island", "namespace: island, kubeConfig: {name: island}")
        await apply(plane, far.replace("location: US", "location: DE"))
        await apply(plane, REGION % ("here", "inCluster: {}"))
        await apply(plane, "\n---\n".join(part for part in AGENT.split("\n---") if "kind: VoiceAgent" not in part))
        async with (
            controllers.rolling_out(plane),
            controllers.rolling_out(plane, "island"),
            operating.operating(plane, tmp_path / "first", "--no-lease") as first,
        ):
            both = agent("both", "US, DE").replace("capacity: 2", "capacity: 80")
            await apply(plane, both)
            await until(plane, va("both"), lambda raw: ready(raw) and states(raw).keys() == {"here", "island"})
            before = [await deployments(plane, namespace) for namespace in ("voiceplane", "island")]
            assert all(before)
            way.deletes.clear()
            way.part()
            await apply(plane, agent("quick", "US"))  # nobody knows yet that the island is lost
            await until(plane, va("quick"), ready)
            lost = await until(plane, ISLAND, lambda raw: condition(raw, "Ready").get("status") == "Unknown")
            await until(plane, va("both"), lambda raw: states(raw).get("island") == "RegionLost")
            first.process.send_signal(signal.SIGKILL)
            await first.process.wait()
            async with operating.operating(plane, tmp_path / "second", "--no-lease") as second:
                await looked(second)
                await apply(plane, agent("new", "US, DE"))
                placed = await until(plane, va("new"), lambda raw: ready(raw) and bool(states(raw)))
                assert states(placed).keys() == {"here"}, "no new placement"
                still = await read(plane, *ISLAND)
                assert still["status"]["lostSince"] == lost["status"]["lostSince"]
                raw = await read(plane, *va("both"))
                assert states(raw) == {"here": "Serving", "island": "RegionLost"}
                assert condition(raw, "Ready")["status"] == "Unknown", raw["status"]
                after = [await deployments(plane, namespace) for namespace in ("voiceplane", "island")]
                own = {name: one for name, one in after[0].items() if name in before[0]}
                assert [own, after[1]] == before, "nothing is made elsewhere in its name, and nothing made larger"
                await plane.kubectl("delete", *va("both"), "--wait=false")
                await plane.kubectl("annotate", *va("both"), "voiceplane.dev/release-finalizer=true")
                await until(plane, va("")[:3], lambda raw: "both" not in json.dumps(raw["items"]))
                assert await deployments(plane, "island") == before[1] and way.deletes == []
                way.parted = False
                back = await until(plane, ISLAND, lambda raw: condition(raw, "Ready").get("status") == "True")
                assert "lostSince" not in back["status"]
                await until(plane, va("new"), lambda raw: ready(raw) and states(raw).keys() == {"here", "island"})

                def collected(raw: Any) -> bool:
                    return not {one["metadata"]["name"] for one in raw["items"]} & before[1].keys()

                await until(plane, ("deployments", "-n", "island"), collected)
