"""/healthz, /readyz and /metrics. Liveness is progress: a pass that does not end, or a silent hub, fails it."""

import contextlib
from collections.abc import AsyncIterator, Callable

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


@contextlib.asynccontextmanager
async def serving(
    host: str, port: int, *, active_s: Callable[[], float], ready: Callable[[], bool], refresh: Callable[[], None]
) -> AsyncIterator[int]:
    """Serve until the block ends; yield the port."""

    async def healthz(_: web.Request) -> web.Response:
        age_s = active_s()
        if age_s > STUCK_S:
            return web.Response(status=503, text=f"a pass has not ended for {age_s:.0f} s\n")
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n") if ready() else web.Response(status=503, text="not yet\n")

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
