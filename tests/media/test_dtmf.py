import struct

import pytest

from voiceplane.media.dtmf import KEYS, DigitReceiver, Key, event_payloads
from voiceplane.media.rtp import RtpPacket


def packets(key: str, timestamp: int) -> list[RtpPacket]:
    return [
        RtpPacket(101, index, timestamp, 7, marker, payload)
        for index, (_, marker, payload) in enumerate(event_payloads(key))
    ]


def fed(receiver: DigitReceiver, some: list[RtpPacket], start: float = 0.0) -> list[Key]:
    keys: list[Key] = []
    for index, packet in enumerate(some):
        keys += receiver.receive(packet, start + index * 0.02)
    return keys


@pytest.mark.parametrize("key", KEYS)
def test_every_key_arrives_once_with_its_duration(key: str) -> None:
    assert fed(DigitReceiver(), packets(key, 50)) == [Key(key, 100)]


def test_the_same_key_twice_is_two_keys() -> None:
    assert fed(DigitReceiver(), packets("5", 0) + packets("5", 1440)) == [Key("5", 100), Key("5", 100)]


def test_a_key_without_its_end_packets_is_known_by_the_next_key() -> None:
    keys = fed(DigitReceiver(), packets("1", 0)[:4] + packets("2", 1440))
    assert keys == [Key("1", 80), Key("2", 100)]


def test_the_last_key_without_its_end_packets_is_known_after_a_while() -> None:
    receiver = DigitReceiver()
    assert fed(receiver, packets("9", 0)[:3]) == []
    assert receiver.tick(0.1) == []
    assert receiver.tick(0.3) == [Key("9", 60)]
    assert receiver.tick(0.4) == []


def test_only_one_end_packet_is_enough() -> None:
    assert fed(DigitReceiver(), packets("7", 0)[-1:]) == [Key("7", 100)]


def test_copies_out_of_order_after_the_next_key_began_are_not_keys() -> None:
    receiver = DigitReceiver()
    first, second = packets("1", 0), packets("2", 1440)
    assert fed(receiver, [*first[:6], second[0], first[6], first[7], *second[1:]]) == [Key("1", 100), Key("2", 100)]


def test_timestamps_wrap() -> None:
    assert fed(DigitReceiver(), packets("1", 2**32 - 100) + packets("2", 1340)) == [Key("1", 100), Key("2", 100)]


def test_a_key_held_for_longer_than_the_field_counts_is_one_key() -> None:
    def part(timestamp: int, duration: int, *, end: bool) -> RtpPacket:
        payload = struct.pack("!BBH", 3, 0x8A if end else 0x0A, duration)
        return RtpPacket(101, 0, timestamp, 7, False, payload)

    keys = fed(DigitReceiver(), [part(0, 0xFFFF, end=False), part(0xFFFF, 800, end=True)])
    assert keys == [Key("3", (0xFFFF + 800) // 8)]


def test_what_is_no_key_is_passed_over() -> None:
    receiver = DigitReceiver()
    for payload in (b"", b"\x01", b"\x10\x8a\x00\xa0", b"\xff\xff\xff\xff"):
        assert receiver.receive(RtpPacket(101, 1, 1, 7, False, payload), 0.0) == []
    with pytest.raises(ValueError):
        list(event_payloads("x"))


def test_an_event_is_sent_with_a_marker_growing_durations_and_three_ends() -> None:
    sent = list(event_payloads("#"))
    assert [marker for _, marker, _ in sent] == [True] + [False] * 7
    durations = [struct.unpack("!BBH", payload)[2] for _, _, payload in sent]
    assert durations == [160, 320, 480, 640, 800, 800, 800, 800]
    assert [bool(payload[1] & 0x80) for _, _, payload in sent] == [False] * 5 + [True] * 3
