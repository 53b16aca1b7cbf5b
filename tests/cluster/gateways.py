"""Gateways that are only reported, each answering with the metric of a gateway at an address of its own."""

import contextlib
import random
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from tests.cluster.metrics import Prometheus

from voiceplane.runtime.metrics import CALLS_ACTIVE
from voiceplane_operator import names
from voiceplane_operator.manifests.common import GATEWAY_METRICS


@dataclass(slots=True)
class Gateways:
    """The metrics of gateways: each has so many calls."""

    calls: int = 0
    network: str = field(default_factory=lambda: f"127.{random.randint(64, 250)}.{random.randint(0, 255)}")
    pods: dict[str, str] = field(default_factory=dict)
    targets: dict[str, dict[str, Any]] = field(default_factory=dict)

    def address(self, pod: dict[str, Any], prometheus: Prometheus) -> str:
        """Give a pod an address; a gateway's is scraped from now on."""
        meta = pod["metadata"]
        if meta["name"] in self.pods:
            return self.pods[meta["name"]]
        address = self.pods[meta["name"]] = f"{self.network}.{len(self.pods) + 1}"
        if meta["labels"].get(names.COMPONENT) == "gateway":
            self.targets[f"{address}:{GATEWAY_METRICS}"] = meta
            prometheus.scrape(self.targets)
        return address

    def only(self, pods: Collection[str], prometheus: Prometheus) -> None:
        """Let only these be scraped from now on: others are gone."""
        self.targets = {address: meta for address, meta in self.targets.items() if meta["name"] in pods}
        prometheus.scrape(self.targets)

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
