"""KEDA's own operator and metrics server scale the gateways of an agent by their calls, as a Prometheus sees them.

API server, controllers, KEDA and Prometheus are real, and so is the operator; pods are reported only, and each answers
with the metric of a gateway at an address of its own.
"""

import contextlib
import functools
import json
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from tests.cluster import keda
from tests.cluster.plane import Plane, PlaneOptions, running_plane
from tests.control import kubelet, operating
from tests.control.operating import AGENT, apply, condition, read, ready, until

from voiceplane.runtime.metrics import CALLS_ACTIVE
from voiceplane_operator import names
from voiceplane_operator.manifests.common import GATEWAY_METRICS

pytestmark = pytest.mark.timeout(1800)  # the first run on a machine builds KEDA
DESK = ("va", "-n", "support", "parcel-desk")
REGION = """
apiVersion: voiceplane.dev/v1alpha1
kind: VoiceRegion
metadata: {name: here}
spec: {mode: cloud, location: US, inCluster: {}, planner: {engine: ray}, capacity: 1000, gateway: {calls: 10},
       autoscaling: {enabled: true, engine: keda, maxReplicas: 3, prometheus: "%s"}}
"""


@dataclass(slots=True)
class Gateways:
    """The metrics of gateways: each has so many calls."""

    calls: int = 0
    network: str = field(default_factory=lambda: f"127.{random.randint(64, 250)}.{random.randint(0, 255)}")
    pods: dict[str, str] = field(default_factory=dict)
    targets: dict[str, dict[str, str]] = field(default_factory=dict)

    def address(self, pod: dict[str, Any], scaler: keda.Keda) -> str:
        """Give a pod an address; a gateway's is scraped from now on."""
        meta = pod["metadata"]
        if meta["name"] in self.pods:
            return self.pods[meta["name"]]
        address = self.pods[meta["name"]] = f"{self.network}.{len(self.pods) + 1}"
        if meta["labels"].get(names.COMPONENT) == "gateway":
            self.targets[f"{address}:{GATEWAY_METRICS}"] = meta["labels"]
            scaler.scrape(self.targets)
        return address

    async def metrics(self, request: web.Request) -> web.Response:
        """Answer as a gateway does."""
        registry = CollectorRegistry()
        (metric,) = CALLS_ACTIVE.collect()
        Gauge(metric.name, metric.documentation, registry=registry).set(self.calls)
        return web.Response(body=generate_latest(registry), content_type="text/plain")

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator["Gateways"]:
        """Serve at every address that a pod may get."""
        app = web.Application()
        app.router.add_get("/metrics", self.metrics)
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            for number in range(1, 31):
                await web.TCPSite(runner, f"{self.network}.{number}", GATEWAY_METRICS).start()
            yield self
        finally:
            await runner.cleanup()


def _gateways(revision: str) -> tuple[str, ...]:
    labels = f"{names.COMPONENT}=gateway,{names.REVISION}={revision}"
    return "deployment", "-n", "voiceplane", "-l", labels


def _replicas(count: int) -> Any:
    return lambda raw: [one["spec"]["replicas"] for one in raw["items"]] == [count]


def _owners_of_replicas(raw: dict[str, Any]) -> set[str]:
    fields = raw["metadata"]["managedFields"]
    return {one["manager"] for one in fields if "f:replicas" in one["fieldsV1"].get("f:spec", {})}


async def test_keda_scales_gateways_with_their_calls_and_a_rollout_keeps_as_many(tmp_path: Path) -> None:
    options = PlaneOptions(aggregation=True)
    async with (
        Gateways().serving() as gateways,
        running_plane(tmp_path / "plane", options) as plane,
        keda.running_keda(plane, tmp_path / "keda") as scaler,
        kubelet.reporting(str(plane.kubeconfig)) as node,
    ):
        node.address = functools.partial(gateways.address, scaler=scaler)
        await operating.prepare(plane)
        async with operating.operating(plane, tmp_path / "operator", "--no-lease"):
            await apply(plane, REGION % scaler.prometheus)
            await apply(plane, AGENT)
            revision = (await until(plane, DESK, ready))["status"]["revision"]
            await until(plane, ("hpa", "-n", "voiceplane"), _active)
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
            await until(plane, ("hpa", "-n", "voiceplane"), _held)
            assert _replicas(3)(await read(plane, *_gateways(revision))), "a lull of seconds takes no gateway away"

            await apply(plane, AGENT.replace("How can I help you?", "What can I do for you?"))
            moved = await until(plane, DESK, lambda raw: ready(raw) and raw["status"]["revision"] != revision)
            newest = moved["status"]["revision"]
            assert _replicas(3)(await read(plane, *_gateways(newest))), "calls moved to as many as they came from"
            await until(plane, _gateways(revision), lambda raw: not raw["items"])


def _active(raw: dict[str, Any]) -> bool:
    """Say whether the autoscaler has read the metric."""
    return any(condition(one, "ScalingActive").get("status") == "True" for one in raw["items"])


def _held(raw: dict[str, Any]) -> bool:
    return any(condition(one, "AbleToScale").get("reason") == "ScaleDownStabilized" for one in raw["items"])


async def _deployment(plane: Plane, revision: str) -> dict[str, Any]:
    raw = json.loads(await plane.kubectl("get", *_gateways(revision), "-o", "json", "--show-managed-fields"))
    (one,) = raw["items"]
    found: dict[str, Any] = one
    return found
