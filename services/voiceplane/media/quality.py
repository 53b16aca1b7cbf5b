"""How a line would be rated by a listener: the E-model, reduced to what RTP and RTCP tell. Pure."""

from voiceplane.media.ports import MediaStatistics
from voiceplane.media.receive import ReceiveStatistics
from voiceplane.media.rtcp import Reporter


def mean_opinion_score(loss: float, delay_ms: float) -> float:
    """Estimate MOS from loss (0 to 1) and delay (ITU-T G.107; constants for G.711 with concealment)."""
    delay_impairment = 0.024 * delay_ms + 0.11 * max(0.0, delay_ms - 177.3)
    loss_impairment = 95 * loss * 100 / (loss * 100 + 25.1)
    r = max(0.0, min(100.0, 93.2 - delay_impairment - loss_impairment))
    return 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6


def summarized(
    codec: str, received: ReceiveStatistics, reporter: Reporter, *, sent: int, unsent: int
) -> MediaStatistics:
    """Sum up both directions for the call's record."""
    loss = received.lost / max(1, received.received - received.late + received.lost)
    jitter_ms, round_trip_ms = received.jitter_s * 1000, reporter.round_trip_s * 1000
    return MediaStatistics(
        codec,
        sent,
        received.received,
        received.lost,
        received.late,
        round(jitter_ms, 2),
        round(round_trip_ms, 1),
        round(mean_opinion_score(loss, jitter_ms + round_trip_ms / 2), 2),
        received.duplicate,
        received.concealed,
        unsent,
        reporter.remote_lost,
    )
