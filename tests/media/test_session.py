import asyncio
import contextlib
import math
from collections.abc import AsyncIterator

import numpy as np
import pytest

from voiceplane.contract.audio import Pcm, WordTime
from voiceplane.media.server import MediaServer, MediaSettings
from voiceplane.media.session import Digits, Frame, MediaAgreement, MediaSession, MediaTimedOut, PlayoutStarted
from voiceplane.runtime.clock import SystemClock


def settings(first: int, *, timeout_s: float = 30.0) -> MediaSettings:
    return MediaSettings(first_port=first, last_port=first + 40, timeout_s=timeout_s)


@contextlib.asynccontextmanager
async def two_sessions(
    codec: str, first: int, *, timeout_s: float = 30.0
) -> AsyncIterator[tuple[MediaSession, MediaSession]]:
    server = MediaServer(settings(first, timeout_s=timeout_s), SystemClock())
    async with server.running(), server.open_session() as one, server.open_session() as two:
        one.start(MediaAgreement(codec, ("127.0.0.1", two.port), 101))
        two.start(MediaAgreement(codec, ("127.0.0.1", one.port), 101))
        yield one, two


def tone(rate: int, hertz: float, seconds: float) -> bytes:
    times = np.arange(int(rate * seconds)) / rate
    return (8000 * np.sin(2 * math.pi * hertz * times)).astype("<i2").tobytes()


async def collect(session: MediaSession, seconds: float) -> np.ndarray:
    frames = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            async for event in session.events():
                frames += [np.frombuffer(event.pcm, "<i2")] if isinstance(event, Frame) else []
    return np.concatenate(frames)


@pytest.mark.parametrize(("codec", "first"), [("PCMU", 31000), ("PCMA", 31100), ("G722", 31200)])
async def test_a_tone_crosses_the_wire_at_its_pitch_and_level(codec: str, first: int) -> None:
    async with two_sessions(codec, first) as (one, two):
        await one.play(Pcm(tone(one.sample_rate, 1000.0, 0.8), one.sample_rate), ())
        heard = await collect(two, 1.2)
    loud = heard[np.abs(heard).cumsum() > 100_000][2000:8000].astype(float)
    spectrum = np.abs(np.fft.rfft(loud * np.hanning(len(loud))))
    assert abs(spectrum.argmax() * 16_000 / len(loud) - 1000.0) < 10
    assert 4500 < math.sqrt((loud**2).mean()) < 6800  # 8000 peak is 5657 rms


async def test_keys_arrive_once_each_and_in_order() -> None:
    async with two_sessions("PCMU", 31300) as (one, two):
        one.send_digits("12#")
        seen = ""
        async with asyncio.timeout(5):
            async for event in two.events():
                if isinstance(event, Digits):
                    seen += event.digits
                if len(seen) >= 3:
                    break
    assert seen == "12#"


async def test_what_is_heard_is_what_was_sent_before_the_interruption() -> None:
    async with two_sessions("PCMU", 31400) as (one, _):
        words = tuple(WordTime(f"w{i}", i * 200.0, i * 200.0 + 200.0) for i in range(10))
        one.begin()
        await one.play(Pcm(bytes(8000 * 2 * 2), 8000), words)
        async with asyncio.timeout(5):
            async for event in one.events():
                if isinstance(event, PlayoutStarted):
                    break
        await asyncio.sleep(0.9)
        one.clear()
        await one.drained()
        heard = one.heard()
    count = len(heard.text.split())
    assert 3 <= count <= 9 and not heard.complete
    assert abs(heard.samples / 1600 - count) <= 1.3


async def test_hold_keeps_the_place_and_sends_nothing() -> None:
    async with two_sessions("PCMU", 31500) as (one, two):
        await one.play(Pcm(tone(8000, 500.0, 0.5), 8000), ())
        one.update(MediaAgreement("PCMU", ("127.0.0.1", two.port), 101, sends=False))
        await asyncio.sleep(0.1)
        before, queued = one.statistics().sent, one.playout.queued_s
        await asyncio.sleep(0.2)
        assert one.statistics().sent == before and one.playout.queued_s == queued > 0.2
        one.update(MediaAgreement("PCMU", ("127.0.0.1", two.port), 101))
        async with asyncio.timeout(3):
            await one.drained()


async def test_a_line_that_falls_silent_is_told_once() -> None:
    server = MediaServer(settings(31600, timeout_s=0.3), SystemClock())
    async with server.running(), server.open_session() as session:
        session.start(MediaAgreement("PCMU", ("127.0.0.1", 9), 101))
        async with asyncio.timeout(5):
            async for event in session.events():
                if isinstance(event, MediaTimedOut):
                    return


async def test_wild_bytes_on_the_media_port_change_nothing() -> None:
    rng = np.random.default_rng(5)
    async with two_sessions("PCMU", 31700) as (one, two):
        for _ in range(2000):
            data = rng.bytes(int(rng.integers(0, 300)))
            one.take_datagram(data, ("127.0.0.1", two.port))
        await two.play(Pcm(tone(8000, 500.0, 0.3), 8000), ())
        heard = await collect(one, 0.6)
    assert np.abs(heard).max() > 4000
