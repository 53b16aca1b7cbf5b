"""What the far side asks for, rule by rule (the table is in agent.py). Each answers by RFC 3261 and tells the call."""

from dataclasses import replace

from voiceplane.contract.ids import new_call_id
from voiceplane.sip import sdp
from voiceplane.sip.admission import admit
from voiceplane.sip.calls import Calls
from voiceplane.sip.dialog import ALLOW, Dialog, DialogState, key_of, remote_uuid
from voiceplane.sip.events import CallOffered, CallRefused, Confirmed, MediaChanged, ReferProgress, Send
from voiceplane.sip.message import NIL_UUID, Headers, Request, add_to_tag, new_tag, respond, user_of
from voiceplane.sip.session_timer import MIN_SE_S, IntervalTooSmallError, agree_timer
from voiceplane.sip.state import AgentState
from voiceplane.sip.transactions import ServerTransaction

SUPPORTED = frozenset({"timer"})


class Requests:
    """The rules for requests."""

    def __init__(self, state: AgentState, calls: Calls) -> None:
        """Work on this agent's state."""
        self._state = state
        self._calls = calls

    def refuse(self, transaction: ServerTransaction, status: int, now: float, headers: Headers = ()) -> None:
        """Answer with a final refusal outside of any dialog's own answer."""
        request = transaction.request
        if status in (405, 501):
            headers = (*headers, ("Allow", ALLOW))
        remote = remote_uuid(request) or NIL_UUID
        headers = (*headers, ("Session-ID", f"{self._state.stateless_id};remote={remote}"))
        response = respond(request, status, (*headers, ("Server", self._state.settings.product)))
        add_to_tag(response, new_tag())
        self._state.put(Send(self._state.server.respond(transaction, response, now), transaction.peer))

    def invite(self, transaction: ServerTransaction, now: float) -> None:
        """Begin a call, or change one."""
        request = transaction.request
        key = key_of(request)
        if key is not None:
            dialog = self._state.dialogs.get(key)
            if dialog is None:
                self.refuse(transaction, 481, now)
            else:
                self._reinvite(dialog, transaction, now)
            return
        status, headers = self._unacceptable(request)
        if status:
            self.refuse(transaction, status, now, headers)
            return
        self._begin(transaction, now)

    def _begin(self, transaction: ServerTransaction, now: float) -> None:
        request, state = transaction.request, self._state
        try:
            offer = sdp.read(request.body) if request.body else None
            if offer is not None:
                sdp.agree(offer)
            timer = agree_timer(request, state.settings.session_expires_s)
        except sdp.UnacceptableSdpError as error:
            self.refuse(transaction, 488, now, (("Warning", f'399 voiceplane "{error}"'),))
            return
        except IntervalTooSmallError:
            self.refuse(transaction, 422, now, (("Min-SE", str(MIN_SE_S)),))
            return
        state.bucket, refusal = admit(
            state.limits, state.bucket, active=len(state.dialogs), draining=state.draining, now=now
        )
        if refusal is not None:
            state.put(CallRefused(refusal.status, refusal.reason))
            self.refuse(transaction, refusal.status, now, (("Retry-After", str(refusal.retry_after_s)),))
            return
        contact = state.settings.contact(reliable=transaction.peer.reliable)
        dialog = Dialog(new_call_id(), transaction, transaction.peer, contact, offer)
        dialog.timer, dialog.route_set = timer, tuple(request.headers.get("record-route"))
        dialog.learn(request)
        state.dialogs[dialog.key] = dialog
        self._calls.provisional(dialog, 100, now)
        target = request.to_addr
        state.put(
            CallOffered(
                dialog.key,
                dialog.call_id,
                request.call_id or "",
                dialog.remote_session_id,
                user_of(request.from_addr),
                user_of(target),
                offer,
            )
        )

    def _unacceptable(self, request: Request) -> tuple[int, Headers]:
        """Check a new INVITE in the order of RFC 3261 section 8.2."""
        if not request.uri.lower().startswith(("sip:", "sips:", "tel:")):
            return 416, ()
        if self._is_merged(request):
            return 482, ()
        required = {t.strip().lower() for line in request.headers.get("require") for t in line.split(",") if t.strip()}
        unknown = sorted(required - SUPPORTED)
        if unknown:
            return 420, (("Unsupported", ", ".join(unknown)),)
        kind = (request.content_type or "").split(";")[0].strip().lower()
        encoding = (request.get_header("content-encoding") or "identity").lower()
        if request.body and (kind != "application/sdp" or encoding != "identity"):
            return 415, (("Accept", "application/sdp"), ("Accept-Encoding", "identity"))
        if not request.headers.get("contact"):
            return 400, ()
        return 0, ()

    def _is_merged(self, request: Request) -> bool:
        """Find the same INVITE come by another path (RFC 3261 section 8.2.2.2)."""
        sender, cseq = request.from_addr, request.cseq
        for dialog in self._state.dialogs.values():
            other = dialog.invite.request
            if other.call_id == request.call_id and other.from_addr == sender and other.cseq == cseq:
                return True
        return False

    def _reinvite(self, dialog: Dialog, transaction: ServerTransaction, now: float) -> None:
        request = transaction.request
        if dialog.state is not DialogState.CONFIRMED or dialog.acceptance is not None:
            self._calls.answer(dialog, transaction, 500, now, headers=(("Retry-After", "2"),))
            return
        if dialog.refreshing:
            self._calls.answer(dialog, transaction, 491, now)
            return
        if self._is_old(dialog, request):
            self._calls.answer(dialog, transaction, 500, now)
            return
        body, agreed = self._negotiate(dialog, request)
        if body is None:
            self._calls.answer(dialog, transaction, 488, now)
            return
        if not self._restart_timer(dialog, transaction, now):
            return
        dialog.learn(request)
        self._calls.accept_invite(dialog, transaction, body, now, offered=not request.body)
        self._change(dialog, agreed)

    def update(self, transaction: ServerTransaction, now: float) -> None:
        """Change or refresh a confirmed call (RFC 3311)."""
        request = transaction.request
        dialog = self._dialog(transaction, now)
        if dialog is None:
            return
        if request.body and (dialog.refreshing or dialog.state is DialogState.RINGING):
            self._calls.answer(dialog, transaction, 491, now)
            return
        body: bytes | None = b""
        agreed = None
        if request.body:
            body, agreed = self._negotiate(dialog, request)
            if body is None:
                self._calls.answer(dialog, transaction, 488, now)
                return
        if not self._restart_timer(dialog, transaction, now):
            return
        dialog.learn(request)
        headers = self._calls.timer_headers(dialog)
        self._calls.answer(dialog, transaction, 200, now, headers=headers, body=body or b"")
        self._change(dialog, agreed)

    def _negotiate(self, dialog: Dialog, request: Request) -> tuple[bytes | None, sdp.Agreed | None]:
        """Answer an offer inside a call, or make one for a re-INVITE without; (None, None) for 488."""
        if dialog.local is None:
            return None, None
        dialog.local = dialog.local.next()
        if not request.body:
            return sdp.write_offer(dialog.local), None
        try:
            offer = sdp.read(request.body)
            agreed = sdp.agree(offer, wanted=dialog.agreed.codec if dialog.agreed else None)
        except sdp.UnacceptableSdpError:
            return None, None
        return sdp.write_answer(offer, agreed, dialog.local), agreed

    def _change(self, dialog: Dialog, agreed: sdp.Agreed | None) -> None:
        if agreed is not None and agreed != dialog.agreed:
            dialog.agreed = agreed
            self._state.put(MediaChanged(dialog.key, agreed))

    def _restart_timer(self, dialog: Dialog, transaction: ServerTransaction, now: float) -> bool:
        try:
            dialog.timer = agree_timer(transaction.request, self._state.settings.session_expires_s)
        except IntervalTooSmallError:
            self._calls.answer(dialog, transaction, 422, now, headers=(("Min-SE", str(MIN_SE_S)),))
            return False
        dialog.refreshed_at = now
        return True

    def ack(self, request: Request, now: float) -> None:
        """Confirm a call, or end the repetition of a refusal. An ACK is never answered."""
        if self._state.server.acknowledged(request):
            return
        dialog = self._state.dialogs.get(key_of(request) or "")
        cseq = request.cseq
        acceptance = dialog.acceptance if dialog is not None else None
        if dialog is None or acceptance is None or cseq is None or cseq.seq != acceptance.cseq:
            return
        dialog.acceptance = None
        first = dialog.state is DialogState.ACCEPTED
        dialog.state = DialogState.CONFIRMED
        dialog.refreshed_at = now
        if acceptance.offered:
            try:
                agreed = sdp.agree(sdp.read(request.body))
            except sdp.UnacceptableSdpError:
                self._calls.hang_up(dialog, now, cause='SIP;cause=488;text="No usable answer"', reason="bad-answer")
                return
            if first:
                dialog.agreed = agreed
            else:
                self._change(dialog, agreed)
        if first and dialog.agreed is not None:
            self._state.put(Confirmed(dialog.key, dialog.agreed))

    def cancel(self, transaction: ServerTransaction, now: float) -> None:
        """Take back an INVITE that has no final answer (RFC 3261 section 9.2); after a final one it changes nothing."""
        invite = self._state.server.find_invite(transaction.request)
        if invite is None:
            self.refuse(transaction, 481, now)
            return
        dialog = next((d for d in self._state.dialogs.values() if d.invite is invite), None)
        if dialog is None:
            self.refuse(transaction, 200, now)
            return
        self._calls.answer(dialog, transaction, 200, now)
        if dialog.state is DialogState.RINGING:
            self._calls.answer(dialog, invite, 487, now)
            self._calls.forget(dialog, "cancelled")

    def bye(self, transaction: ServerTransaction, now: float) -> None:
        """End a call; one that still rings gets 487 for its INVITE (RFC 3261 section 15.1.2)."""
        dialog = self._dialog(transaction, now)
        if dialog is None:
            return
        self._calls.answer(dialog, transaction, 200, now)
        if dialog.state is DialogState.RINGING:
            self._calls.answer(dialog, dialog.invite, 487, now)
        self._calls.forget(dialog, "bye")

    def options(self, transaction: ServerTransaction, now: float) -> None:
        """Say what we can, and whether a call could come in now: 503 with Retry-After when not."""
        state = self._state
        probe = replace(state.bucket, tokens=max(1.0, state.bucket.tokens))
        _, refusal = admit(state.limits, probe, active=len(state.dialogs), draining=state.draining, now=now)
        if refusal is not None:
            self.refuse(transaction, 503, now, (("Retry-After", str(refusal.retry_after_s)),))
            return
        headers = (("Allow", ALLOW), ("Accept", "application/sdp"), ("Supported", "timer"))
        self.refuse(transaction, 200, now, headers)

    def notify(self, transaction: ServerTransaction, now: float) -> None:
        """Follow our REFER to its end (RFC 3515 section 2.4.5): message/sipfrag with a status line."""
        dialog = self._dialog(transaction, now)
        if dialog is None:
            return
        request = transaction.request
        event = (request.get_header("event") or request.get_header("o") or "").split(";")[0].strip().lower()
        if event != "refer" or dialog.referring is None:
            self._calls.answer(dialog, transaction, 481, now)
            return
        self._calls.answer(dialog, transaction, 200, now)
        words = request.body[:64].decode("ascii", "replace").split()
        readable = len(words) > 1 and words[0].startswith("SIP/") and words[1].isdecimal() and len(words[1]) == 3
        status = int(words[1]) if readable else 0
        over = (request.get_header("subscription-state") or "").lower().startswith("terminated")
        if status or over:
            final = over or status >= 200
            if final:
                dialog.referring = None
            self._state.put(ReferProgress(dialog.key, status, final))

    def _dialog(self, transaction: ServerTransaction, now: float) -> Dialog | None:
        """Find the call of a request inside a dialog; answers 481, or 500 for a CSeq that goes back."""
        request = transaction.request
        dialog = self._state.dialogs.get(key_of(request) or "")
        if dialog is None:
            self.refuse(transaction, 481, now)
            return None
        if self._is_old(dialog, request):
            self._calls.answer(dialog, transaction, 500, now)
            return None
        dialog.learn(request)
        return dialog

    @staticmethod
    def _is_old(dialog: Dialog, request: Request) -> bool:
        cseq = request.cseq
        return cseq is not None and cseq.seq <= dialog.remote_cseq and request.method != "CANCEL"
