import asyncio
import contextlib
import itertools
import math
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import numpy as np
import pytest

from voiceplane.contract.audio import Pcm, WordTime
from voiceplane.media.ports_pool import PortsExhaustedError
from voiceplane.media.rtp import parse_rtp
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
        assert one.statistics().sent > 40 and two.statistics().lost == 0
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


async def until(session: MediaSession, kind: type) -> object:
    async with asyncio.timeout(5):
        async for event in session.events():
            if isinstance(event, kind):
                return event
    raise AssertionError("unreachable")


async def test_what_is_heard_is_what_was_sent_before_the_interruption() -> None:
    async with two_sessions("PCMU", 31400) as (one, _):
        words = tuple(WordTime(f"w{i}", i * 200.0, i * 200.0 + 200.0) for i in range(10))
        one.begin()
        await one.play(Pcm(bytes(8000 * 2 * 2), 8000), words)
        await until(one, PlayoutStarted)
        await asyncio.sleep(0.5)
        at_once = one.clear()
        async with asyncio.timeout(5):
            await one.drained()
        heard = one.heard()
    assert at_once.samples <= heard.samples <= at_once.samples + 160 + 240  # one packet under way and the fade
    assert heard.text.split() == [f"w{i}" for i in range(10) if (i * 200 + 160) * 8 <= heard.samples]
    assert not heard.complete


async def test_all_that_was_played_arrives_and_no_more_is_heard_than_was_sent() -> None:
    async with two_sessions("PCMU", 31450) as (one, two):
        sent_before = one.statistics().sent
        words = tuple(WordTime(f"w{i}", i * 100.0, i * 100.0 + 100.0) for i in range(4))
        await one.play(Pcm(tone(8000, 500.0, 0.4), 8000), words)
        async with asyncio.timeout(5):
            await one.drained()
        assert one.heard().text == "w0 w1 w2 w3" and one.heard().complete and one.heard().samples == 3200
        assert one.statistics().sent - sent_before >= 20
        loud = np.abs(await collect(two, 0.3)) > 1000
    assert abs(int(np.flatnonzero(loud)[-1] - np.flatnonzero(loud)[0]) - 6400) < 320


async def test_keys_sent_while_the_agent_speaks_lose_none_of_its_speech() -> None:
    async with two_sessions("PCMU", 31550) as (one, two):
        await one.play(Pcm(tone(8000, 500.0, 0.4), 8000), ())
        one.send_digits("4")
        async with asyncio.timeout(5):
            await one.drained()
        assert one.heard().samples == 3200
        heard = await collect(two, 0.3)
        assert (two.statistics().lost, two.statistics().late) == (0, 0)
    assert abs(int((np.abs(heard) > 500).sum()) - 6400 * 0.96) < 800


async def test_keys_come_with_their_duration() -> None:
    async with two_sessions("G722", 31560) as (one, two):
        one.send_digits("#")
        event = await until(two, Digits)
    assert isinstance(event, Digits) and (event.digits, event.duration_ms) == ("#", 100)


async def test_keys_are_refused_where_they_cannot_be_sent() -> None:
    async with two_sessions("PCMU", 31580) as (one, two):
        with pytest.raises(ValueError):
            one.send_digits("12x")
        with pytest.raises(ValueError):
            one.send_digits("1" * 500)
        one.update(MediaAgreement("PCMU", ("127.0.0.1", two.port), None))
        with pytest.raises(ValueError):
            one.send_digits("1")


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
        assert one.heard().samples == 4000


async def test_a_new_codec_in_the_middle_of_speech_keeps_the_speech() -> None:
    async with two_sessions("PCMU", 31520) as (one, two):
        await one.play(Pcm(tone(8000, 1000.0, 0.6), 8000), (WordTime("yes", 0.0, 600.0),))
        await until(one, PlayoutStarted)
        for side, peer in ((one, two), (two, one)):
            side.update(MediaAgreement("G722", ("127.0.0.1", peer.port), 101))
        await one.play(Pcm(tone(8000, 1000.0, 0.2), 8000), ())  # still at the voice's first rate
        heard = await collect(two, 1.2)
        assert one.heard().text == "yes" and one.statistics().codec == "G722"
        assert two.statistics().received > 40
    loud = np.abs(heard) > 3000
    assert abs(int(np.flatnonzero(loud)[-1] - np.flatnonzero(loud)[0]) - 0.8 * 16_000) < 1600
    later = heard[np.flatnonzero(loud)[-1] - 4000 : np.flatnonzero(loud)[-1]].astype(float)
    spectrum = np.abs(np.fft.rfft(later * np.hanning(len(later))))
    assert abs(spectrum.argmax() * 16_000 / len(later) - 1000.0) < 20


async def test_a_dynamic_payload_type_is_used_both_ways() -> None:
    server = MediaServer(settings(31540), SystemClock())
    async with server.running(), server.open_session() as one, server.open_session() as two:
        one.start(MediaAgreement("PCMA", ("127.0.0.1", two.port), 101, payload_type=97))
        two.start(MediaAgreement("PCMA", ("127.0.0.1", one.port), 101, payload_type=97))
        await until(two, Frame)
        await until(one, Frame)


async def test_the_address_in_sdp_gives_way_to_where_the_packets_come_from() -> None:
    server = MediaServer(settings(31640), SystemClock())
    async with server.running(), server.open_session() as one, server.open_session() as two:
        one.start(MediaAgreement("PCMU", ("media.example.invalid", 4000), 101))
        two.start(MediaAgreement("PCMU", ("127.0.0.1", one.port), 101))
        await until(two, Frame)
        assert one.statistics().sent > 0


async def test_a_line_that_falls_silent_is_told_once() -> None:
    server = MediaServer(settings(31600, timeout_s=0.3), SystemClock())
    async with server.running(), server.open_session() as session:
        session.start(MediaAgreement("PCMU", ("127.0.0.1", 9), 101))
        await until(session, MediaTimedOut)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                async for event in session.events():
                    assert not isinstance(event, MediaTimedOut)


async def test_the_silence_of_a_hold_is_no_timeout_when_it_ends() -> None:
    server = MediaServer(settings(31660, timeout_s=0.5), SystemClock())
    agreement = MediaAgreement("PCMU", ("127.0.0.1", 9), 101)
    async with server.running(), server.open_session() as session:
        session.start(agreement)
        session.update(replace(agreement, sends=False))
        await asyncio.sleep(0.7)
        session.update(agreement)
        session.tick(SystemClock().monotonic())
        assert not session._inbox._events


async def test_reports_go_both_ways_and_tell_the_round_trip() -> None:
    async with two_sessions("PCMU", 31680) as (one, two):
        await until(one, Frame)
        await until(two, Frame)
        for _ in range(2):
            for side in (one, two):
                side._reports.due_at = 0.0
                await asyncio.sleep(0.06)
        assert 0 <= one.statistics().round_trip_ms < 1000
        assert two._reports.reporter._last_sr[0] and one._reports.reporter._last_sr[0]
        assert one.statistics().mos > 3.5


async def test_playing_more_than_the_queue_holds_waits_and_closing_lets_go() -> None:
    server = MediaServer(settings(31720), SystemClock())
    async with server.running():
        async with server.open_session() as session:
            session.start(MediaAgreement("PCMU", ("127.0.0.1", 9), 101))
            await session.play(Pcm(bytes(2 * 8000 * 14), 8000), ())
            waiting = asyncio.create_task(session.play(Pcm(bytes(320), 8000), ()))
            draining = asyncio.create_task(session.drained())
            await asyncio.sleep(0.1)
            assert not waiting.done() and not draining.done()
            with pytest.raises(ValueError):
                await session.play(Pcm(b"", 22_050), ())
        async with asyncio.timeout(2):
            await asyncio.gather(waiting, draining)


async def test_ports_come_back_only_after_their_quarantine() -> None:
    server = MediaServer(MediaSettings(first_port=31740, last_port=31741, quarantine_s=0.3), SystemClock())
    async with server.running():
        async with server.open_session() as session:
            port = session.port
        with pytest.raises(PortsExhaustedError):
            async with server.open_session():
                pass
        await asyncio.sleep(0.35)
        async with server.open_session() as session:
            assert session.port == port


async def test_what_leaves_has_growing_numbers_one_source_and_twenty_milliseconds_each() -> None:
    server, loop = MediaServer(settings(31760), SystemClock()), asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.setblocking(False)
        async with server.running(), server.open_session() as session:
            session.start(MediaAgreement("PCMU", peer.getsockname(), 101))
            packets = [parse_rtp(await loop.sock_recv(peer, 2048)) for _ in range(10)]
            await session.play(Pcm(tone(8000, 500.0, 0.2), 8000), ())
            packets += [parse_rtp(await loop.sock_recv(peer, 2048)) for _ in range(30)]
            started = await until(session, PlayoutStarted)
    for before, after in itertools.pairwise(packets):
        assert (after.sequence - before.sequence) % 65536 == 1
        assert (after.timestamp - before.timestamp) % 2**32 == 160
    assert len({packet.ssrc for packet in packets}) == 1
    marked = [packet for packet in packets if packet.marker]
    assert isinstance(started, PlayoutStarted)
    assert [packet.timestamp for packet in marked] == [started.rtp_timestamp]


@pytest.mark.parametrize("drop", [MediaSession.clear, MediaSession.begin])
async def test_speech_that_waits_for_room_goes_with_what_is_dropped(drop: Callable[[MediaSession], object]) -> None:
    async with two_sessions("PCMU", 31960) as (one, _):
        one.begin()
        await one.play(Pcm(bytes(8000 * 2 * 13), 8000), ())
        waiting = asyncio.create_task(one.play(Pcm(bytes(8000), 8000), ()))
        await asyncio.sleep(0)
        drop(one)
        async with asyncio.timeout(5):
            await waiting
        assert one.playout.queued_s < 0.1  # the fade of what was cleared
