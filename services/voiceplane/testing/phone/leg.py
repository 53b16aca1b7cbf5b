"""The phone's SIP transactions in one dialog: requests out with their retransmissions, requests in with answers.

Stands between wire.py and call.py. Written apart from voiceplane.sip on purpose, so that a fault there is not shared.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from aiosipua.message import SipRequest, SipResponse

from voiceplane.runtime.clock import Clock
from voiceplane.testing.phone.dialog import Dialog, new_branch
from voiceplane.testing.phone.errors import SignalingError
from voiceplane.testing.phone.wire import Address, Message, Wire

T1_S = 0.5  # RFC 3261 section 17.1.1.1: round-trip estimate, the first retransmission
T2_S = 4.0  # longest retransmission interval of non-INVITE requests and of 2xx
GIVE_UP_S = 64 * T1_S  # timers B, F and H

REASONS = {
    100: "Trying", 180: "Ringing", 200: "OK", 202: "Accepted", 405: "Method Not Allowed", 481: "Call Does Not Exist",
    486: "Busy Here", 487: "Request Terminated", 488: "Not Acceptable Here", 500: "Server Internal Error",
    603: "Decline",
}  # fmt: skip


class Leg:
    """One dialog over one wire. `faults` lists what the other side did against the RFCs, for tests to assert on."""

    def __init__(self, wire: Wire, dialog: Dialog, peer: Address, clock: Clock) -> None:
        """Start with no transaction; `peer` is where requests go."""
        self.wire = wire
        self.dialog = dialog
        self.peer = peer
        self.faults: list[str] = []
        self.provisionals: list[int] = []
        self.on_request: Callable[[SipRequest], None] = lambda request: self.respond(request, 481)
        self.on_ack: Callable[[SipRequest], None] = lambda request: None
        self._clock = clock
        self._waiting: dict[str, asyncio.Queue[SipResponse]] = {}
        self._acks: dict[int, bytes] = {}  # by CSeq; one for each INVITE of the call
        self._answers: OrderedDict[tuple[str, str], bytes] = OrderedDict()  # last 64: to absorb retransmissions
        self._unacknowledged: dict[int, asyncio.Task[None]] = {}

    async def request(self, method: str, *, body: str = "", headers: tuple[tuple[str, str], ...] = ()) -> SipResponse:
        """Send a non-INVITE request and return its final response; SignalingError after 32 s without one."""
        request = self.dialog.request(method, branch=new_branch())
        _fill(request, body, headers)
        return await self._transact(request)

    async def invite(self, *, body: str, headers: tuple[tuple[str, str], ...] = (), answer: str = "") -> SipResponse:
        """Send an INVITE or re-INVITE, acknowledge the final response and return it. Rings without end.

        `answer` goes in the ACK when the INVITE had no offer (RFC 3261 section 13.2.2.4).
        """
        self._invite = self.dialog.request("INVITE", branch=new_branch())
        _fill(self._invite, body, headers)
        response = await self._transact(self._invite)
        cseq = _sequence(self._invite)
        if response.status_code < 300:
            self.dialog.learn(response)
            ack = self.dialog.request("ACK", branch=new_branch(), cseq=cseq)
            _fill(ack, answer, ())
            if not response.headers.get("contact"):
                self.faults.append("2xx to INVITE without Contact (RFC 3261 section 13.3.1.4)")
        else:  # section 17.1.1.3: the ACK of a refusal belongs to the INVITE's transaction
            ack = self._of_invite("ACK", response)
        self._acks[cseq] = bytes(ack)
        self.wire.send(bytes(ack), self.peer)
        return response

    async def cancel(self) -> SipResponse:
        """Cancel the INVITE under way (RFC 3261 section 9.1); its own final response still comes to `invite`."""
        return await self._transact(self._of_invite("CANCEL", None))

    def _of_invite(self, method: str, response: SipResponse | None) -> SipRequest:
        """Make the ACK of a refusal or a CANCEL: same branch, same CSeq number, same Request-URI."""
        branch = self._invite.via[0].branch or ""
        request = self.dialog.request(method, branch=branch, cseq=_sequence(self._invite))
        request.uri = self._invite.uri
        to = response.headers.get_first("to") if response is not None else self._invite.headers.get_first("to")
        request.headers.set_single("To", to or "")
        return request

    async def _transact(self, request: SipRequest) -> SipResponse:
        branch = f"{request.via[0].branch} {request.method}"
        queue = self._waiting[branch] = asyncio.Queue(maxsize=64)  # more provisionals than any real call sends
        is_invite = request.method == "INVITE"
        interval, deadline = T1_S, self._clock.monotonic() + GIVE_UP_S
        proceeding = False
        data = bytes(request)
        self.wire.send(data, self.peer)
        try:
            while True:
                patience = None if is_invite and proceeding else min(interval, deadline - self._clock.monotonic())
                try:
                    async with asyncio.timeout(patience):
                        response = await queue.get()
                except TimeoutError:
                    if self._clock.monotonic() >= deadline:
                        raise SignalingError(f"no response to {request.method} in {GIVE_UP_S:.0f} s") from None
                    if not self.wire.reliable:
                        self.wire.send(data, self.peer)
                    interval = interval * 2 if is_invite else min(interval * 2, T2_S)
                    continue
                if response.status_code >= 200:
                    return response
                proceeding = True
                self.provisionals.append(response.status_code)
        finally:
            del self._waiting[branch]

    def receive(self, message: Message, source: Address) -> None:
        """Take a message from the wire: match it to its transaction or answer it."""
        if message.call_id != self.dialog.call_id:
            if isinstance(message, SipRequest) and message.method not in ("ACK", "OPTIONS"):
                self.wire.send(bytes(self.dialog.response(message, 481, REASONS[481])), source)
            return
        if not message.headers.get("session-id"):
            self.faults.append("message without Session-ID (RFC 7989)")
        if isinstance(message, SipResponse):
            self._receive_response(message)
        else:
            self._receive_request(message, source)

    def _receive_response(self, response: SipResponse) -> None:
        cseq = response.cseq
        if cseq is None or not response.via:
            self.faults.append("response without CSeq or Via")
            return
        queue = self._waiting.get(f"{response.via[0].branch} {cseq.method}")
        if queue is not None and not queue.full():
            queue.put_nowait(response)
        elif cseq.method == "INVITE" and response.status_code >= 200 and cseq.seq in self._acks:
            self.wire.send(self._acks[cseq.seq], self.peer)  # a retransmitted final response: our ACK was lost

    def _receive_request(self, request: SipRequest, source: Address) -> None:
        branch = request.via[0].branch if request.via else ""
        cached = self._answers.get((branch or "", request.method))
        if cached is not None:
            self.wire.send(cached, source)
            return
        if request.method == "ACK":
            task = self._unacknowledged.pop(_sequence(request), None)
            if task is not None:
                task.cancel()
                self.on_ack(request)
            return
        if request.method != "CANCEL":
            sequence = _sequence(request)
            if sequence <= self.dialog.remote_cseq:
                self.faults.append(f"{request.method} with a CSeq that does not grow (RFC 3261 section 12.2.2)")
            self.dialog.remote_cseq = max(sequence, self.dialog.remote_cseq)
        self.on_request(request)

    def respond(
        self, request: SipRequest, status: int, *, body: str = "", headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        """Answer a request; a 2xx to INVITE is repeated until its ACK (RFC 3261 section 13.3.1.4)."""
        response = self.dialog.response(request, status, REASONS.get(status, ""))
        _fill(response, body, headers)
        data = bytes(response)
        branch = (request.via[0].branch if request.via else "") or ""
        self._answers[(branch, request.method)] = data
        while len(self._answers) > 64:
            self._answers.popitem(last=False)
        self.wire.send(data, self.peer)
        if request.method == "INVITE" and 200 <= status < 300:
            sequence = _sequence(request)
            self._unacknowledged[sequence] = asyncio.create_task(self._repeat(data), name=f"repeat 2xx of {sequence}")

    async def _repeat(self, data: bytes) -> None:
        interval, waited = T1_S, 0.0
        while waited < GIVE_UP_S:
            await asyncio.sleep(interval)
            waited += interval
            self.wire.send(data, self.peer)
            interval = min(interval * 2, T2_S)
        self.faults.append("no ACK for our 2xx to INVITE")

    async def close(self) -> None:
        """Stop repeating; the wire is closed by its owner."""
        tasks = list(self._unacknowledged.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _sequence(request: SipRequest) -> int:
    cseq = request.cseq
    return cseq.seq if cseq is not None else 0


def _fill(message: SipRequest | SipResponse, body: str, headers: tuple[tuple[str, str], ...]) -> None:
    for name, value in headers:
        message.headers.set_single(name, value)
    if body:
        if not message.headers.get("content-type"):
            message.headers.set_single("Content-Type", "application/sdp")
        message.text = body
