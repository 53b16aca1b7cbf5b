"""Session timers (RFC 4028): whether a dialog has one, who refreshes, and when it is over. Pure."""

import re
from dataclasses import dataclass, replace

from voiceplane.sip.message import Request

MIN_SE_S = 90  # RFC 4028 section 4: nothing below
MAX_SE_S = 86_400  # a day; a longer wish is cut


class IntervalTooSmallError(ValueError):
    """The caller wants a session interval below our minimum: 422 with Min-SE."""


@dataclass(frozen=True, slots=True)
class SessionTimer:
    """The agreed interval and whether the refreshes are ours."""

    interval_s: int
    we_refresh: bool

    def header(self, *, we_are_uac: bool = False) -> str:
        """Return the value of Session-Expires for our response or request."""
        ours = "uac" if we_are_uac else "uas"
        theirs = "uas" if we_are_uac else "uac"
        return f"{self.interval_s};refresher={ours if self.we_refresh else theirs}"

    def longer(self, min_se: str) -> "SessionTimer":
        """Return it with the interval that a 422 asks for (RFC 4028 section 7.3)."""
        wanted = min_se.split(";")[0].strip()
        return replace(self, interval_s=max(self.interval_s, min(_seconds(wanted) or 0, MAX_SE_S)))

    def answered(self, header: str | None) -> "SessionTimer":
        """Return it as the 2xx to our refresh sets it (RFC 4028 section 7.2); unreadable values change nothing."""
        value, *parameters = (part.strip().lower() for part in (header or "").split(";"))
        interval_s = _seconds(value)
        if interval_s is None:
            return self
        agreed_s = min(max(interval_s, MIN_SE_S), MAX_SE_S)  # never so short that the refreshes are a flood
        return SessionTimer(agreed_s, we_refresh="refresher=uas" not in parameters)

    def refresh_at(self, since: float) -> float:
        """Return when to refresh: half of the interval (RFC 4028 section 10)."""
        return since + self.interval_s / 2

    def expires_at(self, since: float) -> float:
        """Return when to send BYE: a third or 32 s before the end (RFC 4028 section 10)."""
        return since + self.interval_s - min(32, self.interval_s / 3)


def supports_timer(request: Request) -> bool:
    """Say whether the far side knows RFC 4028."""
    tags = ",".join([*request.headers.get("supported"), *request.headers.get("require")])
    return "timer" in {tag.strip().lower() for tag in tags.split(",")}


def agree_timer(request: Request, wanted_s: int) -> SessionTimer | None:
    """Answer a request's Session-Expires; IntervalTooSmallError below Min-SE; None when there is no timer."""
    header = request.get_header("session-expires") or request.get_header("x")
    known = supports_timer(request)
    floor = min(_seconds((request.get_header("min-se") or "").split(";")[0].strip()) or 0, MAX_SE_S)
    if header is None:
        return SessionTimer(max(wanted_s, floor, MIN_SE_S), we_refresh=True) if known else None
    value, *parameters = (part.strip().lower() for part in header.split(";"))
    interval_s = _seconds(value)
    if interval_s is None:
        return None
    if interval_s < MIN_SE_S:
        raise IntervalTooSmallError(value)
    agreed_s = max(min(interval_s, wanted_s), floor, MIN_SE_S)
    refresher_is_uac = "refresher=uac" in parameters and known
    return SessionTimer(agreed_s, we_refresh=not refresher_is_uac)


def _seconds(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else None
