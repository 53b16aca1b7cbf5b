import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceplane.media.receive import Frames, Receiver
from voiceplane.media.rtp import RtpPacket


def packet(sequence: int, *, timestamp: int | None = None, ssrc: int = 7, octets: int = 160) -> RtpPacket:
    stamp = sequence * octets if timestamp is None else timestamp
    return RtpPacket(0, sequence % 65536, stamp % 2**32, ssrc, False, bytes([sequence % 119 + 1]) * octets)


def receiver() -> Receiver:
    """Decode each byte to one small sample, so that a frame's end names its packet."""
    return Receiver(lambda payload: np.frombuffer(payload, np.uint8).astype("<i2").tobytes(), 320)


def marks(frames: Frames) -> list[int | None]:
    return [None if concealed else pcm[-2] - 1 for pcm, concealed in frames]


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
    assert (r.statistics.lost, r.statistics.concealed) == (1, 1)


def test_a_packet_that_comes_after_its_concealment_is_late_and_its_copy_a_duplicate() -> None:
    r = receiver()
    r.receive(packet(0), 0.0)
    r.receive(packet(2), 0.04)
    r.tick(0.2)
    assert r.receive(packet(1), 0.21) == r.receive(packet(1), 0.22) == r.receive(packet(2), 0.23) == []
    assert (r.statistics.late, r.statistics.duplicate, r.statistics.received) == (1, 2, 3)


def test_the_wait_follows_the_jitter_within_its_bounds() -> None:
    r, rng = receiver(), np.random.default_rng(1)
    for i in range(50):
        r.receive(packet(i), i * 0.02)
    assert r.wait_s == 0.02
    for i in range(50, 250):
        r.receive(packet(i), i * 0.02 + float(rng.uniform(0, 0.03)))
    assert 0.02 < r.wait_s < 0.12
    for i in range(250, 450):
        r.receive(packet(i), i * 0.02 + (0.3 if i % 2 else 0.0))
    assert r.wait_s == 0.12


def test_sequence_and_timestamp_wrap_without_a_gap() -> None:
    r = receiver()
    frames = []
    for i in range(6):
        frames += r.receive(packet(65533 + i, timestamp=2**32 - 480 + i * 160), i * 0.02)
    assert len(frames) == 6 and not any(concealed for _, concealed in frames)
    assert r.statistics.stream_expected == 6


@pytest.mark.parametrize("octets", [80, 160, 240, 320, 480])
def test_packets_of_any_length_become_whole_frames_without_holes(octets: int) -> None:
    r = receiver()
    frames = []
    for i in range(24):
        frames += r.receive(packet(i, octets=octets), i * octets / 8000)
    samples = np.frombuffer(b"".join(pcm for pcm, _ in frames), "<i2")
    assert len(samples) == 24 * octets // 160 * 160
    assert (samples == np.repeat(np.arange(1, 25), octets)[: len(samples)]).all()


def test_a_lost_packet_of_thirty_milliseconds_is_concealed_for_thirty() -> None:
    r = receiver()
    frames = []
    for i in (0, 1, 3, 4, 5):
        frames += r.receive(packet(i, octets=240), i * 0.03) + r.tick(i * 0.03 + 0.029)
    assert len(frames) == 6 * 30 // 20
    assert r.statistics.lost == 1


def test_silence_is_made_up_while_nothing_comes() -> None:
    r = receiver()
    r.receive(packet(0), 0.0)
    made = [r.tick(i * 0.02) for i in range(1, 51)]
    assert sum(len(frames) for frames in made) in range(48, 52)


def test_a_pause_in_sending_lasts_as_long_in_frames_as_on_the_line() -> None:
    r, frames = receiver(), 0
    for tick in range(100):
        now = tick * 0.02
        if tick < 20 or tick >= 60:  # no packets for 0.8 s, and the sequence goes on where it stopped
            sequence = tick if tick < 20 else tick - 40
            frames += len(r.receive(packet(sequence, timestamp=tick * 160), now))
        frames += len(r.tick(now + 0.001))
    assert abs(frames - 100) <= 1
    assert r.statistics.lost == 0


def test_keys_between_audio_are_neither_lost_nor_late() -> None:
    r, frames = receiver(), []
    for i in range(30):
        now = i * 0.02
        frames += r.skip(packet(i), now) if 10 <= i < 18 else r.receive(packet(i), now)
        frames += r.tick(now + 0.001)
    assert (r.statistics.lost, r.statistics.late, r.statistics.received) == (0, 0, 30)
    assert abs(len(frames) - 30) <= 1


def test_a_key_packet_that_overtakes_audio_loses_none_of_it() -> None:
    r = receiver()
    r.receive(packet(0), 0.0)
    assert r.skip(packet(2), 0.03) == []
    assert marks(r.receive(packet(1), 0.031)) == [1]
    assert marks(r.receive(packet(3, timestamp=2 * 160), 0.05)) == [3]


def test_a_new_stream_with_another_ssrc_is_followed() -> None:
    r = receiver()
    r.receive(packet(100), 0.0)
    assert marks(r.receive(packet(5, ssrc=9), 0.02)) == [5]


def test_a_jump_of_the_sequence_is_followed_without_a_flood() -> None:
    r = receiver()
    r.receive(packet(0), 0.0)
    assert len(r.receive(packet(20_000), 0.02)) == 1
    assert len(r.receive(packet(50, timestamp=9), 0.04)) == 1


@given(st.permutations(list(range(12))))
def test_any_order_within_the_wait_gives_every_packet_once_and_in_order(order: list[int]) -> None:
    r = receiver()
    r.receive(packet(1000), 0.0)
    frames = []
    for offset in order:
        frames += r.receive(packet(1001 + offset), 0.001)
    assert marks(frames) == [(1001 + i) % 119 for i in range(12)]


@given(st.lists(st.sampled_from(["ok", "lost", "twice", "late"]), min_size=1, max_size=80))
def test_every_packet_is_played_concealed_or_a_copy_and_the_counts_agree(fates: list[str]) -> None:
    r = receiver()
    frames = r.receive(packet(0), 0.0)
    for index, fate in enumerate(fates, start=1):
        now = index * 0.02
        if fate != "lost" and fate != "late":
            frames += r.receive(packet(index), now)
        if fate == "twice":
            frames += r.receive(packet(index), now)
        if index > 8 and fates[index - 9] == "late":
            frames += r.receive(packet(index - 8), now)
        frames += r.tick(now + 0.001)
    for tail in range(30):
        now = (len(fates) + 1 + tail) * 0.02
        frames += r.receive(packet(len(fates) + 1 + tail), now) + r.tick(now + 0.001)
    played = [mark for mark in marks(frames) if mark is not None]
    assert len(played) == len(set(zip(played, range(len(played)), strict=True)))
    absent = sum(fate in ("lost", "late") for fate in fates)
    assert len(played) + r.statistics.lost == len(fates) + 31
    assert r.statistics.lost <= absent
    assert r.statistics.duplicate >= fates.count("twice")


@given(st.lists(st.tuples(st.integers(0, 65535), st.integers(0, 2**32 - 1), st.floats(0, 1)), max_size=60))
def test_hostile_numbers_never_raise_and_never_make_more_sound_than_time(packets: list[tuple[int, int, float]]) -> None:
    r, now, frames = receiver(), 0.0, 0
    for sequence, timestamp, step in packets:
        now += step
        frames += len(r.receive(RtpPacket(0, sequence, timestamp, 7, False, bytes(160)), now)) + len(r.tick(now))
    assert frames <= 2 * now * 50 + len(packets) * (1 + 5 + 50)
