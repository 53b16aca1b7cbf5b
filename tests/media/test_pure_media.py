import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voiceplane.contract.audio import WordTime
from voiceplane.media.dtmf import DigitReceiver, event_payloads
from voiceplane.media.playout import Playout
from voiceplane.media.ports_pool import PortPool, PortsExhaustedError
from voiceplane.media.receive import Receiver
from voiceplane.media.resample import Upsampler, downsample
from voiceplane.media.rtcp import parse_rtcp
from voiceplane.media.rtp import MalformedPacketError, RtpPacket, parse_rtp, serialize_rtp


def packet(sequence: int, *, timestamp: int | None = None, ssrc: int = 7) -> RtpPacket:
    stamp = sequence * 160 if timestamp is None else timestamp
    return RtpPacket(0, sequence % 65536, stamp % 2**32, ssrc, False, bytes([sequence % 251 + 1]) * 160)


def receiver() -> Receiver:
    return Receiver(lambda payload: payload * 2, 320)


def marks(frames: list[tuple[bytes, bool]]) -> list[int | None]:
    return [None if concealed else pcm[0] - 1 for pcm, concealed in frames]


def test_packets_in_order_are_passed_on_at_once() -> None:
    r = receiver()
    assert [marks(r.receive(packet(i), i * 0.02)) for i in range(4)] == [[0], [1], [2], [3]]


def test_two_swapped_packets_come_out_in_order() -> None:
    r = receiver()
    r.receive(packet(0), 0.0)
    assert marks(r.receive(packet(2), 0.020)) == []
    assert marks(r.receive(packet(1), 0.025)) == [1, 2]
    assert r.statistics.lost == 0


def test_a_lost_packet_is_concealed_after_the_wait_and_counted() -> None:
    r = receiver()
    r.receive(packet(0), 0.0)
    r.receive(packet(2), 0.04)
    assert marks(r.tick(0.05)) == []
    assert marks(r.tick(0.041 + r.wait_s)) == [None, 2]
    assert r.statistics.lost == 1


def test_a_packet_that_comes_after_its_concealment_is_late_and_dropped() -> None:
    r = receiver()
    r.receive(packet(0), 0.0)
    r.receive(packet(2), 0.04)
    r.tick(0.2)
    assert r.receive(packet(1), 0.21) == []
    assert r.statistics.late == 1


def test_sequence_and_timestamp_wrap_without_a_gap() -> None:
    r = receiver()
    frames = []
    for i in range(6):
        sequence = 65533 + i
        frames += r.receive(packet(sequence, timestamp=2**32 - 480 + i * 160), i * 0.02)
    assert len(frames) == 6 and not any(concealed for _, concealed in frames)


def test_silence_is_made_up_while_nothing_comes() -> None:
    r = receiver()
    r.receive(packet(0), 0.0)
    made = [r.tick(i * 0.02) for i in range(1, 51)]
    assert sum(len(frames) for frames in made) in range(48, 52)


def test_a_new_stream_with_another_ssrc_is_followed() -> None:
    r = receiver()
    r.receive(packet(100), 0.0)
    assert marks(r.receive(packet(5, ssrc=9), 0.02)) == [5]


@given(st.permutations(list(range(12))))
def test_any_order_within_the_wait_gives_every_packet_once_and_in_order(order: list[int]) -> None:
    r = receiver()
    r.receive(packet(1000), 0.0)
    frames = []
    for offset in order:
        frames += r.receive(packet(1001 + offset), 0.001)
    assert marks(frames) == [(1001 + i) % 251 for i in range(12)]


@given(st.lists(st.tuples(st.integers(0, 65535), st.integers(0, 2**32 - 1), st.floats(0, 1)), max_size=60))
def test_hostile_numbers_never_raise_and_never_flood(packets: list[tuple[int, int, float]]) -> None:
    r = receiver()
    now = 0.0
    for sequence, timestamp, step in packets:
        now += step
        frames = r.receive(RtpPacket(0, sequence, timestamp, 7, False, bytes(160)), now)
        assert len(frames) <= 26 * 20 + 51
        r.tick(now)


def test_each_key_is_told_once_even_without_its_end_packets() -> None:
    keys, out = DigitReceiver(), ""
    for index, digit in enumerate("159"):
        for ticks, marker, payload in list(event_payloads(digit))[: 3 if digit == "1" else None]:
            out += keys.receive(RtpPacket(101, index * 10 + ticks // 160, index * 2000, 7, marker, payload))
    assert out == "159"


def test_event_zero_is_the_key_zero() -> None:
    keys = DigitReceiver()
    out = "".join(keys.receive(RtpPacket(101, 1, 50, 7, False, p)) for _, _, p in event_payloads("0"))
    assert out == "0"


@settings(max_examples=60)
@given(st.integers(0, 95), st.integers(20, 40))
def test_the_ledger_counts_whole_frames_and_a_fade_has_no_click(frames: int, fade_ms: int) -> None:
    playout = Playout(8000, 160)
    wave = (9000 * np.sin(np.arange(16000) / 9)).astype("<i2")
    playout.append(wave.tobytes(), tuple(WordTime(str(i), i * 100.0, i * 100.0 + 100) for i in range(20)))
    sent = [playout.next_frame() for _ in range(frames)]
    expected = min(frames * 160, 16000)
    assert playout.heard().samples == expected
    assert abs(len(playout.heard().text.split()) - expected / 800) <= 1
    playout.clear(fade_ms)
    tail = [playout.next_frame() for _ in range(5)]
    audio = np.concatenate([np.frombuffer(f[0], "<i2").astype(int) for f in [*sent[-1:], *tail] if f])
    assert np.abs(np.diff(audio)).max() <= 1300  # the wave's own steepest step is 1000
    assert playout.queued_s == 0


def test_ports_rest_after_use() -> None:
    pool = PortPool("127.0.0.1", first=31900, last=31903, quarantine_s=30)
    one, two = pool.take(0.0), pool.take(0.0)
    assert {one.port, two.port} == {31900, 31902}
    with pytest.raises(PortsExhaustedError):
        pool.take(0.0)
    pool.release(one, 10.0)
    with pytest.raises(PortsExhaustedError):
        pool.take(39.0)
    again = pool.take(41.0)
    assert again.port == one.port
    for pair in (two, again):
        pool.release(pair, 50.0)


def test_upsampling_keeps_a_tone_and_has_no_seams() -> None:
    samples = (8000 * np.sin(2 * np.pi * 700 * np.arange(8000) / 8000)).astype("<i2")
    up = Upsampler()
    wide = np.frombuffer(b"".join(up.push(samples[i : i + 160].tobytes()) for i in range(0, 8000, 160)), "<i2")
    steepest = 8000 * 2 * np.pi * 700 / 16000
    assert np.abs(np.diff(wide[200:].astype(int))).max() < steepest * 1.05
    back = np.frombuffer(downsample(wide.tobytes()), "<i2").astype(float)
    assert np.sqrt((back[200:7800] ** 2).mean()) == pytest.approx(8000 / np.sqrt(2), rel=0.03)


@settings(max_examples=2000)
@given(st.binary(max_size=200))
def test_random_bytes_are_packets_or_a_clean_error(data: bytes) -> None:
    for parse in (parse_rtp, parse_rtcp):
        try:
            parse(data)
        except MalformedPacketError:
            pass


def test_a_hundred_thousand_mutated_packets_raise_only_clean_errors() -> None:
    rng = np.random.default_rng(3)
    good = [serialize_rtp(packet(9)), bytes.fromhex("80c80006000000010000000000000000000000000000000000000000")]
    for index in range(100_000):
        data = bytearray(good[index % 2])
        for _ in range(int(rng.integers(1, 6))):
            data[int(rng.integers(0, min(40, len(data))))] = int(rng.integers(0, 256))
        cut = bytes(data[: int(rng.integers(0, len(data) + 1))])
        for parse in (parse_rtp, parse_rtcp):
            try:
                parse(cut)
            except MalformedPacketError:
                pass


@given(st.integers(0, 127), st.integers(0, 65535), st.integers(0, 2**32 - 1), st.binary(max_size=160))
def test_a_packet_survives_the_wire(payload_type: int, sequence: int, timestamp: int, payload: bytes) -> None:
    sent = RtpPacket(payload_type, sequence, timestamp, 1, True, payload)
    assert parse_rtp(serialize_rtp(sent)) == sent
