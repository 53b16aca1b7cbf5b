"""What the far end's receiver reports do to the heard ledger: they can only take away, and only what they prove."""

from hypothesis import given, settings
from hypothesis import strategies as st

from voiceplane.media.ledger import Departure, Ledger, LedgerWord
from voiceplane.media.receive import ReceiveStatistics
from voiceplane.media.rtcp import LATE_S, Reporter, SenderFacts

RATE, FRAME, FIRST = 8000, 160, 65_500  # the 16 bits of the sequence overflow in the second second
EPOCH = 1_800_000_000 * 10**9


def ledger(packets: int, *, words: int = 20) -> Ledger:
    """A turn of words of 100 ms, five packets each, of which so many packets have left."""
    found = Ledger()
    found.words = [LedgerWord(f"w{i}", i * 800, i * 800 + 800, i * 800 + 480) for i in range(words)]
    send(found, 0, packets)
    return found


def send(found: Ledger, first: int, last: int) -> None:
    for at in range(first, last):
        end = (at + 1) * FRAME
        found.left(Departure(FIRST + at, at, 1, end - FRAME, end), end)


def report(found: Ledger, arrived: int, *, due: int) -> None:
    """The far end has packets up to `arrived`; those up to `due` could have arrived. Both count from 0."""
    found.reported((FIRST + arrived) % 65_536, due)


def heard(found: Ledger) -> list[str]:
    return found.heard(1, RATE).text.split()


def test_words_in_packets_that_a_report_proves_lost_were_not_heard_and_the_turn_is_not_complete() -> None:
    found = ledger(50)
    report(found, 45, due=40)
    assert heard(found) == [f"w{i}" for i in range(10)]
    send(found, 50, 100)
    report(found, 59, due=89)  # from packet 60 on nothing has arrived
    assert heard(found) == [f"w{i}" for i in (*range(12), *range(18, 20))]
    assert not found.heard(1, RATE).complete


def test_the_hole_stays_when_later_packets_arrive_and_what_comes_late_fills_it() -> None:
    found = ledger(50)
    report(found, 45, due=40)
    send(found, 50, 70)
    report(found, 49, due=60)
    assert heard(found) == [f"w{i}" for i in (*range(10), 12, 13)]
    send(found, 70, 100)
    report(found, 98, due=90)
    assert heard(found) == [f"w{i}" for i in (*range(10), *range(12, 20))]
    late = ledger(50)
    report(late, 45, due=40)
    send(late, 50, 70)
    report(late, 49, due=60)
    report(late, 60, due=60)
    assert heard(late) == [f"w{i}" for i in range(14)]


def test_a_report_that_never_was_up_to_date_is_not_believed() -> None:
    found = ledger(100)
    report(found, 10, due=80)
    report(found, 20, due=95)
    assert len(heard(found)) == 20


def test_two_lost_packets_take_no_word() -> None:
    found = ledger(50)
    report(found, 45, due=40)
    send(found, 50, 54)
    report(found, 51, due=53)
    send(found, 54, 60)
    report(found, 59, due=58)
    assert heard(found) == [f"w{i}" for i in range(12)]


def test_a_word_that_was_lost_and_said_again_was_heard() -> None:
    found = ledger(50)
    report(found, 45, due=40)
    send(found, 50, 60)
    report(found, 49, due=59)
    assert heard(found) == [f"w{i}" for i in range(10)]
    for at in range(50, 60):  # the agent goes on at a word's beginning
        end = (at + 1) * FRAME
        found.left(Departure(FIRST + at + 10, at + 10, 1, end - FRAME, end), end)
    report(found, 69, due=65)
    assert heard(found) == [f"w{i}" for i in range(12)]


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, 65_535), st.integers(-10, 200)), max_size=60), st.integers(0, 99))
def test_no_reports_however_false_add_a_word_or_take_one_that_was_proved(
    reports: list[tuple[int, int]], proved: int
) -> None:
    found = ledger(100)
    whole = heard(found)
    report(found, proved, due=proved - 5)
    for highest, due in reports:
        found.reported(highest, due)
        words = heard(found)
        assert [word for word in whole if word in words] == words
        assert words[: (proved + 1) // 5] == whole[: (proved + 1) // 5]
        assert len(found._holes) <= 32


def test_a_report_says_how_old_the_packets_must_be_that_it_speaks_of() -> None:
    ours, theirs = Reporter(1, "a"), Reporter(2, "b")
    sent = ours.report(SenderFacts(1, 0, 50, 8000), ReceiveStatistics(), now=0.0, wall_ns=EPOCH)
    theirs.receive(sent, 1, now=0.040, wall_ns=EPOCH)
    received = ReceiveStatistics(ssrc=1, base_sequence=0, highest_sequence=49, stream_received=50)
    back = theirs.report(SenderFacts(2, 0, 50, 8000), received, now=2.040, wall_ns=EPOCH)
    reached = ours.receive(back, 2, now=2.090, wall_ns=EPOCH + 2_090_000_000)
    assert reached is not None and reached.highest == 49
    assert abs(reached.age_s - 0.090 - LATE_S) < 0.001
    replayed = ours.receive(back, 2, now=5.090, wall_ns=EPOCH + 5_090_000_000)
    assert replayed is not None and abs(replayed.age_s - 3.090 - LATE_S) < 0.001


def test_a_report_without_the_time_of_one_of_ours_says_nothing() -> None:
    ours, theirs = Reporter(1, "a"), Reporter(2, "b")
    received = ReceiveStatistics(ssrc=1, base_sequence=0, highest_sequence=49, stream_received=50)
    back = theirs.report(SenderFacts(2, 0, 50, 8000), received, now=2.0, wall_ns=EPOCH)
    assert ours.receive(back, 2, now=2.1, wall_ns=EPOCH) is None
