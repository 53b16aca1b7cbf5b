"""May one more call come in? Pure: load, rate and a closed door in, a refusal or nothing out."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Limits:
    """What one gateway takes."""

    max_calls: int = 100
    calls_per_second: float = 50.0
    burst: int = 50
    max_lag_s: float = 1.0  # twice T1: a caller sends its INVITE again before that, and may again


@dataclass(frozen=True, slots=True)
class Bucket:
    """A token bucket for new calls."""

    tokens: float
    at: float


@dataclass(frozen=True, slots=True)
class Load:
    """What the gateway does now: its calls, and how late it is with its work."""

    active: int
    lag_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why not, as SIP says it."""

    status: int
    retry_after_s: int
    reason: str  # bounded word for metrics


DRAINING = Refusal(503, 60, "draining")  # this gateway will not come back
PAUSED = Refusal(503, 5, "not-ready")  # a back end is away; it may be back soon


def admit(
    limits: Limits, bucket: Bucket, load: Load, *, closed: Refusal | None, now: float
) -> tuple[Bucket, Refusal | None]:
    """Decide about one INVITE at `now`; a refused one costs no token. `closed` refuses every one."""
    refilled = min(float(limits.burst), bucket.tokens + (now - bucket.at) * limits.calls_per_second)
    bucket = Bucket(refilled, now)
    if closed is not None:
        return bucket, closed
    if load.active >= limits.max_calls:
        return bucket, Refusal(503, 5, "full")
    if load.lag_s > limits.max_lag_s:
        return bucket, Refusal(503, 2, "busy")
    if bucket.tokens < 1.0:
        return bucket, Refusal(503, 1, "rate")
    return replace(bucket, tokens=bucket.tokens - 1.0), None
