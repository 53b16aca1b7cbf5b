"""/healthz, /readyz and /metrics. Liveness is progress: a pass that does not end fails it, and keys nobody takes up."""

import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import asdict, dataclass, field

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest

STUCK_S = 150.0  # a pass has deadlines of 30 s in each region and 10 s for each request to the hub
RECONCILES = Counter("reconcile_total", "Passes", ["kind", "result"])
RECONCILE_SECONDS = Histogram(
    "reconcile_duration_seconds", "Duration of a pass", ["kind"],
    buckets=(  # close around the share of a slow region, 3 s, and the goal, 5 s
        0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 7.5, 10.0,
        30.0,
    ),
)  # fmt: skip
DEPTH = Gauge("workqueue_depth", "Keys that are due")
UNFINISHED = Gauge("unfinished_work_seconds", "Age of the oldest pass that goes on")
LEADING = Gauge("voiceplane_operator_leading", "1 while this replica leads")
REGIONS_LOST = Gauge("voiceplane_regions_lost", "Regions without contact")
SCHEMA_SKEW = Gauge("voiceplane_schema_skew", "1 while the definitions on the hub are not this version's")


@dataclass(frozen=True, slots=True)
class Progress:
    """How old everything is, in seconds; keys are as people name objects, kind and name."""

    pass_s: float = 0.0  # of the oldest pass that goes on
    pass_of: str = ""
    due_s: float = 0.0  # since the oldest key that nobody works on has been due
    due: str = ""
    idle_s: float = 0.0  # since a pass has ended
    depth: int = 0
    heard_s: Mapping[str, float] = field(default_factory=dict)  # of each kind on the hub, since its last event
    regions: Mapping[str, "RegionAges"] = field(default_factory=dict)

    def problem(self) -> str:
        """Say why this process must be started anew; empty while it makes progress.

        Keys may be due for long when there are many: as long as passes end, they are worked on.
        """
        if self.pass_s > STUCK_S:
            return f"the pass of {self.pass_of} has not ended for {self.pass_s:.0f} s"
        if min(self.due_s, self.idle_s) > STUCK_S:
            return f"{self.due} has been due for {self.due_s:.0f} s, and no pass has ended for {self.idle_s:.0f} s"
        return ""


@dataclass(frozen=True, slots=True)
class RegionAges:
    """A region's contact, and how long ago its watches said something; bookmarks come about once a minute."""

    contact: str
    heard_s: Mapping[str, float]


@contextlib.asynccontextmanager
async def serving(
    host: str, port: int, *, progress: Callable[[], Progress], lacks: Callable[[], str], refresh: Callable[[], None]
) -> AsyncIterator[int]:
    """Serve until the block ends; yield the port. `lacks` says what stands against being ready."""

    async def healthz(_: web.Request) -> web.Response:
        seen = progress()
        problem = seen.problem()
        told = json.dumps({"healthy": not problem, "problem": problem} | _rounded(asdict(seen)), indent=2)
        return web.Response(status=503 if problem else 200, text=told + "\n", content_type="application/json")

    async def readyz(_: web.Request) -> web.Response:
        lacking = lacks()
        return web.Response(status=503, text=f"{lacking}\n") if lacking else web.Response(text="ok\n")

    async def metrics(_: web.Request) -> web.Response:
        refresh()
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    application = web.Application()
    application.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def _rounded(told: object) -> dict[str, object]:
    """Return ages to the tenth of a second."""
    assert isinstance(told, dict)
    return {key: _one(value) for key, value in told.items()}


def _one(value: object) -> object:
    return round(value, 1) if isinstance(value, float) else _rounded(value) if isinstance(value, dict) else value
