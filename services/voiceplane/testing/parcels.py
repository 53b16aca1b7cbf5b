"""The parcel system of the examples: a real HTTP server with a few parcels, slow or failing on request."""

import argparse
import asyncio
import json
import sys
from dataclasses import dataclass, field

from aiohttp import web

from voiceplane.runtime import shutdown

PARCELS = {
    "456721": ("out for delivery", "today before six"),
    "731004": ("in the sorting center", "tomorrow before noon"),
    "118346": ("delayed by weather", "on Friday"),
    "900127": ("delivered", "yesterday"),
}


@dataclass(slots=True)
class ParcelSystem:
    """The state: days by parcel, and answers by idempotency key so that a repeated change happens once."""

    delay_s: float = 0.0
    fail_first: int = 0
    slow_s: dict[str, float] = field(default_factory=dict)  # by parcel, instead of delay_s
    days: dict[str, str] = field(default_factory=dict)
    answers: dict[str, dict[str, str]] = field(default_factory=dict)
    requests: int = 0
    changes: int = 0

    async def status(self, request: web.Request) -> web.Response:
        """Answer GET /parcels/{number}."""
        number = request.match_info["number"]
        refusal = await self._trouble(number)
        if refusal is not None:
            return refusal
        if number not in PARCELS:
            return web.json_response({"error": "no such parcel"}, status=404)
        status, eta = PARCELS[number]
        return web.json_response({"status": status, "eta": self.days.get(number, eta)})

    async def reschedule(self, request: web.Request) -> web.Response:
        """Answer POST /parcels/{number}/delivery."""
        number, key = request.match_info["number"], request.headers.get("idempotency-key", "")
        refusal = await self._trouble(number)
        if refusal is not None:
            return refusal
        if key in self.answers:  # without a key every request is a change of its own
            return web.json_response(self.answers[key])
        try:
            day = str((await request.json())["day"])
        except (json.JSONDecodeError, KeyError, TypeError):
            return web.json_response({"error": "day is missing"}, status=400)
        if number not in PARCELS:
            return web.json_response({"error": "no such parcel"}, status=404)
        self.days[number] = day
        self.changes += 1
        answer = {"status": "rescheduled", "day": day, "changes": str(self.changes)}
        if key:
            self.answers[key] = answer
        return web.json_response(answer)

    async def alive(self, _: web.Request) -> web.Response:
        """Answer GET /: what was asked and changed so far, for health checks and tests; never delayed."""
        return web.json_response({"parcels": len(PARCELS), "requests": self.requests, "changes": self.changes})

    async def _trouble(self, number: str) -> web.Response | None:
        self.requests += 1
        await asyncio.sleep(self.slow_s.get(number, self.delay_s))
        return web.json_response({"error": "busy"}, status=503) if self.requests <= self.fail_first else None


async def _serve(host: str, port: int, system: ParcelSystem) -> None:
    stop = shutdown.stop_event()
    application = web.Application()
    application.add_routes(
        [
            web.get("/", system.alive),
            web.get("/parcels/{number}", system.status),
            web.post("/parcels/{number}/delivery", system.reschedule),
        ]
    )
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    await site.start()
    sys.stdout.write(f"ready http={runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await stop.wait()
    await runner.cleanup()


def main() -> int:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m voiceplane.testing.parcels", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--delay-ms", type=float, default=0.0, help="wait so long before each answer")
    parser.add_argument("--fail-first", type=int, default=0, metavar="N", help="answer 503 to the first N requests")
    parser.add_argument(
        "--slow", type=_slow, action="append", default=[], metavar="NUMBER=MS", help="wait so long over this parcel"
    )
    options = parser.parse_args()
    system = ParcelSystem(options.delay_ms / 1000, options.fail_first, dict(options.slow))
    asyncio.run(_serve(options.host, options.port, system))
    return 0


def _slow(text: str) -> tuple[str, float]:
    number, _, milliseconds = text.partition("=")
    return number, float(milliseconds) / 1000


if __name__ == "__main__":
    sys.exit(main())
