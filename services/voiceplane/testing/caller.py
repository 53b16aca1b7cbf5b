"""A caller made of text, for tests of the user agent in virtual time."""

from dataclasses import dataclass, field

from voiceplane.sip.admission import Limits
from voiceplane.sip.agent import UserAgent
from voiceplane.sip.dialog import Dialog
from voiceplane.sip.events import CallOffered, Output, Send
from voiceplane.sip.message import Peer, Request, Response, parse
from voiceplane.sip.sdp import LocalMedia
from voiceplane.sip.state import AgentSettings

CALLER = Peer("192.0.2.1", 5062)
SESSION = "ab30317f1a784dc48ff824d0d3715d86"
SDP = (
    "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
    "m=audio 4000 RTP/AVP 9 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\na={direction}\r\n"
)


@dataclass
class Caller:
    """One caller and the agent it calls; `now` is virtual."""

    limits: Limits = field(default_factory=Limits)
    settings: AgentSettings = field(default_factory=AgentSettings)
    now: float = 100.0
    peer: Peer = CALLER
    call_id: str = "call-1"

    def __post_init__(self) -> None:
        """Make the agent that is called."""
        self.agent = UserAgent(self.settings, self.limits)
        self.sent: list[Response | Request] = []
        self.events: list[Output] = []
        self.cseq = 0
        self.to_tag = ""

    def take(self, outputs: list[Output]) -> list[Response | Request]:
        """Keep what the agent put out; return its messages."""
        fresh: list[Response | Request] = []
        for output in outputs:
            if isinstance(output, Send):
                fresh.append(parse(output.data))
            else:
                self.events.append(output)
        self.sent += fresh
        return fresh

    def text(
        self, method: str, *, headers: str = "", body: str = "", cseq: int | None = None, branch: str = ""
    ) -> bytes:
        """Write a request of this caller."""
        if cseq is None:
            self.cseq += 1
            cseq = self.cseq
        tag = f";tag={self.to_tag}" if self.to_tag else ""
        kind = "Content-Type: application/sdp\r\n" if body else ""
        return (
            f"{method} sip:agent@127.0.0.1 SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 192.0.2.1:5062;branch={branch or f'z9hG4bK-{self.call_id}-{method}-{cseq}'};rport\r\n"
            f"From: <sip:+15550100@192.0.2.1>;tag=caller\r\nTo: <sip:agent@127.0.0.1>{tag}\r\n"
            f"Call-ID: {self.call_id}\r\nCSeq: {cseq} {method}\r\nContact: <sip:me@192.0.2.1:5062>\r\n"
            f"Max-Forwards: 70\r\n{headers}{kind}Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    def send(self, data: bytes) -> list[Response | Request]:
        """Give bytes to the agent; return its messages."""
        return self.take(self.agent.receive(data, self.peer, self.now))

    def invite(
        self, *, headers: str = f"Session-ID: {SESSION};remote={'0' * 32}\r\n", body: str | None = None
    ) -> bytes:
        """Write an INVITE."""
        return self.text("INVITE", headers=headers, body=SDP.format(direction="sendrecv") if body is None else body)

    def wait(self, seconds: float) -> list[Response | Request]:
        """Let virtual time pass in steps of 50 ms; return what the agent sent."""
        fresh: list[Response | Request] = []
        steps = int(seconds / 0.05)
        for _ in range(steps):
            self.now += 0.05
            fresh += self.take(self.agent.tick(self.now))
        return fresh

    @property
    def dialog(self) -> Dialog:
        """Return the one dialog."""
        (dialog,) = self.agent.state.dialogs.values()
        return dialog

    def offered(self) -> CallOffered:
        """Return the one offered call."""
        (event,) = [event for event in self.events if isinstance(event, CallOffered)]
        return event

    def accept(self) -> Response:
        """Let the call layer accept; return the 200."""
        self.agent.calls.accept(self.dialog, LocalMedia("127.0.0.1", 20000, 1), self.now)
        (ok,) = self.take(self.agent.take())
        assert isinstance(ok, Response)
        target = ok.to_addr
        self.to_tag = (target.tag if target else "") or ""
        return ok

    def ack(self, *, body: str = "") -> list[Response | Request]:
        """Acknowledge the last INVITE."""
        return self.send(self.text("ACK", cseq=self.cseq, body=body, branch="z9hG4bK-ack"))

    def call(self, *, headers: str = "") -> Response:
        """Place a whole call up to its ACK; return the 200."""
        self.send(self.invite(headers=headers))
        ok = self.accept()
        self.ack()
        return ok


def statuses(messages: list[Response | Request]) -> list[int | str]:
    """Return status codes and methods, in order."""
    return [m.status_code if isinstance(m, Response) else m.method for m in messages]
