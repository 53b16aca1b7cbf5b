import threading
import time

from voiceplane.media.inbox import MAX_FRAMES, MAX_OTHERS, Inbox
from voiceplane.media.pacer import BUCKETS_MS, Lateness, Pacer
from voiceplane.media.ports import Digits, Frame, MediaTimedOut
from voiceplane.runtime.clock import SystemClock


class Counted:
    """A stream that notes what the pacer does with it."""

    def __init__(self, *, fails_at: int = -1) -> None:
        self.prepared = self.sent = 0
        self.order_kept = True
        self.fails_at = fails_at
        self.ten = threading.Event()

    def prepare(self) -> None:
        self.order_kept &= self.prepared == self.sent
        self.prepared += 1
        if self.prepared == self.fails_at:
            raise RuntimeError("a defect")

    def send(self) -> bool:
        self.sent += 1
        if self.sent == 10:
            self.ten.set()
        return True


def test_every_stream_is_prepared_and_sent_in_turn_at_fifty_packets_a_second() -> None:
    pacer, streams = Pacer(SystemClock()), [Counted() for _ in range(5)]
    for stream in streams:
        pacer.join(stream)
    started = time.monotonic()
    pacer.start()
    assert all(stream.ten.wait(10) for stream in streams)
    elapsed = time.monotonic() - started
    pacer.stop()
    assert elapsed >= 9 * 0.02  # never ahead of the schedule, by which noise can only delay
    assert all(stream.order_kept for stream in streams)
    assert pacer.lateness().packets == sum(stream.sent for stream in streams)


def test_a_stream_that_fails_does_not_silence_the_others() -> None:
    pacer, bad, good = Pacer(SystemClock()), Counted(fails_at=3), Counted()
    pacer.join(bad)
    pacer.join(good)
    pacer.start()
    assert good.ten.wait(10)
    pacer.stop()
    assert bad.sent <= 3


def test_a_stream_that_left_is_sent_no_more() -> None:
    pacer, one, two = Pacer(SystemClock()), Counted(), Counted()
    pacer.join(one)
    pacer.join(two)
    pacer.leave(one)
    pacer.start()
    assert two.ten.wait(10)
    pacer.stop()
    assert one.sent == 0


def test_a_stream_is_measured_by_its_own_packets_alone() -> None:
    pacer, one, two = Pacer(SystemClock()), Counted(), Counted()
    first = pacer.join(one)
    pacer.start()
    assert one.ten.wait(10)
    pacer.leave(one)
    second = pacer.join(two)
    assert two.ten.wait(10)
    pacer.stop()
    assert (first.read().packets, second.read().packets) == (one.sent, two.sent)
    assert pacer.lateness().packets == one.sent + two.sent


def test_the_difference_of_two_measurements_is_what_came_between() -> None:
    early = Lateness((90, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1), 70.0)
    later = Lateness((190, 0, 0, 9, 0, 0, 2, 0, 0, 0, 0, 0, 0, 1), 70.0)
    between = later - early
    assert (between.packets, between.quantile_ms(0.5), between.quantile_ms(0.99), between.worst_ms) == (
        102,
        0.25,
        3.0,
        3.0,
    )


def test_a_quantile_is_a_bound_and_never_more_than_the_worst() -> None:
    counts = (90, 0, 0, 9, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0)
    late = Lateness(counts, 8.0)
    assert (late.quantile_ms(0.5), late.quantile_ms(0.99), late.quantile_ms(1.0)) == (0.25, 1.0, 8.0)
    assert Lateness((0,) * 14, 0.0).quantile_ms(0.99) == 0.0


async def test_a_full_inbox_gives_up_old_frames_and_never_a_key() -> None:
    inbox = Inbox()
    inbox.put(Digits("5", 0.0))
    for index in range(MAX_FRAMES + 30):
        inbox.put(Frame(b"", 0.0, False, index))
    inbox.put(MediaTimedOut(1.0))
    events = [await inbox.get() for _ in range(MAX_FRAMES + 2)]
    assert events[0] == Digits("5", 0.0) and events[-1] == MediaTimedOut(1.0)
    assert [event.index for event in events[1:-1] if isinstance(event, Frame)] == list(range(30, MAX_FRAMES + 30))
    for _ in range(2 * MAX_OTHERS):
        inbox.put(Digits("1", 2.0))
    assert inbox.dropped == 30 + MAX_OTHERS


def test_a_schedule_that_begins_anew_after_a_stall_is_counted_as_late() -> None:
    pacer, stalls = Pacer(SystemClock()), Counted()
    taken, prepare = 0.5, stalls.prepare

    def stall() -> None:
        if stalls.prepared == 2:
            time.sleep(taken)
        prepare()

    stalls.prepare = stall  # type: ignore[method-assign]
    pacer.join(stalls)
    pacer.start()
    assert stalls.ten.wait(10)
    pacer.stop()
    late = [
        count for bound, count in zip((*BUCKETS_MS, float("inf")), pacer.lateness().counts, strict=True) if bound > 400
    ]
    assert sum(late) >= 2  # the packet that waited, and the one whose schedule was given up
