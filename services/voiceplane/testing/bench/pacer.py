"""Pacer: how late packets leave with 20 calls on one core, beside an event loop that is busy. Needs no stack.

The suite starts this module as a process of its own, pinned to one core: `python -m voiceplane.testing.bench.pacer`.
"""

import argparse
import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Sequence

import numpy as np

from voiceplane.contract.audio import Pcm
from voiceplane.media.server import MediaServer, MediaSettings
from voiceplane.media.session import MediaAgreement, MediaSession
from voiceplane.runtime.clock import SystemClock
from voiceplane.testing.bench.lines import Goal, Line, of_cases
from voiceplane.testing.bench.place import Effort, Place

CALLS, LOAD = 20, 0.5
SECONDS, QUICK_SECONDS = 10, 3
CODECS = ("PCMU", "G722")
GOAL_MS = 5.0
WARM_S = 1.0  # first packets meet cold caches
GRACE_S = 30.0  # for a start on a slow machine, beside the measurement
MATRIX = np.random.default_rng(1).normal(size=(160, 160)).astype(np.float32)


async def run(place: Place, effort: Effort) -> list[Line]:
    """Measure each codec in a process that has one core."""
    seconds, times = (QUICK_SECONDS, 1) if effort.quick else (SECONDS, 2 * effort.runs)
    lines: list[Line] = []
    for codec in CODECS:
        found = [await _measured(codec, seconds) for _ in range(times)]
        note = f"{codec}, {CALLS} calls on one core, its loop {LOAD:.0%} busy"
        lines += [
            Line(
                f"packet lateness, p99 of a run ({note})",
                "ms",
                tuple(f["p99"] for f in found),
                goal=Goal(worst=GOAL_MS),
            ),
            Line(f"packet lateness, p50 of a run ({codec})", "ms", tuple(f["p50"] for f in found)),
            Line(f"packet lateness, worst of a run ({codec})", "ms", tuple(f["worst"] for f in found)),
            of_cases(f"every call sent its packets ({codec})", [bool(f["complete"]) for f in found]),
        ]
    return lines


async def _measured(codec: str, seconds: int) -> dict[str, float]:
    core = min(os.sched_getaffinity(0))
    options = ("--codec", codec, "--seconds", str(seconds), "--core", str(core), "--calls", str(CALLS))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "voiceplane.testing.bench.pacer",
        *options,
        stdout=asyncio.subprocess.PIPE,
        # numpy's other threads start before the process is pinned and spin between products: they would take the core
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
    )
    try:
        async with asyncio.timeout(seconds + GRACE_S):
            out, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise OSError(f"the pacer's process ended with status {process.returncode}")
    found: dict[str, float] = json.loads(out)
    return found


async def _busy(share: float) -> None:
    """Load the loop: half in Python's bytecode (holds the GIL), half in numpy (releases it, as onnxruntime does)."""
    clock = SystemClock()
    while True:
        until = clock.monotonic() + 0.010 * share
        total = 0
        while clock.monotonic() < until:
            total += sum(range(50))
        until = clock.monotonic() + 0.010 * share
        while clock.monotonic() < until:
            np.matmul(MATRIX, MATRIX)
        await asyncio.sleep(0.020 * (1 - share))


async def _follow(session: MediaSession) -> None:
    async for _ in session.events():
        pass


async def _talk(session: MediaSession, pcm: Pcm) -> None:
    while True:
        session.begin()
        await session.play(pcm, ())
        await session.drained()


async def measure(codec: str, seconds: float, calls: int) -> dict[str, float]:
    """Let an even number of calls talk to each other; return milliseconds, and whether no call fell silent."""
    server = MediaServer(MediaSettings(first_port=28000, last_port=28999), SystemClock())
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(server.running())
        sessions = [await stack.enter_async_context(server.open_session()) for _ in range(calls)]
        tasks = [asyncio.create_task(_busy(LOAD), name="busy")]
        for index, session in enumerate(sessions):
            peer = sessions[index ^ 1]
            session.start(MediaAgreement(codec, ("127.0.0.1", peer.port), 101))
            noise = np.random.default_rng(index).normal(0, 3000, session.sample_rate * 2).astype("<i2")
            tasks.append(asyncio.create_task(_follow(session), name="follow"))
            tasks.append(asyncio.create_task(_talk(session, Pcm(noise.tobytes(), session.sample_rate)), name="talk"))
        try:
            await asyncio.sleep(WARM_S)
            before, own = server.lateness(), [session.lateness() for session in sessions]
            await asyncio.sleep(seconds)
            late = server.lateness() - before
            sent = [(session.lateness() - first).packets for session, first in zip(sessions, own, strict=True)]
        finally:  # before the sessions close
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    return {
        "p50": late.quantile_ms(0.5),
        "p99": late.quantile_ms(0.99),
        "worst": late.worst_ms,
        "complete": float(min(sent) >= 0.9 * 50 * seconds),
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Pin to one core, measure, and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--codec", default="PCMU", choices=["PCMU", "PCMA", "G722"])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--calls", type=int, default=CALLS)
    options = parser.parse_args(argv)
    os.sched_setaffinity(0, {options.core})
    sys.stdout.write(json.dumps(asyncio.run(measure(options.codec, options.seconds, options.calls))) + "\n")


if __name__ == "__main__":
    main()
