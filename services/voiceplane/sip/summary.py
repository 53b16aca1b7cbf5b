"""The header of a REFER that tells the person who takes the call what was said. Used by calls.py. Pure."""

from voiceplane.sip.message import Request, serialize

HEADER = "X-Transfer-Summary"
MAX_SUMMARY = 900  # bytes of a header line that every proxy passes
MAX_DATAGRAM = 1300  # bytes of a request by UDP: a larger one is fragmented, and lost (RFC 3261 section 18.1.1)


def add_summary(request: Request, summary: str, *, reliable: bool) -> None:
    """Add as many whole words of the summary as the way to the far side carries."""
    room = MAX_SUMMARY
    if not reliable:
        room = min(room, MAX_DATAGRAM - len(serialize(request)) - len(f"{HEADER}: \r\n"))
    line = _cut(" ".join(summary.split()), room)
    if line:
        request.headers.append(HEADER, line)


def _cut(text: str, octets: int) -> str:
    encoded = text.encode()
    if len(encoded) <= octets:
        return text
    return encoded[: max(0, octets)].decode("utf-8", "ignore").rpartition(" ")[0]
