"""The pacer's own lateness on the page of metrics."""

import pytest
from prometheus_client import REGISTRY, generate_latest

from voiceplane.media.pacer import Meter
from voiceplane.media.told import NAME, told


def up_to(seconds: str) -> float | None:
    return REGISTRY.get_sample_value(f"{NAME}_bucket", {"le": seconds})


def test_a_page_tells_how_many_packets_left_how_late_up_to_now() -> None:
    meter = Meter()
    with told(meter.read):
        for late_ms in (0.1, 0.1, 4.5, 20.0, 20.1, 70.0):
            meter.add(late_ms)
        assert [up_to(each) for each in ("0.00025", "0.004", "0.005", "0.02", "0.05", "+Inf")] == [2, 2, 3, 4, 5, 6]
        assert REGISTRY.get_sample_value(f"{NAME}_count") == 6
        assert REGISTRY.get_sample_value(f"{NAME}_sum") == pytest.approx(0.1148)
        meter.add(1.0)
        assert REGISTRY.get_sample_value(f"{NAME}_count") == 7
        assert f'{NAME}_bucket{{le="0.02"}} 5.0' in generate_latest().decode()
    assert up_to("+Inf") is None


def test_a_process_may_open_a_second_gateway_after_the_first() -> None:
    for _ in range(2):
        with told(Meter().read):
            assert up_to("+Inf") == 0
