"""One call as SIP sees it: the dialog, its media session and its timers, and the requests we send inside it. Pure."""

from dataclasses import dataclass, field
from enum import Enum

from voiceplane.contract.ids import CallId
from voiceplane.sip.message import (
    NIL_UUID,
    T1,
    T2,
    TIMEOUT,
    Headers,
    Peer,
    Request,
    Response,
    host_and_port,
    is_ipv4,
    is_target,
    new_branch,
    new_tag,
    serialize,
    uri_of,
)
from voiceplane.sip.sdp import Agreed, LocalMedia, MediaOffer
from voiceplane.sip.session_timer import SessionTimer
from voiceplane.sip.transactions import ClientTransaction, ServerTransaction

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, NOTIFY"


class DialogState(Enum):
    """Where a call stands."""

    RINGING = "ringing"  # INVITE came, no final answer yet
    ACCEPTED = "accepted"  # 200 sent, ACK awaited
    CONFIRMED = "confirmed"
    ENDED = "ended"


@dataclass(slots=True)
class Acceptance:
    """A 2xx to an INVITE that repeats until its ACK (RFC 3261 section 13.3.1.4), over TCP too."""

    data: bytes
    peer: Peer
    cseq: int
    next_at: float
    ends_at: float
    interval: float = T1
    offered: bool = False  # the 2xx carries our offer; the ACK brings the answer

    def repeat(self) -> None:
        """Schedule the next repetition."""
        self.interval = min(T2, self.interval * 2)
        self.next_at += self.interval


@dataclass(slots=True)
class Dialog:
    """The state of one dialog. Mutated only by agent.UserAgent and its parts."""

    call_id: CallId  # ours: Session-ID local UUID
    invite: ServerTransaction
    peer: Peer
    contact: str  # our Contact
    offer: MediaOffer | None
    remote_session_id: str = NIL_UUID
    local_tag: str = field(default_factory=new_tag)
    state: DialogState = DialogState.RINGING
    local: LocalMedia | None = None
    agreed: Agreed | None = None
    acceptance: Acceptance | None = None
    timer: SessionTimer | None = None
    refreshed_at: float = 0.0
    refreshing: bool = False
    offering: bool = False  # the refresh is a re-INVITE: its offer has no answer yet
    retry_refresh_at: float = 0.0  # after a refresh that was refused
    remote_target: str = ""
    route_set: tuple[str, ...] = ()
    remote_cseq: int = 0
    local_cseq: int = 0
    allows_update: bool = False
    referring: float | None = None  # when the REFER gives up
    leaving: tuple[str, str] | None = None  # cause and reason of a BYE that waits for the ACK of our 200
    acknowledged: tuple[str, bytes] | None = None  # branch of our last INVITE and its ACK, for a repeated answer
    key: str = ""

    def __post_init__(self) -> None:
        """Name the dialog: Call-ID, our tag, their tag."""
        request = self.invite.request
        sender = request.from_addr
        self.key = dialog_key(request.call_id or "", self.local_tag, (sender.tag if sender else "") or "")

    def learn(self, request: Request, peer: Peer) -> None:
        """Take from a request of the far side what changes: target, connection, CSeq, methods, Session-ID."""
        if peer.reliable:
            self.peer = peer  # it may have opened a new connection
        cseq = request.cseq
        if cseq is not None and request.method != "ACK":
            self.remote_cseq = cseq.seq
        contacts = request.headers.get("contact")
        if contacts and request.method in ("INVITE", "UPDATE"):
            self.remote_target = uri_of(contacts[0])
        if request.headers.get("allow"):
            self.allows_update = "update" in ",".join(request.headers.get("allow")).lower()
        self.remote_session_id = remote_uuid(request) or self.remote_session_id

    def follow(self, response: Response) -> None:
        """Take a new target from the 2xx to our re-INVITE or UPDATE (RFC 3261 section 12.2.1.2)."""
        contacts = response.headers.get("contact")
        if contacts and is_target(uri_of(contacts[0])):
            self.remote_target = uri_of(contacts[0])

    def session_id(self) -> str:
        """Return the Session-ID header for what we send (RFC 7989 section 5)."""
        return f"{self.call_id};remote={self.remote_session_id}"

    def request(self, method: str, *, headers: Headers = (), body: bytes = b"", cseq: int | None = None) -> Request:
        """Build a request inside the dialog (RFC 3261 section 12.2.1.1): route set, target, our next CSeq."""
        if cseq is None:
            self.local_cseq += 1
            cseq = self.local_cseq
        invite = self.invite.request
        target, routes = self._routed()
        request = Request(method=method, uri=target)
        add = request.headers.append
        via = "TCP" if self.peer.reliable else "UDP"
        add("Via", f"SIP/2.0/{via} {self.contact.split('@')[-1].split(';')[0].strip('<>')};branch={new_branch()};rport")
        add("Max-Forwards", "70")
        for route in routes:
            add("Route", route)
        add("From", f"{invite.get_header('To')};tag={self.local_tag}")
        add("To", invite.get_header("From") or "")
        add("Call-ID", invite.call_id or "")
        add("CSeq", f"{cseq} {method}")
        if method != "ACK":
            add("Contact", self.contact)
        add("Session-ID", self.session_id())
        for name, value in headers:
            add(name, value)
        if body:
            add("Content-Type", "application/sdp")
        request.body = body
        return request

    def _routed(self) -> tuple[str, tuple[str, ...]]:
        """Return Request-URI and Route values; a first hop without `lr` is strict (RFC 3261 section 12.2.1.1)."""
        if not self.route_set or ";lr" in uri_of(self.route_set[0]).lower():
            return self.remote_target, self.route_set
        return uri_of(self.route_set[0]), (*self.route_set[1:], f"<{self.remote_target}>")

    def transaction(self, request: Request, purpose: str, now: float) -> ClientTransaction:
        """Make the client transaction that repeats this request."""
        next_at = None if self.peer.reliable else now + T1
        return ClientTransaction(
            self.key, request.method, purpose, serialize(request), self.next_hop(), now + TIMEOUT, next_at, now
        )

    def next_hop(self) -> Peer:
        """Return where requests go: the connection, else the first route, else the target (RFC 3261 section 12.2.1.1).

        A target that is a name or is behind NAT is reached where its last request came from.
        """
        if self.peer.reliable:
            return self.peer
        host, port = host_and_port(uri_of(self.route_set[0]) if self.route_set else self.remote_target)
        return Peer(host, port) if is_ipv4(host) and self.route_set else self.peer


def dialog_key(call_id: str, local_tag: str, remote_tag: str) -> str:
    """Join what names a dialog."""
    return f"{call_id}|{local_tag}|{remote_tag}"


def key_of(request: Request) -> str | None:
    """Return the dialog a request of the far side belongs to; None without our tag."""
    sender, target = request.from_addr, request.to_addr
    if target is None or not target.tag:
        return None
    return dialog_key(request.call_id or "", target.tag, (sender.tag if sender else "") or "")


def remote_uuid(request: Request) -> str | None:
    """Return the far side's own UUID of a Session-ID header; None when it is absent or malformed."""
    header = request.get_header("session-id")
    if header is None:
        return None
    uuid = header.split(";")[0].strip().lower()
    legal = len(uuid) == 32 and all(character in "0123456789abcdef" for character in uuid)
    return uuid if legal and uuid != NIL_UUID else None
