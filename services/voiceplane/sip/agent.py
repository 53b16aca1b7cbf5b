"""The user agent server: bytes and time in, bytes and events out. No socket, no clock.

ROUTES is the table of what a request does; the parts that carry it out are requests.py (what comes) and calls.py (what
we do). Feed `receive` with datagrams or framed TCP messages and `tick` about every 50 ms.
"""

from collections.abc import Callable

from voiceplane.contract.ids import new_call_id
from voiceplane.sip.admission import Bucket, Limits
from voiceplane.sip.calls import Calls
from voiceplane.sip.dialog import key_of, remote_uuid
from voiceplane.sip.events import CallRefused, Event, Output, Send
from voiceplane.sip.message import (
    NIL_UUID,
    MalformedSipError,
    Peer,
    Request,
    Response,
    add_to_tag,
    parse,
    respond,
    response_peer,
    serialize,
    stamp_received,
    stateless_tag,
)
from voiceplane.sip.refusals import refuse, unknown_extensions
from voiceplane.sip.requests import Requests
from voiceplane.sip.state import AgentSettings, AgentState
from voiceplane.sip.transactions import ServerTransaction

Rule = Callable[[Requests, ServerTransaction, float], None]
ROUTES: dict[str, Rule] = {
    "INVITE": Requests.invite,
    "CANCEL": Requests.cancel,
    "BYE": Requests.bye,
    "UPDATE": Requests.update,
    "OPTIONS": Requests.options,
    "NOTIFY": Requests.notify,
}
KNOWN_BUT_NOT_ALLOWED = frozenset({"REGISTER", "SUBSCRIBE", "PUBLISH", "MESSAGE", "INFO", "PRACK", "REFER"})


class UserAgent:
    """Every dialog of one gateway."""

    def __init__(self, settings: AgentSettings, limits: Limits) -> None:
        """Start with no calls."""
        self.state = AgentState(settings, limits, Bucket(float(limits.burst), 0.0))
        self.calls = Calls(self.state)
        self._requests = Requests(self.state, self.calls)

    def receive(self, data: bytes, source: Peer, now: float) -> list[Output]:
        """Take one message; never raises for what is in it."""
        if not data.strip(b"\r\n\0 "):
            return []  # keep-alive (RFC 5626 section 3.5.1)
        try:
            message = parse(data)
        except MalformedSipError as error:
            if error.request is not None and error.request.method != "ACK" and self.state.ways.admits(source.host):
                self._malformed(error.request, error, source)
            return self.state.take()
        if isinstance(message, Response):
            self.calls.response(message, now)
        else:
            self._request(message, source, now)
        return self.state.take()

    def tick(self, now: float) -> list[Output]:
        """Let time pass: retransmissions, timeouts, session timers."""
        self.calls.tick(now)
        return self.state.take()

    def take(self) -> list[Output]:
        """Return what the call layer's own steps have produced."""
        return self.state.take()

    def carries_call(self, peer: Peer) -> bool:
        """Say whether a live call came by this connection."""
        return any(dialog.peer.connection == peer.connection for dialog in self.state.dialogs.values())

    def _request(self, request: Request, source: Peer, now: float) -> None:
        if key_of(request) not in self.state.dialogs and not self.state.ways.admits(source.host):
            if request.method == "INVITE":
                self.state.put(CallRefused(0, "unknown-source"))
            return
        stamp_received(request, source)
        peer = response_peer(request, source)
        if request.method == "ACK":
            self._requests.ack(request, now)
            return
        inside = key_of(request) in self.state.dialogs or request.method == "CANCEL"
        opened, repeated = self.state.server.receive(request, peer, now, inside=inside)
        if opened is None:
            if repeated:
                self.state.put(Send(repeated, peer))
            return
        rule = ROUTES.get(request.method)
        unsupported = unknown_extensions(request)
        if rule is None:
            refuse(self.state, opened, 405 if request.method in KNOWN_BUT_NOT_ALLOWED else 501, now)
        elif unsupported:
            refuse(self.state, opened, 420, now, headers=(("Unsupported", ", ".join(unsupported)),))
        else:
            rule(self._requests, opened, now)

    def _malformed(self, request: Request, error: MalformedSipError, source: Peer) -> None:
        """Answer without keeping anything: a repetition gets the same answer (RFC 3261 section 8.2.7)."""
        stamp_received(request, source)
        headers = (
            ("Session-ID", f"{new_call_id()};remote={remote_uuid(request) or NIL_UUID}"),
            ("Reason", f'SIP;cause={error.status};text="{error}"'),
            ("Server", self.state.settings.product),
        )
        response = respond(request, error.status, headers)
        add_to_tag(response, stateless_tag(request))
        self.state.put(Send(serialize(response), response_peer(request, source)))


__all__ = ["AgentSettings", "Event", "Limits", "UserAgent"]
