"""Any order of what callers, the call layer and time do leaves the agent consistent, and in the end empty."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from voiceplane.sip.dialog import Dialog
from voiceplane.sip.events import CallEnded, CallOffered, Output, Send
from voiceplane.sip.message import Peer, Request, Response, parse
from voiceplane.sip.sdp import LocalMedia
from voiceplane.testing.caller import SDP, Caller

DIRECTIONS = st.sampled_from(["sendrecv", "sendonly", "recvonly", "inactive"])
TIMERS = st.sampled_from(["", "Supported: timer\r\n", "Supported: timer\r\nSession-Expires: 90;refresher=uac\r\n"])
PEERS = st.sampled_from([Peer("192.0.2.1", 5062), Peer("192.0.2.1", 5062, 3)])


class Calls(RuleBasedStateMachine):
    """A few calls at once over one agent; every rule may come at any time."""

    def __init__(self) -> None:
        """Start with no calls."""
        super().__init__()
        self.first = Caller()
        self.agent = self.first.agent
        self.now = 100.0
        self.callers: list[Caller] = []
        self.offered: list[str] = []
        self.ended: list[str] = []
        self.requests: list[Request] = []

    def take(self, outputs: list[Output], caller: Caller | None = None) -> None:
        for output in outputs:
            if isinstance(output, Send):
                message = parse(output.data)
                assert message.get_header("Session-ID")
                self.note(message, caller)
                continue
            if isinstance(output, CallOffered):
                self.offered.append(output.key)
                continue
            if isinstance(output, CallEnded):
                assert output.key not in self.ended, "a call ends once"
                self.ended.append(output.key)

    def note(self, message: Request | Response, caller: Caller | None) -> None:
        if isinstance(message, Request):
            self.requests.append(message)
        elif caller is not None and message.status_code == 200 and message.call_id == caller.call_id:
            target = message.to_addr
            caller.to_tag = (target.tag if target else "") or caller.to_tag

    def send(self, caller: Caller, data: bytes) -> None:
        self.take(self.agent.receive(data, caller.peer, self.now), caller)

    def dialog(self, number: int) -> Dialog | None:
        dialogs = list(self.agent.state.dialogs.values())
        return dialogs[number % len(dialogs)] if dialogs else None

    def caller(self, number: int) -> Caller | None:
        return self.callers[number % len(self.callers)] if self.callers else None

    @rule(offer=st.booleans(), timer=TIMERS, peer=PEERS)
    def invite(self, offer: bool, timer: str, peer: Peer) -> None:
        caller = Caller(call_id=f"call-{len(self.callers)}", peer=peer)
        self.callers.append(caller)
        self.send(caller, caller.invite(headers=timer, body=None if offer else ""))

    @rule(number=st.integers(0, 9), step=st.sampled_from(["ring", "accept", "reject", "hang_up", "refer"]))
    def step(self, number: int, step: str) -> None:
        dialog = self.dialog(number)
        if dialog is None:
            return
        calls = self.agent.calls
        match step:
            case "ring":
                calls.ring(dialog, self.now)
            case "accept":
                calls.accept(dialog, LocalMedia("127.0.0.1", 20000, 1), self.now)
            case "reject":
                calls.reject(dialog, 486, self.now)
            case "hang_up":
                calls.hang_up(dialog, self.now)
            case _ if dialog.agreed is not None:
                calls.refer(dialog, "sip:queue@192.0.2.3", "", self.now)
        caller = next((c for c in self.callers if c.call_id == dialog.invite.request.call_id), None)
        self.take(self.agent.take(), caller)

    @rule(number=st.integers(0, 9), cseq=st.integers(1, 4), body=st.booleans())
    def ack(self, number: int, cseq: int, body: bool) -> None:
        caller = self.caller(number)
        if caller is not None:
            self.send(caller, caller.text("ACK", cseq=cseq, body=SDP.format(direction="sendrecv") if body else ""))

    @rule(number=st.integers(0, 9))
    def cancel(self, number: int) -> None:
        caller = self.caller(number)
        if caller is not None:
            tag, caller.to_tag = caller.to_tag, ""
            self.send(caller, caller.text("CANCEL", cseq=1, branch=f"z9hG4bK-{caller.call_id}-INVITE-1"))
            caller.to_tag = caller.to_tag if not tag else tag

    @rule(number=st.integers(0, 9), method=st.sampled_from(["BYE", "UPDATE", "INVITE"]), direction=DIRECTIONS)
    def inside(self, number: int, method: str, direction: str) -> None:
        caller = self.caller(number)
        if caller is not None and caller.to_tag:
            self.send(caller, caller.text(method, body="" if method == "BYE" else SDP.format(direction=direction)))

    @rule(number=st.integers(0, 9), status=st.sampled_from(["200 OK", "202 Accepted", "481 No", "491 Wait", "422 No"]))
    def answer(self, number: int, status: str) -> None:
        if not self.requests:
            return
        request = self.requests[number % len(self.requests)]
        copied = "".join(f"{n}: {request.get_header(n)}\r\n" for n in ("Via", "From", "To", "Call-ID", "CSeq"))
        self.take(self.agent.receive(f"SIP/2.0 {status}\r\n{copied}\r\n".encode(), Peer("192.0.2.1", 5062), self.now))

    @rule(seconds=st.sampled_from([0.05, 0.6, 5.0, 31.0, 46.0, 100.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.take(self.agent.tick(self.now))

    @invariant()
    def live_calls_are_those_offered_and_not_ended(self) -> None:
        assert set(self.agent.state.dialogs) == set(self.offered) - set(self.ended)

    def teardown(self) -> None:
        """Everything is forgotten after every call has been hung up and its timers have run."""
        for dialog in list(self.agent.state.dialogs.values()):
            self.agent.calls.hang_up(dialog, self.now)
        self.take(self.agent.take())
        for _ in range(4):
            self.wait(33.0)
        assert self.agent.state.dialogs == {}
        assert set(self.offered) == set(self.ended)
        assert self.agent.state.server.waiting == 0
        assert self.agent.state.client.waiting == 0


Calls.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestCallsInAnyOrder = Calls.TestCase
