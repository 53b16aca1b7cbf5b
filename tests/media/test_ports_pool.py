import socket

import pytest

from voiceplane.media.ports_pool import PortPool, PortsExhaustedError


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


def test_rtp_is_on_the_even_port_and_rtcp_on_the_next() -> None:
    pool = PortPool("127.0.0.1", first=31911, last=31914, quarantine_s=0)
    pair = pool.take(0.0)
    assert (pair.rtp.getsockname()[1], pair.rtcp.getsockname()[1]) == (31912, 31913)
    pool.release(pair, 0.0)


def test_a_pair_that_another_process_has_is_passed_over() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 31921))
        pool = PortPool("127.0.0.1", first=31920, last=31923, quarantine_s=30)
        pair = pool.take(0.0)
        assert pair.port == 31922
        pool.release(pair, 0.0)


def test_a_range_without_a_pair_is_refused() -> None:
    with pytest.raises(ValueError, match="31901-31902"):
        PortPool("127.0.0.1", first=31901, last=31902, quarantine_s=0)
