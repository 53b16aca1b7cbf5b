"""The gateways of an agent are scaled by their calls, as a Prometheus sees them: by KEDA, and by engine hpa.

API server, controllers, KEDA, Prometheus and its adapter are real, and so is the operator; pods are reported only, and
each answers with the metric of a gateway at an address of its own.
"""

import contextlib
import functools
import json
import textwrap
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cluster import adapter, keda, metrics
from tests.cluster.gateways import Gateways
from tests.cluster.metrics import Prometheus
from tests.cluster.plane import ROOT, Plane, PlaneOptions, running_plane
from tests.control import kubelet, operating
from tests.control.kubelet import ReportingNode
from tests.control.operating import AGENT, apply, condition, read, ready, until

from voiceplane_operator import names

pytestmark = pytest.mark.timeout(1800)  # the first run on a machine builds KEDA
DESK = ("va", "-n", "support", "parcel-desk")
HPA = ("hpa", "-n", "voiceplane")
REGION = """
apiVersion: voiceplane.dev/v1alpha1
kind: VoiceRegion
metadata: {name: here}
spec: {mode: cloud, location: US, inCluster: {}, planner: {engine: ray}, capacity: 1000, gateway: {calls: 10},
       autoscaling: {enabled: true, maxReplicas: 3, %s}}
"""
SOON = "scaleDownAfter: 10s"


@dataclass(frozen=True, slots=True)
class Stage:
    """A plane whose gateways are reported, and the Prometheus that asks them."""

    plane: Plane
    gateways: Gateways
    prometheus: Prometheus
    node: ReportingNode


@contextlib.asynccontextmanager
async def staged(folder: Path) -> AsyncIterator[Stage]:
    """Have a stage until the block ends."""
    async with (
        Gateways().serving() as gateways,
        running_plane(folder / "plane", PlaneOptions(aggregation=True)) as plane,
        metrics.running_prometheus(folder / "prometheus") as prometheus,
        kubelet.reporting(str(plane.kubeconfig)) as node,
    ):
        node.address = functools.partial(gateways.address, prometheus=prometheus)
        await operating.prepare(plane)
        yield Stage(plane, gateways, prometheus, node)


def _labels(revision: str) -> tuple[str, ...]:
    return "-n", "voiceplane", "-l", f"{names.COMPONENT}=gateway,{names.REVISION}={revision}"


def _gateways(revision: str) -> tuple[str, ...]:
    return "deployment", *_labels(revision)


def _replicas(count: int) -> Any:
    return lambda raw: _counts(raw) == [count]


def _counts(raw: dict[str, Any]) -> list[int]:
    return [one["spec"]["replicas"] for one in raw["items"]]


def _owners_of_replicas(raw: dict[str, Any]) -> set[str]:
    fields = raw["metadata"]["managedFields"]
    return {one["manager"] for one in fields if "f:replicas" in one["fieldsV1"].get("f:spec", {})}


async def test_keda_scales_gateways_with_their_calls_and_a_rollout_keeps_as_many(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage, keda.running_keda(stage.plane, tmp_path / "keda"):
        plane, gateways = stage.plane, stage.gateways
        async with operating.operating(plane, tmp_path / "operator", "--no-lease"):
            await apply(plane, REGION % _keda(stage))
            await apply(plane, AGENT)
            revision = (await until(plane, DESK, ready))["status"]["revision"]
            await until(plane, HPA, _active)
            before = await read(plane, *DESK)

            gateways.calls = 15  # of the only gateway, which is to have 7
            await until(plane, _gateways(revision), _replicas(3))
            gateways.calls = 5  # of each of three
            live = await _deployment(plane, revision)
            assert names.MANAGER not in _owners_of_replicas(live), "the operator does not own the count"
            after = await until(plane, DESK, ready)
            assert condition(after, "CapacityAvailable")["status"] == "True"
            assert condition(after, "Ready") == condition(before, "Ready"), "scaling is no news"

            gateways.calls = 0
            await until(plane, HPA, _held)
            assert _counts(await read(plane, *_gateways(revision))) == [3], "a lull of seconds takes no gateway away"

            await apply(plane, AGENT.replace("How can I help you?", "What can I do for you?"))
            moved = await until(plane, DESK, lambda raw: ready(raw) and raw["status"]["revision"] != revision)
            newest = moved["status"]["revision"]
            assert _counts(await read(plane, *_gateways(newest))) == [3], "calls moved to as many as they came from"
            await until(plane, _gateways(revision), lambda raw: not raw["items"])
            await until(plane, HPA, _held_with_one_for_least)
            assert _counts(await read(plane, *_gateways(newest))) == [3], "a rollout is no reason to have fewer"


async def test_keda_takes_gateways_away_after_their_last_call_and_tells_when_it_sees_none(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage, keda.running_keda(stage.plane, tmp_path / "keda"):
        plane, gateways, node = stage.plane, stage.gateways, stage.node
        async with operating.operating(plane, tmp_path / "operator", "--no-lease"):
            await apply(plane, REGION % f"{_keda(stage)}, {SOON}")
            await apply(plane, AGENT)
            revision = (await until(plane, DESK, ready))["status"]["revision"]
            pods = ("pods", *_labels(revision))
            gateways.calls = 15
            await until(plane, pods, _count(3), within_s=120)

            node.busy.add(revision)
            gateways.calls = 3  # of each: nine are too many for one gateway
            await until(plane, _gateways(revision), _replicas(2), within_s=120)
            await until(plane, HPA, functools.partial(_content, count=2))
            there = (await read(plane, *pods))["items"]
            leaving = [one for one in there if "deletionTimestamp" in one["metadata"]]
            assert (len(there), len(leaving)) == (3, 1), "one is told to end, and its calls go on"
            assert _replicas(2)(await read(plane, *_gateways(revision))), "nine calls keep two gateways"

            node.busy.clear()
            left = (await until(plane, pods, _count(2)))["items"]
            gateways.only({one["metadata"]["name"] for one in left}, stage.prometheus)
            gateways.calls = 0
            (last,) = (await until(plane, pods, _count(1), within_s=120))["items"]
            gateways.only({last["metadata"]["name"]}, stage.prometheus)
            await until(plane, HPA, functools.partial(_content, count=1))
            assert _counts(await read(plane, *_gateways(revision))) == [1], "the fewest there may be"

            well = await until(plane, DESK, _follows("True"))
            stage.prometheus.scrape({})  # it has lost sight of the gateways, which are there
            told = await until(plane, DESK, _follows("False"), within_s=300)
            assert condition(told, "AutoscalingActive")["reason"] == "MetricMissing"
            assert told["status"]["regionStates"][0]["condition"]["reason"] == "ServingUnscaled"
            assert condition(told, "Ready") == condition(well, "Ready"), "calls are answered"
            assert _counts(await read(plane, *_gateways(revision))) == [1], "no answer is not no calls"
            stage.prometheus.scrape(gateways.targets)
            await until(plane, DESK, _follows("True"), within_s=120)


async def test_an_adapter_with_the_documented_rule_scales_gateways_of_engine_hpa(tmp_path: Path) -> None:
    async with (
        staged(tmp_path) as stage,
        adapter.running_adapter(stage.plane, tmp_path / "adapter", stage.prometheus, rules=_documented()),
    ):
        plane, gateways = stage.plane, stage.gateways
        async with operating.operating(plane, tmp_path / "operator", "--no-lease"):
            await apply(plane, REGION % f"engine: hpa, {SOON}")
            await apply(plane, AGENT)
            revision = (await until(plane, DESK, ready))["status"]["revision"]
            await until(plane, HPA, _active)
            await until(plane, DESK, _follows("True"))
            gateways.calls = 15
            await until(plane, _gateways(revision), _replicas(3))
            assert names.MANAGER not in _owners_of_replicas(await _deployment(plane, revision))
            gateways.calls = 0
            await until(plane, _gateways(revision), _replicas(1), within_s=120)
            assert condition(await until(plane, DESK, ready), "AutoscalingActive")["status"] == "True"


def _keda(stage: Stage) -> str:
    return f'engine: keda, prometheus: "{stage.prometheus.address}"'


def _documented() -> list[dict[str, Any]]:
    """Return the rules for the adapter as docs/kubernetes.md gives them to its chart."""
    _, begins, rest = (ROOT / "docs" / "kubernetes.md").read_text().partition("\n    rules:")
    block = (begins + rest).strip("\n").partition("\n\n")[0]
    found: list[dict[str, Any]] = yaml.safe_load(textwrap.dedent(block))["rules"]["external"]
    return found


def _active(raw: dict[str, Any]) -> bool:
    """Say whether the autoscaler has read the metric."""
    return any(condition(one, "ScalingActive").get("status") == "True" for one in raw["items"])


def _held(raw: dict[str, Any]) -> bool:
    return any(condition(one, "AbleToScale").get("reason") == "ScaleDownStabilized" for one in raw["items"])


def _held_with_one_for_least(raw: dict[str, Any]) -> bool:
    """Say whether the only autoscaler keeps what it has, and may have one."""
    return len(raw["items"]) == 1 and raw["items"][0]["spec"]["minReplicas"] == 1 and _held(raw)


def _content(raw: dict[str, Any], *, count: int) -> bool:
    """Say whether the autoscaler has so many gateways and wants no others, also when it looks again."""
    (one,) = raw["items"]
    wants = condition(one, "AbleToScale").get("reason") == "ReadyForNewScale"
    return wants and one["status"]["currentReplicas"] == one["status"]["desiredReplicas"] == count


def _count(number: int) -> Any:
    return lambda raw: len(raw["items"]) == number


def _follows(status: str) -> Any:
    return lambda raw: condition(raw, "AutoscalingActive").get("status") == status


async def _deployment(plane: Plane, revision: str) -> dict[str, Any]:
    raw = json.loads(await plane.kubectl("get", *_gateways(revision), "-o", "json", "--show-managed-fields"))
    (one,) = raw["items"]
    found: dict[str, Any] = one
    return found
