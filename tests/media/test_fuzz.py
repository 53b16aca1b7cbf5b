"""Nothing that comes to a media port may raise: the parsers give values or MalformedPacketError, a call goes on."""

import asyncio
import contextlib
import struct
import time

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from voiceplane.media.dtmf import DigitReceiver
from voiceplane.media.ports import MediaSettings
from voiceplane.media.receive import ReceiveStatistics
from voiceplane.media.rtcp import Reporter, SenderFacts, parse_rtcp
from voiceplane.media.rtp import MalformedPacketError, RtpPacket, parse_rtp, serialize_rtp
from voiceplane.media.server import MediaServer
from voiceplane.media.session import MediaAgreement
from voiceplane.runtime.clock import SystemClock

RTP = serialize_rtp(RtpPacket(0, 9, 1440, 7, False, bytes(160)))
KEY = serialize_rtp(RtpPacket(101, 10, 1440, 7, True, b"\x05\x8a\x03\x20"))
RTCP = Reporter(1, "c0ffee").report(
    SenderFacts(1, 0, 9, 99), ReceiveStatistics(ssrc=9, highest_sequence=9, stream_received=8), now=0.0, wall_ns=10**18
)
GOODBYE = Reporter(1, "c0ffee").goodbye()


@settings(max_examples=1000)
@given(st.binary(max_size=200))
def test_random_bytes_are_packets_or_a_clean_error(data: bytes) -> None:
    for parse in (parse_rtp, parse_rtcp):
        with contextlib.suppress(MalformedPacketError):
            parse(data)


def mutated(rng: np.random.Generator, seeds: list[bytes], count: int) -> list[bytes]:
    """Change up to five bytes of a good packet, most in its header, and cut or lengthen it."""
    numbers = rng.integers(0, 2**31, (count, 14)).tolist()
    packets = []
    for n in numbers:
        data = bytearray(seeds[n[0] % len(seeds)])
        for change in range(n[1] % 6):
            data[n[2 + change] % min(len(data), 60)] = n[7 + change] % 256
        cut = n[12] % (4 * len(data))
        packets.append(bytes(data[:cut] if cut < len(data) else data + bytes(n[13] % 3)))
    return packets


def test_a_hundred_thousand_mutated_packets_raise_only_clean_errors() -> None:
    reporter, digits, parsed = Reporter(1, "a"), DigitReceiver(), 0
    for index, data in enumerate(mutated(np.random.default_rng(3), [RTP, KEY, RTCP, GOODBYE], 100_000)):
        with contextlib.suppress(MalformedPacketError):
            digits.receive(parse_rtp(data), index * 0.001)
            parsed += 1
        with contextlib.suppress(MalformedPacketError):
            reporter.receive(data, 9, now=index * 0.001, wall_ns=index * 10**6)
            parsed += 1
    assert 30_000 < parsed < 190_000  # the mutations reach behind the first check, and do break packets


async def test_a_call_outlives_a_hundred_thousand_hostile_datagrams_of_its_own_caller() -> None:
    """From the trusted source, so that they reach jitter buffer, codecs, keys and RTCP."""
    rng = np.random.default_rng(4)
    for codec, kind in (("PCMU", 0), ("G722", 9)):
        server = MediaServer(MediaSettings(first_port=31800, last_port=31803, quarantine_s=0), SystemClock())
        async with server.running(), server.open_session() as session:
            session.start(MediaAgreement(codec, ("127.0.0.1", 9), 101))
            headers = rng.integers(0, 2**32, (44_000, 3), dtype=np.uint32).tolist()
            sizes = rng.choice([0, 1, 3, 4, 79, 80, 160, 161, 240, 480, 801, 1400], 44_000).tolist()
            noise, started = rng.bytes(4000), time.monotonic()
            for index, ((a, b, c), size) in enumerate(zip(headers, sizes, strict=True)):
                sequence = index if a % 4 else b % 65536
                timestamp = index * 160 if b % 4 else c
                first = 0x80 | (a % 256 & 0x3F if a % 50 == 0 else 0)
                head = struct.pack(
                    "!BBHII", first, [kind, 101, 13, kind][a % 4], sequence % 65536, timestamp, 7 + c // 2**31
                )
                session.take_datagram(head + noise[index % 2000 : index % 2000 + size], ("127.0.0.1", 9))
                if index % 200 == 0:
                    await asyncio.sleep(0)
            for data in mutated(rng, [RTCP, GOODBYE, RTP, KEY], 7000):
                session.take_datagram(data, ("127.0.0.1", 9))
            before = session.statistics().received
            for index in range(3):
                data = serialize_rtp(RtpPacket(kind, 500 + index, 160 * index, 99, False, bytes(160)))
                session.take_datagram(data, ("127.0.0.1", 9))
            assert session.statistics().received == before + 3
            assert time.monotonic() - started < 60
