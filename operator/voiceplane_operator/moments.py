"""Tell this moment as API servers stamp it; what is measured within this process has the loop's time. Read by many."""

from datetime import UTC, datetime


def now() -> float:
    """Return this moment in seconds since 1970, as facts tell it."""
    return datetime.now(UTC).timestamp()


def now_precisely() -> str:
    """Return this moment as a Lease holds it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def now_text() -> str:
    """Return this moment as Kubernetes writes it."""
    return as_text(now())


def as_text(moment: float) -> str:
    """Return a moment, in seconds since 1970, as Kubernetes writes it."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
