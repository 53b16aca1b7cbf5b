from hypothesis import given
from hypothesis import strategies as st

from voiceplane.media.receive import ReceiveStatistics
from voiceplane.media.rtcp import Reporter, SenderFacts, parse_rtcp
from voiceplane.media.rtp import RtpPacket, parse_rtp, serialize_rtp

EPOCH = 1_800_000_000 * 10**9


def statistics(*, ssrc: int, highest: int, received: int) -> ReceiveStatistics:
    return ReceiveStatistics(ssrc=ssrc, base_sequence=0, highest_sequence=highest, stream_received=received)


def test_the_round_trip_is_measured_from_both_sides_reports() -> None:
    ours, theirs = Reporter(1, "a"), Reporter(2, "b")
    sent = ours.report(SenderFacts(1, 0, 50, 8000), ReceiveStatistics(), now=0.0, wall_ns=EPOCH)
    theirs.receive(sent, 1, now=0.040, wall_ns=EPOCH + 40_000_000)
    back = theirs.report(
        SenderFacts(2, 0, 50, 8000), statistics(ssrc=1, highest=49, received=50), now=2.040, wall_ns=EPOCH
    )
    ours.receive(back, 2, now=2.090, wall_ns=EPOCH + 2_090_000_000)
    assert abs(ours.round_trip_s - 0.090) < 0.001


def test_loss_is_reported_per_interval_and_in_total() -> None:
    reporter, sender = Reporter(1, "a"), SenderFacts(1, 0, 0, 0)
    first, _ = parse_rtcp(reporter.report(sender, statistics(ssrc=9, highest=99, received=90), now=0, wall_ns=EPOCH))
    second, _ = parse_rtcp(reporter.report(sender, statistics(ssrc=9, highest=199, received=190), now=5, wall_ns=EPOCH))
    third, _ = parse_rtcp(reporter.report(sender, statistics(ssrc=10, highest=9, received=5), now=9, wall_ns=EPOCH))
    assert [(r.ssrc, r.packets_lost, round(r.fraction_lost, 2)) for r in (*first, *second, *third)] == [
        (9, 10, 0.1),
        (9, 10, 0.0),
        (10, 5, 0.5),
    ]


def test_a_side_that_sent_nothing_reports_as_a_receiver_and_every_report_names_its_source() -> None:
    reporter = Reporter(1, "c0ffee")
    sent = reporter.report(SenderFacts(1, 0, 3, 480), ReceiveStatistics(), now=0, wall_ns=EPOCH)
    silent = reporter.report(SenderFacts(1, 0, 3, 480), ReceiveStatistics(), now=5, wall_ns=EPOCH)
    assert (sent[1], silent[1]) == (200, 201)
    assert b"c0ffee" in sent and b"c0ffee" in silent
    assert reporter.goodbye()[-8:] == b"\x81\xcb\x00\x01\x00\x00\x00\x01"


def test_a_report_about_another_stream_or_with_impossible_times_changes_nothing() -> None:
    ours, theirs = Reporter(1, "a"), Reporter(2, "b")
    about_others = theirs.report(
        SenderFacts(2, 0, 1, 1), statistics(ssrc=77, highest=9, received=1), now=0, wall_ns=EPOCH
    )
    ours.receive(about_others, 2, now=0, wall_ns=EPOCH)
    assert (ours.round_trip_s, ours.remote_lost) == (0.0, 0)


def test_what_the_far_side_lost_is_known() -> None:
    ours, theirs = Reporter(1, "a"), Reporter(2, "b")
    report = theirs.report(SenderFacts(2, 0, 1, 1), statistics(ssrc=1, highest=99, received=93), now=0, wall_ns=EPOCH)
    ours.receive(report, 2, now=0, wall_ns=EPOCH)
    assert ours.remote_lost == 7


@given(st.integers(0, 127), st.integers(0, 65535), st.integers(0, 2**32 - 1), st.binary(max_size=160))
def test_a_packet_survives_the_wire(payload_type: int, sequence: int, timestamp: int, payload: bytes) -> None:
    sent = RtpPacket(payload_type, sequence, timestamp, 1, True, payload)
    assert parse_rtp(serialize_rtp(sent)) == sent
