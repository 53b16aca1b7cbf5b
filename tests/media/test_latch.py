import pytest

from voiceplane.media.latch import CONFIRM_PACKETS, SourceLatch, destination

SIGNALLED, NAT, STRANGER = ("10.0.0.5", 4000), ("198.51.100.7", 31000), ("203.0.113.9", 5555)


def latched(source: tuple[str, int], packets: int = 50) -> SourceLatch:
    latch = SourceLatch(SIGNALLED)
    for i in range(packets):
        assert latch.accepts(source, 7, i * 0.02)
    return latch


def test_the_first_source_is_followed_through_a_nat() -> None:
    assert latched(NAT).source == NAT


def test_a_stranger_does_not_take_over_a_call_however_long_the_caller_is_quiet() -> None:
    latch = latched(NAT)
    for now in (1.0, 2.0, 30.0, 300.0):
        assert not latch.accepts(STRANGER, 666, now)
    assert latch.source == NAT and latch.refused == 4


def test_a_strangers_first_packet_does_not_keep_the_caller_out() -> None:
    latch = SourceLatch(SIGNALLED)
    assert latch.accepts(STRANGER, 666, 0.0)
    assert latch.accepts(NAT, 7, 0.01)
    assert all(latch.accepts(NAT, 7, 0.02 * i) for i in range(1, CONFIRM_PACKETS + 1))
    assert not latch.accepts(STRANGER, 666, 0.2)


def test_where_sdp_said_beats_a_stranger_that_was_first() -> None:
    latch = latched(STRANGER)
    assert latch.accepts(SIGNALLED, 7, 1.0)
    assert not latch.accepts(STRANGER, 666, 1.01)


def test_the_same_stream_from_another_port_is_followed_once_the_old_one_is_quiet() -> None:
    latch, moved = latched(NAT), (NAT[0], 40000)
    assert not latch.accepts(moved, 7, 0.99)
    assert latch.accepts(moved, 7, 1.2)


def test_a_new_stream_from_the_same_host_is_followed_after_a_second() -> None:
    latch, moved = latched(NAT), (NAT[0], 40000)
    assert not latch.accepts(moved, 99, 1.5)
    assert latch.accepts(moved, 99, 2.5)


def test_a_refresh_keeps_the_source_and_a_new_address_asks_anew() -> None:
    latch = latched(NAT)
    latch.renegotiate(SIGNALLED)
    assert latch.source == NAT
    latch.renegotiate(STRANGER)
    assert latch.source is None


@pytest.mark.parametrize(
    "address",
    [("media.example.com", 4000), ("0.0.0.0", 4000), ("239.1.2.3", 4000), ("255.255.255.255", 9), ("10.0.0.1", 0)]
    + [("10.0.0.1", 65536), ("", 4000), ("::1", 4000), ("10.0.0.1\0", 4000)],
)
def test_what_cannot_or_must_not_be_sent_to_is_no_destination(address: tuple[str, int]) -> None:
    assert destination(address) is None
