"""Measure how late packets leave: 20 calls on one core beside a busy event loop. Run it as a script.

PYTHONPATH=services python tests/media/bench_pacer.py [--calls 20] [--codec G722] [--seconds 20] [--load 0.5]
"""

import argparse
import asyncio
import contextlib
import os
import time

import numpy as np

from voiceplane.contract.audio import Pcm
from voiceplane.media.server import MediaServer, MediaSettings
from voiceplane.media.session import MediaAgreement, MediaSession
from voiceplane.runtime.clock import SystemClock

MATRIX = np.random.default_rng(1).normal(size=(160, 160)).astype(np.float32)


async def busy(share: float) -> None:
    """Load the loop: half in Python's bytecode (holds the GIL), half in numpy (releases it, as onnxruntime does)."""
    while True:
        until = time.monotonic() + 0.010 * share
        total = 0
        while time.monotonic() < until:
            total += sum(range(50))
        until = time.monotonic() + 0.010 * share
        while time.monotonic() < until:
            np.matmul(MATRIX, MATRIX)
        await asyncio.sleep(0.020 * (1 - share))


async def follow(session: MediaSession) -> None:
    async for _ in session.events():
        pass


async def talk(session: MediaSession, pcm: Pcm) -> None:
    while True:
        session.begin()
        await session.play(pcm, ())
        await session.drained()


async def measure(options: argparse.Namespace) -> None:
    server = MediaServer(MediaSettings(first_port=28000, last_port=28999), SystemClock())
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(server.running())
        sessions = [await stack.enter_async_context(server.open_session()) for _ in range(options.calls)]
        tasks = []
        for index, session in enumerate(sessions):
            peer = sessions[index ^ 1] if index ^ 1 < len(sessions) else session
            session.start(MediaAgreement(options.codec, ("127.0.0.1", peer.port), 101))
            noise = np.random.default_rng(index).normal(0, 3000, session.sample_rate * 2).astype("<i2")
            tasks.append(asyncio.create_task(follow(session)))
            tasks.append(asyncio.create_task(talk(session, Pcm(noise.tobytes(), session.sample_rate))))
        tasks.append(asyncio.create_task(busy(options.load)))
        cpu = time.process_time()
        await asyncio.sleep(options.seconds)
        used = (time.process_time() - cpu) / options.seconds
        late = server.lateness()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    print(
        f"{options.codec} calls={options.calls} load={options.load} core_used={used:.2f} packets={late.packets}"
        f" p50<={late.quantile_ms(0.5):.2f} p95<={late.quantile_ms(0.95):.2f}"
        f" p99<={late.quantile_ms(0.99):.2f} worst={late.worst_ms:.2f} ms"
    )


def main() -> None:
    """Pin to one core and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--codec", default="PCMU", choices=["PCMU", "PCMA", "G722"])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--load", type=float, default=0.5, help="share of the loop's time that is busy")
    parser.add_argument("--core", type=int, default=0)
    options = parser.parse_args()
    os.sched_setaffinity(0, {options.core})
    asyncio.run(measure(options))


if __name__ == "__main__":
    main()
