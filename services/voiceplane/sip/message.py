"""SIP messages. Parsing and serializing are aiosipua's; the bounds, the errors and what a response copies are ours."""

import re
import secrets
from dataclasses import dataclass

from aiosipua.headers import Address, Via, parse_address, parse_via
from aiosipua.message import SipMessage, SipRequest, SipResponse

MAX_MESSAGE_BYTES = 65_535
T1 = 0.5  # s, round-trip estimate (RFC 3261 section 17.1.1.1)
T2 = 4.0  # s, longest interval between retransmissions
TIMEOUT = 64 * T1
BRANCH_COOKIE = "z9hG4bK"
NIL_UUID = "0" * 32

METHOD = re.compile(r"^[A-Za-z0-9.!%*_+`'~-]{1,32}$")
REASONS = {
    100: "Trying",
    180: "Ringing",
    200: "OK",
    202: "Accepted",
    400: "Bad Request",
    405: "Method Not Allowed",
    408: "Request Timeout",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    422: "Session Interval Too Small",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    491: "Request Pending",
    500: "Server Internal Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "Version Not Supported",
    603: "Decline",
}

Request = SipRequest
Response = SipResponse
Headers = tuple[tuple[str, str], ...]


class MalformedSipError(ValueError):
    """Bytes that are no SIP message we can answer (`request` is None) or a request that deserves a 400."""

    def __init__(self, problem: str, request: SipRequest | None = None) -> None:
        """Say what is wrong; give the request when its Via says where an answer goes."""
        super().__init__(problem)
        self.request = request


@dataclass(frozen=True, slots=True)
class Peer:
    """Where a message came from or goes to. `connection` names a TCP connection, 0 is UDP."""

    host: str
    port: int
    connection: int = 0

    @property
    def reliable(self) -> bool:
        """Say whether the transport repeats by itself."""
        return self.connection != 0


def parse(data: bytes) -> SipRequest | SipResponse:
    """Read one message; MalformedSipError for anything that must be dropped or answered with 400."""
    if len(data) > MAX_MESSAGE_BYTES:
        raise MalformedSipError("larger than 65535 bytes")
    try:
        message = SipMessage.parse(data)
    except (ValueError, IndexError, RecursionError) as error:
        raise MalformedSipError("no SIP message") from error
    if isinstance(message, SipResponse):
        _check_response(message)
        return message
    _check_request(message)
    return message


def _check_response(message: SipResponse) -> None:
    try:
        usable = 100 <= message.status_code <= 699 and message.cseq is not None and bool(message.via)
    except (ValueError, IndexError) as error:
        raise MalformedSipError("a response with broken headers") from error
    if not usable:
        raise MalformedSipError("a response without status, CSeq or Via")


def _check_request(message: SipRequest) -> None:
    """Check what RFC 3261 section 8.1.1 makes mandatory; without a Via there is nobody to answer."""
    try:
        top = parse_via(message.headers.get("via")[0])
    except (ValueError, IndexError) as error:
        raise MalformedSipError("a request without a usable Via") from error
    if not top.host:
        raise MalformedSipError("a request without a usable Via")
    for name in ("from", "to", "call-id", "cseq"):
        if len(message.headers.get(name)) != 1:
            raise MalformedSipError(f"{name} must stand once", message)
    try:
        cseq, sender, target = message.cseq, message.from_addr, message.to_addr
        length = message.get_header("content-length")
        contacts, routes = message.contact, [parse_address(r) for r in message.headers.get("record-route")]
    except (ValueError, IndexError) as error:
        raise MalformedSipError("a header cannot be read", message) from error
    if cseq is None or sender is None or target is None or contacts is None or routes is None:
        raise MalformedSipError("a header cannot be read", message)
    if not 0 <= cseq.seq < 2**31 or cseq.method != message.method or not METHOD.match(message.method):
        raise MalformedSipError("the CSeq does not fit the request", message)
    if length is not None and (not length.isdecimal() or int(length) > len(message.body)):
        raise MalformedSipError("the body is shorter than Content-Length", message)


def branch_of(message: SipRequest | SipResponse) -> str:
    """Return the branch of the top Via, empty for none."""
    return message.via[0].branch or ""


def transaction_key(request: SipRequest) -> tuple[str, str, str]:
    """Return what matches a request to its server transaction (RFC 3261 section 17.2.3); ACK and INVITE share one."""
    top = request.via[0]
    method = "INVITE" if request.method == "ACK" else request.method
    branch = top.branch or ""
    if branch.startswith(BRANCH_COOKIE):
        return branch, f"{top.host}:{top.port or 5060}", method
    cseq = request.cseq  # RFC 2543: no magic cookie
    sender = request.from_addr
    assert cseq is not None and sender is not None
    return f"{request.call_id}|{sender.tag}|{cseq.seq}", f"{top.host}:{top.port or 5060}", method


def respond(request: SipRequest, status: int, headers: Headers = (), body: bytes = b"") -> SipResponse:
    """Build a response (RFC 3261 section 8.2.6): all Via values in their order, From, To, Call-ID and CSeq copied."""
    response = SipResponse(status_code=status, reason_phrase=REASONS.get(status, "Unknown"))
    for via in request.headers.get("via"):
        response.headers.append("Via", _clean(via))
    for name in ("From", "To", "Call-ID", "CSeq"):
        value = request.get_header(name)
        if value is not None:
            response.headers.append(name, _clean(value))
    for name, value in headers:
        response.headers.append(name, value)
    if body:
        response.headers.append("Content-Type", "application/sdp")
    response.body = body
    return response


def _clean(value: str) -> str:
    """Take control characters out of a value that goes back: nothing of it may start a new header line."""
    return "".join(character for character in value if character >= " " and character != "\x7f")


def stamp_received(request: SipRequest, source: Peer) -> None:
    """Note where the request really came from in its top Via (RFC 3261 section 18.2.1, RFC 3581)."""
    vias: list[Via] = request.via
    top = vias[0]
    wants_port = "rport" in top.params
    if wants_port:
        top.params["rport"] = str(source.port)
    if wants_port or top.host != source.host:
        top.params["received"] = source.host
    request.via = vias


def response_peer(request: SipRequest, source: Peer) -> Peer:
    """Return where responses go (RFC 3261 section 18.2.2): the connection, or the sender's address."""
    if source.reliable:
        return source
    top = request.via[0]
    port = source.port if "rport" in top.params else (top.port or 5060)
    return Peer(source.host, port)


def add_to_tag(response: SipResponse, tag: str) -> None:
    """Give the To header our tag unless it has one (RFC 3261 section 8.2.6.2)."""
    target = response.get_header("To")
    if target is not None and response.status_code > 100 and ";tag=" not in target.lower().replace(" ", ""):
        response.set_header("To", f"{target};tag={tag}")


def new_tag() -> str:
    """Return a fresh tag: 64 random bits (RFC 3261 section 19.3 wants 32)."""
    return secrets.token_hex(8)


def new_branch() -> str:
    """Return a fresh branch with RFC 3261's cookie."""
    return BRANCH_COOKIE + secrets.token_hex(10)


def uri_of(header: str) -> str:
    """Return the bare URI of a name-addr header."""
    match = re.search(r"<([^>]*)>", header)
    return match[1] if match else header.split(";")[0].strip()


def user_of(address: Address | None) -> str:
    """Return the user part of an address: a caller's number, personal data."""
    user = getattr(getattr(address, "uri", None), "user", None)
    return user if isinstance(user, str) else ""
