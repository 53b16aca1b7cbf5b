"""What the far side asks for, rule by rule (the table is in agent.py). Each answers by RFC 3261 and tells the call."""

from dataclasses import replace

from voiceplane.sip import sdp
from voiceplane.sip.admission import admit
from voiceplane.sip.calls import Calls
from voiceplane.sip.dialog import ALLOW, Dialog, DialogState, key_of
from voiceplane.sip.events import Confirmed, ReferProgress
from voiceplane.sip.message import Headers, Request
from voiceplane.sip.opening import begin
from voiceplane.sip.refusals import refuse, unusable_body
from voiceplane.sip.session_timer import MIN_SE_S, IntervalTooSmallError, agree_timer
from voiceplane.sip.state import AgentState
from voiceplane.sip.transactions import ServerTransaction

LATER: Headers = (("Retry-After", "2"),)


class Requests:
    """The rules for requests."""

    def __init__(self, state: AgentState, calls: Calls) -> None:
        """Work on this agent's state."""
        self._state = state
        self._calls = calls

    def invite(self, transaction: ServerTransaction, now: float) -> None:
        """Begin a call, or change one."""
        request = transaction.request
        key = key_of(request)
        if key is not None:
            dialog = self._state.dialogs.get(key)
            if dialog is None:
                refuse(self._state, transaction, 481, now)
            else:
                self._reinvite(dialog, transaction, now)
            return
        begin(self._state, self._calls, transaction, now)

    def _reinvite(self, dialog: Dialog, transaction: ServerTransaction, now: float) -> None:
        request = transaction.request
        if dialog.state is not DialogState.CONFIRMED or dialog.acceptance is not None:
            self._calls.answer(dialog, transaction, 500, now, headers=LATER)
            return
        if dialog.offering:
            self._calls.answer(dialog, transaction, 491, now)
            return
        if self._is_old(dialog, request):
            self._calls.answer(dialog, transaction, 500, now)
            return
        body, agreed = self._changed(dialog, transaction, now)
        if body is None:
            return
        dialog.learn(request, transaction.peer)
        self._calls.accept_invite(dialog, transaction, body, now, offered=not request.body)
        self._change(dialog, agreed)

    def update(self, transaction: ServerTransaction, now: float) -> None:
        """Change or refresh a confirmed call (RFC 3311)."""
        request = transaction.request
        dialog = self._dialog(transaction, now)
        if dialog is None:
            return
        if request.body and dialog.state is DialogState.RINGING:  # the INVITE's offer has no answer, or is ours to make
            self._calls.answer(dialog, transaction, 500, now, headers=LATER)
            return
        if request.body and (dialog.offering or (dialog.acceptance is not None and dialog.acceptance.offered)):
            self._calls.answer(dialog, transaction, 491, now)
            return
        body, agreed = self._changed(dialog, transaction, now)
        if body is None:
            return
        dialog.learn(request, transaction.peer)
        headers = self._calls.timer_headers(dialog)
        self._calls.answer(dialog, transaction, 200, now, headers=headers, body=body)
        self._change(dialog, agreed)

    def _changed(
        self, dialog: Dialog, transaction: ServerTransaction, now: float
    ) -> tuple[bytes | None, sdp.Agreed | None]:
        """Return the SDP of our answer (empty for an UPDATE without) and what it agrees on; None after a refusal."""
        request = transaction.request
        accept = unusable_body(request)
        if accept:
            self._calls.answer(dialog, transaction, 415, now, headers=accept)
            return None, None
        body: bytes | None = b""
        agreed, before = None, dialog.local
        if request.body or request.method == "INVITE":
            try:
                body, agreed = self._negotiate(dialog, request)
            except sdp.UnacceptableSdpError as error:
                self._calls.answer(dialog, transaction, 488, now, headers=(error.warning,))
                return None, None
        if self._restart_timer(dialog, transaction, now):
            return body, agreed
        dialog.local = before  # a version that was not sent does not count (RFC 3264 section 8)
        return None, None

    def _negotiate(self, dialog: Dialog, request: Request) -> tuple[bytes, sdp.Agreed | None]:
        """Answer an offer inside a call, or make one for a re-INVITE without. Raises UnacceptableSdpError."""
        if dialog.local is None:
            raise sdp.UnacceptableSdpError("there is no session to change")
        if not request.body:
            dialog.local = dialog.local.next()
            return sdp.write_offer(dialog.local), None
        offer = sdp.read(request.body)
        agreed = sdp.agree(offer, wanted=dialog.agreed.codec if dialog.agreed else None)
        dialog.local = dialog.local.next()
        return sdp.write_answer(offer, agreed, dialog.local), agreed

    def _change(self, dialog: Dialog, agreed: sdp.Agreed | None) -> None:
        if agreed is not None:
            self._calls.change(dialog, agreed)

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
        if dialog.leaving is not None:  # we wanted to hang up before the ACK came
            cause, reason = dialog.leaving
            self._calls.hang_up(dialog, now, cause=cause, reason=reason)
            return
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
            refuse(self._state, transaction, 481, now)
            return
        dialog = next((d for d in self._state.dialogs.values() if d.invite is invite), None)
        if dialog is None:
            refuse(self._state, transaction, 200, now)
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
        inside = key_of(transaction.request)
        if inside is not None and inside not in state.dialogs:
            refuse(state, transaction, 481, now)
            return
        probe = replace(state.bucket, tokens=max(1.0, state.bucket.tokens))
        _, refusal = admit(state.limits, probe, state.load, closed=state.closed, now=now)
        if refusal is not None and inside is None:  # a live call's keep-alive is no question about new calls
            refuse(state, transaction, 503, now, headers=(("Retry-After", str(refusal.retry_after_s)),))
            return
        headers = (("Allow", ALLOW), ("Accept", "application/sdp"), ("Supported", "timer"))
        refuse(state, transaction, 200, now, headers=headers)

    def notify(self, transaction: ServerTransaction, now: float) -> None:
        """Follow our REFER to its end (RFC 3515 section 2.4.5): message/sipfrag with a status line."""
        dialog = self._dialog(transaction, now)
        if dialog is None:
            return
        request = transaction.request
        event = (request.get_header("event") or request.get_header("o") or "").split(";")[0].strip().lower()
        if event != "refer" or dialog.referring is None:
            self._calls.answer(dialog, transaction, 481 if event == "refer" else 489, now)
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
            refuse(self._state, transaction, 481, now)
            return None
        if self._is_old(dialog, request):
            self._calls.answer(dialog, transaction, 500, now)
            return None
        dialog.learn(request, transaction.peer)
        return dialog

    @staticmethod
    def _is_old(dialog: Dialog, request: Request) -> bool:
        cseq = request.cseq
        return cseq is not None and cseq.seq <= dialog.remote_cseq and request.method != "CANCEL"
