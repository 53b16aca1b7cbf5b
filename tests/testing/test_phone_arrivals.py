"""When a packet came, told by the kernel over real sockets of the loopback."""

import asyncio
import socket
import time

from tests.waiting import until

from voiceplane.runtime.clock import SystemClock
from voiceplane.testing.phone.stamped import StampedSocket


async def test_a_packet_came_when_the_kernel_took_it_however_late_the_phone_reads_it() -> None:
    clock, came = SystemClock(), list[float]()
    phone = StampedSocket("127.0.0.1", clock, lambda data, arrived_at: came.append(arrived_at))
    waits: list[float] = []
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as agent:
            for _ in range(50):  # the kernel begins to stamp a moment after the first socket has asked for it
                agent.sendto(b"sound", phone.local)
                time.sleep(0.1)  # noqa: ASYNC251 - a phone that is busy with other calls
                begins_to_read = clock.monotonic()
                await until(lambda: came)
                waits.append(begins_to_read - came.pop())
                if waits[-1] >= 0.09:
                    break
    finally:
        phone.close()
    assert waits[-1] >= 0.09


class Stalled(SystemClock):
    """A clock whose reader loses the processor behind the wall clock, the first time that it reads it."""

    stalled = False

    def wall_ns(self) -> int:
        now = super().wall_ns()
        if not self.stalled:
            self.stalled = True
            time.sleep(0.5)
        return now


async def test_a_phone_that_loses_the_processor_between_two_clocks_does_not_make_a_packet_late() -> None:
    came: list[float] = []
    clock = Stalled()
    phone = StampedSocket("127.0.0.1", clock, lambda data, arrived_at: came.append(arrived_at))
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as agent:
            sent_at = clock.monotonic()
            agent.sendto(b"sound", phone.local)
            taken_by = clock.monotonic()
            await until(lambda: came)
    finally:
        phone.close()
    assert clock.stalled
    assert sent_at - 0.001 <= came[0] <= taken_by + 0.3


async def test_a_phone_reads_all_that_waits_and_nothing_after_it_is_closed() -> None:
    heard: list[bytes] = []
    phone = StampedSocket("127.0.0.1", SystemClock(), lambda data, arrived_at: heard.append(data))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as agent:
        for number in range(40):  # more than it takes in one turn of the loop
            agent.sendto(bytes([number]), phone.local)
        await until(lambda: len(heard) >= 40)
        agent.sendto(b"late", phone.local)
        phone.close()
        phone.close()
        await asyncio.sleep(0.05)
    assert heard == [bytes([number]) for number in range(40)]


async def test_a_phone_that_cannot_send_loses_the_packet_and_lives() -> None:
    phone = StampedSocket("127.0.0.1", SystemClock(), lambda data, arrived_at: None)
    phone.send(b"x" * 70_000, phone.local)  # more than a datagram holds
    phone.close()
