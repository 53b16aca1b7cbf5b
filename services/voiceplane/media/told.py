"""How late packets left, on the process's page of metrics: read from the pacer when the page is asked for."""

import contextlib
from collections.abc import Callable, Iterator
from itertools import accumulate

from prometheus_client import REGISTRY
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

from voiceplane.media.pacer import BUCKETS_MS, Lateness

NAME = "voiceplane_rtp_lateness_seconds"


class _Told(Collector):
    def __init__(self, read: Callable[[], Lateness]) -> None:
        self._read = read

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Yield the histogram; nothing is counted here, so the pacer's thread has no work by it."""
        lateness = self._read()
        edges = (*(str(each / 1000) for each in BUCKETS_MS), "+Inf")
        buckets = list(zip(edges, map(float, accumulate(lateness.counts)), strict=True))
        about = "RTP packets sent, by how long after their time on the schedule they left"
        yield HistogramMetricFamily(NAME, about, buckets=buckets, sum_value=lateness.total_ms / 1000)


@contextlib.contextmanager
def told(read: Callable[[], Lateness]) -> Iterator[None]:
    """Have the page of metrics tell it until the block ends."""
    collector = _Told(read)
    REGISTRY.register(collector)
    try:
        yield
    finally:
        REGISTRY.unregister(collector)
