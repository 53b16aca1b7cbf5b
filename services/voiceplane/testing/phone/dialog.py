"""What the phone knows of its dialog, and the messages made from it (RFC 3261 section 12). No sockets, no time."""

import secrets
from dataclasses import dataclass, field

from aiosipua.header_codec import parse_address, stringify_uri
from aiosipua.message import SipRequest, SipResponse

NIL_UUID = "0" * 32  # RFC 7989 section 5: the other side's UUID is not known yet
ALLOWED = "INVITE, ACK, CANCEL, BYE, OPTIONS, REFER, NOTIFY, UPDATE, INFO"
USER_AGENT = "voiceplane-phone"


def new_branch() -> str:
    """Return a transaction id (RFC 3261 section 8.1.1.7: the magic cookie first)."""
    return "z9hG4bK" + secrets.token_hex(8)


def new_tag() -> str:
    """Return a dialog tag."""
    return secrets.token_hex(6)


@dataclass(slots=True)
class Dialog:
    """One peer relation as the phone sees it. Changed only by leg.py."""

    call_id: str
    local_uri: str
    remote_uri: str
    contact: str  # where the other side reaches us
    session_id: str  # our RFC 7989 UUID
    transport: str  # UDP or TCP, for Via
    local_tag: str = field(default_factory=new_tag)
    remote_tag: str = ""
    remote_target: str = ""
    route_set: tuple[str, ...] = ()
    remote_session_id: str = NIL_UUID
    local_cseq: int = 0
    remote_cseq: int = 0

    def request(self, method: str, *, branch: str, cseq: int | None = None) -> SipRequest:
        """Make a request of this dialog; without `cseq` it takes the next number (ACK and CANCEL reuse one)."""
        if cseq is None:
            self.local_cseq += 1
            cseq = self.local_cseq
        request = SipRequest(method=method, uri=self.remote_target or self.remote_uri)
        host, _, port = self.contact.removeprefix("sip:").split(";")[0].rpartition("@")[2].rpartition(":")
        to_tag = f";tag={self.remote_tag}" if self.remote_tag else ""
        request.headers.append("Via", f"SIP/2.0/{self.transport} {host}:{port};branch={branch};rport")
        for route in self.route_set:
            request.headers.append("Route", route)
        for name, value in (
            ("Max-Forwards", "70"),
            ("From", f"<{self.local_uri}>;tag={self.local_tag}"),
            ("To", f"<{self.remote_uri}>{to_tag}"),
            ("Call-ID", self.call_id),
            ("CSeq", f"{cseq} {method}"),
            ("Session-ID", f"{self.session_id};remote={self.remote_session_id}"),
            ("User-Agent", USER_AGENT),
        ):
            request.headers.set_single(name, value)
        if method in ("INVITE", "UPDATE", "REFER", "NOTIFY"):
            request.headers.set_single("Contact", f"<{self.contact}>")
        if method in ("INVITE", "UPDATE"):
            request.headers.set_single("Allow", ALLOWED)
        return request

    def response(self, request: SipRequest, status: int, reason: str) -> SipResponse:
        """Answer a request: all Via and Record-Route values in their order (RFC 3261 section 8.2.6.2)."""
        response = SipResponse(status_code=status, reason_phrase=reason)
        for name in ("Via", "Record-Route"):
            for value in request.headers.get(name):
                response.headers.append(name, value)
        for name in ("From", "Call-ID", "CSeq"):
            response.headers.set_single(name, request.headers.get_first(name) or "")
        to = request.headers.get_first("to") or ""
        if status > 100 and ";tag=" not in to:
            to += f";tag={self.local_tag}"
        response.headers.set_single("To", to)
        response.headers.set_single("Session-ID", f"{self.session_id};remote={self.remote_session_id}")
        if status < 300 and request.method in ("INVITE", "UPDATE", "REFER"):
            response.headers.set_single("Contact", f"<{self.contact}>")
            response.headers.set_single("Allow", ALLOWED)
        return response

    def learn(self, message: SipRequest | SipResponse) -> None:
        """Take the other side's tag, target, routes and Session-ID from a message that may set them."""
        peer = message.to_addr if isinstance(message, SipResponse) else message.from_addr
        if peer is not None and peer.tag and not self.remote_tag:
            self.remote_tag = peer.tag
        contacts = message.headers.get("contact")
        if contacts:
            self.remote_target = stringify_uri(parse_address(contacts[0]).uri)
        theirs = (message.headers.get_first("session-id") or "").split(";")[0].strip()
        if len(theirs) == 32 and theirs != NIL_UUID:
            self.remote_session_id = theirs
        if not self.route_set and isinstance(message, SipResponse):
            self.route_set = tuple(reversed(message.headers.get("record-route")))
        elif not self.route_set:
            self.route_set = tuple(message.headers.get("record-route"))
