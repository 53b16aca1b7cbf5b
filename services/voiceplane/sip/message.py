"""SIP messages. Parsing and serializing are aiosipua's; the bounds, the errors and what a response copies are ours."""

import hashlib
import ipaddress
import logging
import re
import secrets
from dataclasses import dataclass

from aiosipua.headers import Address, parse_address, parse_via
from aiosipua.message import SipMessage, SipRequest, SipResponse

logging.getLogger("aiosipua.message").setLevel(logging.ERROR)  # it warns for each hostile packet
MAX_MESSAGE_BYTES = 65_535
MAX_HOPS = 64  # values of Via, Record-Route or Contact; each is copied or kept, so that they must be few
T1 = 0.5  # s, round-trip estimate (RFC 3261 section 17.1.1.1)
T2 = 4.0  # s, longest interval between retransmissions
TIMEOUT = 64 * T1
BRANCH_COOKIE = "z9hG4bK"
NIL_UUID = "0" * 32

_REQUEST_LINE = re.compile(rb"([A-Za-z0-9.!%*_+`'~-]{1,32}) ([^\s\x00-\x1f\x7f]+) SIP/(\d{1,3}\.\d{1,3})[ \t]*\r?")
_HEAD_END = re.compile(rb"\n\r?\n")  # the empty line of RFC 3261 section 7
_CSEQ = re.compile(r"(\d{1,10})\s+(\S+)")
_LENGTH = re.compile(r"\d{1,6}")
_REST = r":[^\s<>\"\x00-\x1f\x7f]+"
_URI = re.compile("[a-z][a-z0-9+.-]*" + _REST, re.IGNORECASE)  # names a person
_TARGET = re.compile("(sips?|tel)" + _REST, re.IGNORECASE)  # can stand in a request line of ours
_TAG_KEY = secrets.token_bytes(16)
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
    489: "Bad Event",
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
    """Bytes that are no SIP message we can answer (`request` is None) or a request that deserves `status`."""

    def __init__(self, problem: str, request: SipRequest | None = None, *, status: int = 400) -> None:
        """Say what is wrong; give the request when its Via says where an answer goes."""
        super().__init__(problem)
        self.request = request
        self.status = status


@dataclass(frozen=True, slots=True)
class Peer:
    """Where a message came from or goes to. `connection` names a TCP connection, 0 is UDP.

    What goes to a connection that is gone goes to a new one, which is opened to host and port.
    """

    host: str
    port: int
    connection: int = 0

    @property
    def reliable(self) -> bool:
        """Say whether the transport repeats by itself."""
        return self.connection != 0


def parse(data: bytes) -> SipRequest | SipResponse:
    """Read one message; MalformedSipError for anything that must be dropped or answered with 400 or 505."""
    if len(data) > MAX_MESSAGE_BYTES:
        raise MalformedSipError("larger than 65535 bytes")
    data = data.lstrip(b"\r\n")  # RFC 3261 section 7.5
    try:
        message = SipMessage.parse(data)
    except (ValueError, IndexError, RecursionError) as error:
        raise MalformedSipError("no SIP message") from error
    cut = _HEAD_END.search(data) is None  # what stood after the cut is unknown: a route, a body
    if isinstance(message, SipResponse):
        if cut:
            raise MalformedSipError("a response without the end of its headers")
        _check_response(message)
        return message
    _check_via(message)
    if cut:
        raise MalformedSipError("the headers have no end", message)
    line = _REQUEST_LINE.fullmatch(data.split(b"\n", 1)[0])
    if line is None:
        raise MalformedSipError("the request line cannot be read", message)
    if line[3] != b"2.0":
        raise MalformedSipError("this is SIP/2.0 only", message, status=505)
    _check_request(message)
    return message


def _check_response(message: SipResponse) -> None:
    try:
        usable = 100 <= message.status_code <= 699 and message.cseq is not None and bool(message.via)
    except (ValueError, IndexError) as error:
        raise MalformedSipError("a response with broken headers") from error
    if not usable:
        raise MalformedSipError("a response without status, CSeq or Via")


def _check_via(message: SipRequest) -> None:
    """Refuse to answer where nobody can be answered: no Via, or more than any path has."""
    vias = message.headers.get("via")
    if not 1 <= len(vias) <= MAX_HOPS or not parse_via(vias[0]).host:
        raise MalformedSipError("a request without a usable Via")


def _check_request(message: SipRequest) -> None:
    """Check what RFC 3261 section 8.1.1 makes mandatory."""
    for name in ("from", "to", "call-id", "cseq"):
        values = message.headers.get(name)
        if len(values) != 1 or not values[0]:
            raise MalformedSipError(f"{name} must stand once", message)
    for name in ("contact", "record-route"):
        if len(message.headers.get(name)) > MAX_HOPS:
            raise MalformedSipError(f"too many values of {name}", message)
    for header in ("from", "to"):
        if _URI.fullmatch(uri_of(message.headers.get(header)[0])) is None:
            raise MalformedSipError(f"{header} cannot be read", message)
    cseq = _CSEQ.fullmatch(message.headers.get("cseq")[0])
    if cseq is None or int(cseq[1]) >= 2**31 or cseq[2] != message.method:
        raise MalformedSipError("the CSeq does not fit the request", message)
    lengths = set(message.headers.get("content-length"))
    if lengths:
        length = _LENGTH.fullmatch(lengths.pop())
        if lengths or length is None or int(length[0]) > len(message.body):
            raise MalformedSipError("Content-Length does not fit the body", message)
    if message.method in ("INVITE", "UPDATE"):
        hops = [*message.headers.get("contact"), *message.headers.get("record-route")]
        if not all(is_target(uri_of(hop)) for hop in hops):
            raise MalformedSipError("Contact or Record-Route cannot be read", message)


def serialize(message: SipRequest | SipResponse) -> bytes:
    """Return the bytes to send, header names as we wrote them: some tools want `Session-ID`, not `Session-Id`."""
    message.headers.remove("content-length")
    if isinstance(message, SipRequest):
        lines = [f"{message.method} {message.uri} SIP/2.0"]
    else:
        lines = [f"SIP/2.0 {message.status_code} {message.reason_phrase}"]
    lines += [f"{name}: {value}" for name, values in message.headers.items() for value in values]
    lines += [f"Content-Length: {len(message.body)}", "", ""]
    return "\r\n".join(lines).encode("utf-8", "replace") + message.body


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
    """Build a response (RFC 3261 section 8.2.6): every Via, From, To, Call-ID, CSeq; in a 100 the Timestamp."""
    response = SipResponse(status_code=status, reason_phrase=REASONS.get(status, "Unknown"))
    for via in request.headers.get("via"):
        response.headers.append("Via", _clean(via))
    for name in ("From", "To", "Call-ID", "CSeq", *(("Timestamp",) if status == 100 else ())):
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
    """Note where the request really came from in its top Via (RFC 3261 section 18.2.1, RFC 3581); the rest stays."""
    top, *others = request.headers.get("via")
    sent_by, *parameters = top.split(";")
    names = [parameter.partition("=")[0].strip().lower() for parameter in parameters]
    stamped = [sent_by]
    for name, parameter in zip(names, parameters, strict=True):
        if name == "rport":
            stamped.append(f"rport={source.port}")
        elif name != "received":  # only we may say it
            stamped.append(parameter)
    if "rport" in names or parse_via(top).host != source.host:
        stamped.append(f"received={source.host}")
    request.headers.remove("via")
    for via in (";".join(stamped), *others):
        request.headers.append("Via", via)


def response_peer(request: SipRequest, source: Peer) -> Peer:
    """Return where responses go (RFC 3261 section 18.2.2): the sender's address, whatever Via names as its host.

    The port is the one that Via says; by UDP the sender's own where it asks for that, by TCP only for a new connection.
    """
    top = request.via[0]
    port = source.port if "rport" in top.params and not source.reliable else (top.port or 5060)
    return Peer(source.host, port if 0 < port < 65536 else source.port, source.connection)


def stateless_tag(request: SipRequest) -> str:
    """Return a To tag that a repetition of the request gets again (RFC 3261 section 8.2.7)."""
    seed = f"{request.call_id}|{request.headers.get('via')[0]}|{request.get_header('cseq')}"
    return hashlib.blake2s(seed.encode("utf-8", "replace"), key=_TAG_KEY, digest_size=8).hexdigest()


def add_to_tag(response: SipResponse, tag: str) -> None:
    """Give the To header our tag unless it has one (RFC 3261 section 8.2.6.2)."""
    target = response.get_header("To")
    if target is not None and response.status_code > 100 and parse_address(target).tag is None:
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


def is_target(uri: str) -> bool:
    """Say whether a URI of the far side can stand in a request line of ours: one that holds no space, for example."""
    return _TARGET.fullmatch(uri) is not None


def host_and_port(uri: str) -> tuple[str, int]:
    """Return host and port of a SIP URI; port 5060 when it has none."""
    rest = uri.split(":", 1)[-1].split(";")[0].split("?")[0].split("@")[-1]
    host, _, port = rest.partition(":")
    return host, int(port) if re.fullmatch(r"[0-9]{1,5}", port) and 0 < int(port) < 65536 else 5060


def is_ipv4(host: str) -> bool:
    """Say whether `host` is an IPv4 address: anything else would make the socket ask DNS, which blocks every call."""
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True


def user_of(address: Address | None) -> str:
    """Return the user part of an address: a caller's number, personal data."""
    user = getattr(getattr(address, "uri", None), "user", None)
    return user if isinstance(user, str) else ""
