"""Packets of a caller become frames, keys and a media timeout; without sockets, time is an argument."""

from dataclasses import dataclass, field

import pytest

from voiceplane.media.codecs import CODECS
from voiceplane.media.inbound import Inbound
from voiceplane.media.latch import SourceLatch
from voiceplane.media.ports import Frame, MediaEvent, MediaSettings, MediaTimedOut
from voiceplane.media.rtp import RtpPacket, serialize_rtp

CALLER, STRANGER = ("192.0.2.1", 4000), ("192.0.2.66", 4000)
TIMEOUT_S = 5.0


@dataclass
class Line:
    """What a caller of PCMU sends, and the events that come of it."""

    events: list[MediaEvent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.inbound = Inbound(SourceLatch(CALLER), MediaSettings(timeout_s=TIMEOUT_S), put=self.events.append, now=0.0)
        self.inbound.expect(CODECS["PCMU"], 0, dtmf_type=101)

    def send(self, sequence: int, now: float, *, kind: int = 0, source: tuple[str, int] = CALLER) -> bool:
        packet = RtpPacket(kind, sequence, sequence * 160, 7, False, bytes(160))
        return self.inbound.take(serialize_rtp(packet), source, now)

    def tick(self, now: float, *, is_held: bool = False) -> list[MediaEvent]:
        before = len(self.events)
        self.inbound.tick(now, is_held=is_held)
        return [event for event in self.events[before:] if isinstance(event, MediaTimedOut)]


@pytest.fixture
def line() -> Line:
    return Line()


def test_only_packets_of_the_caller_and_of_agreed_types_count(line: Line) -> None:
    assert [line.send(number, number * 0.02) for number in range(5)] == [True] * 5
    assert not line.send(5, 0.1, source=STRANGER) and not line.send(5, 0.1, kind=96)
    assert not line.inbound.take(b"\x80", CALLER, 0.1)
    assert [event.index for event in line.events if isinstance(event, Frame)] == [0, 1, 2, 3, 4]


def test_frames_that_come_at_once_ended_twenty_milliseconds_apart(line: Line) -> None:
    line.send(0, 1.0)
    line.send(2, 1.04)
    line.send(1, 1.05)
    frames = [event for event in line.events if isinstance(event, Frame)]
    assert [frame.at for frame in frames] == pytest.approx([1.0, 1.03, 1.05])


def test_a_silent_line_is_told_once_and_again_only_after_it_was_heard(line: Line) -> None:
    line.send(0, 1.0)
    assert not line.tick(1.0 + TIMEOUT_S)
    assert line.tick(1.1 + TIMEOUT_S) == [MediaTimedOut(1.1 + TIMEOUT_S)]
    assert not line.tick(9.0)
    line.send(400, 9.5)
    assert not line.tick(9.6)
    assert line.tick(9.6 + TIMEOUT_S)


def test_the_silence_of_a_hold_is_no_timeout_until_it_has_lasted_after_it(line: Line) -> None:
    line.send(0, 1.0)
    assert not line.tick(60.0, is_held=True)
    line.inbound.resumed(60.0)
    assert not line.tick(60.0 + TIMEOUT_S)
    assert line.tick(60.1 + TIMEOUT_S)


def test_another_codec_keeps_the_counters_of_the_call(line: Line) -> None:
    for number in range(3):
        line.send(number, number * 0.02)
    line.inbound.expect(CODECS["G722"], 9, dtmf_type=101)
    assert not line.send(3, 0.06)
    assert line.send(3, 0.06, kind=9)
    assert line.inbound.statistics.received == 4
    (last,) = [event for event in line.events if isinstance(event, Frame) and event.index == 3]
    assert len(last.pcm) == 640
