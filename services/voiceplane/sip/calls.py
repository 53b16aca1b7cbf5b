"""What we do with calls: ring, accept, reject, hang up, refer, refresh; and what time and responses do to them."""

from voiceplane.sip import sdp
from voiceplane.sip.dialog import ALLOW, Acceptance, Dialog, DialogState, dialog_key
from voiceplane.sip.events import CallEnded, MediaChanged, ReferProgress, Send
from voiceplane.sip.message import (
    T1,
    TIMEOUT,
    Headers,
    Request,
    Response,
    add_to_tag,
    branch_of,
    respond,
    serialize,
)
from voiceplane.sip.state import AgentState
from voiceplane.sip.summary import add_summary
from voiceplane.sip.transactions import ClientTransaction, ServerTransaction

REFRESH_RETRY_S = 2.0  # after 491, 500, ...; until the session expires
REFER_TIMEOUT_S = 60.0  # a target may ring for so long
TRYING = 100  # what an accepted REFER has come to, whether or not the first NOTIFY says it too (RFC 3515 section 2.4.4)
COMPLETED = 'SIP;cause=200;text="Call completed"'


class Calls:
    """The steps of a call. The call layer uses ring, accept, reject, hang_up and refer."""

    def __init__(self, state: AgentState) -> None:
        """Work on this agent's state."""
        self._state = state

    def provisional(self, dialog: Dialog, status: int, now: float) -> None:
        """Send 100 or 180."""
        self._state.server.pending(dialog.invite, now)
        self.answer(dialog, dialog.invite, status, now)

    def ring(self, dialog: Dialog, now: float) -> None:
        """Tell the caller that it rings."""
        if dialog.state is DialogState.RINGING:
            self.provisional(dialog, 180, now)

    def accept(self, dialog: Dialog, local: sdp.LocalMedia, now: float) -> bool:
        """Answer the call with 200; False when it was cancelled meanwhile."""
        if dialog.state is not DialogState.RINGING:
            return False
        dialog.local = local
        if dialog.offer is not None:
            dialog.agreed = sdp.agree(dialog.offer)
            body = sdp.write_answer(dialog.offer, dialog.agreed, local)
        else:
            body = sdp.write_offer(local)
        dialog.state = DialogState.ACCEPTED
        self.accept_invite(dialog, dialog.invite, body, now, offered=dialog.offer is None)
        return True

    def accept_invite(
        self, dialog: Dialog, invite: ServerTransaction, body: bytes, now: float, *, offered: bool
    ) -> None:
        """Send a 200 to an INVITE and repeat it until its ACK."""
        self.answer(dialog, invite, 200, now, headers=self.timer_headers(dialog), body=body)
        cseq = invite.request.cseq
        assert cseq is not None
        dialog.acceptance = Acceptance(
            invite.last, invite.peer, cseq.seq, next_at=now + T1, ends_at=now + TIMEOUT, offered=offered
        )

    def reject(self, dialog: Dialog, status: int, now: float, *, retry_after_s: int | None = None) -> None:
        """Refuse the call; nothing happens when it was cancelled meanwhile."""
        if dialog.state is DialogState.RINGING:
            headers = (("Retry-After", str(retry_after_s)),) if retry_after_s is not None else ()
            self.answer(dialog, dialog.invite, status, now, headers=headers)
            self.forget(dialog, "local")

    def hang_up(self, dialog: Dialog, now: float, *, cause: str = COMPLETED, reason: str = "local") -> None:
        """Send BYE (RFC 3326 Reason), after the ACK where that is still to come; a ringing call is refused."""
        if dialog.state is DialogState.RINGING:
            self.reject(dialog, 603, now)
        elif dialog.state is DialogState.ACCEPTED and dialog.acceptance is not None and now < dialog.acceptance.ends_at:
            dialog.leaving = dialog.leaving or (cause, reason)  # RFC 3261 section 15: no BYE before the ACK
        elif dialog.state is not DialogState.ENDED:
            self._send(dialog, dialog.request("BYE", headers=(("Reason", cause),)), "bye", now)
            self.forget(dialog, reason, bye=True)

    def refer(self, dialog: Dialog, target: str, summary: str, now: float) -> None:
        """Ask the caller's side to call `target` (RFC 3515), with a summary for the person there."""
        headers: Headers = (("Refer-To", f"<{target}>"), ("Referred-By", dialog.contact))
        request = dialog.request("REFER", headers=headers)
        add_summary(request, summary, reliable=dialog.peer.reliable)
        dialog.referring = now + REFER_TIMEOUT_S
        self._send(dialog, request, "refer", now)

    def forget(self, dialog: Dialog, reason: str, *, bye: bool = False) -> None:
        """Close the dialog and tell why, and whether our BYE is on its way."""
        if self._state.dialogs.pop(dialog.key, None) is not None:
            dialog.state, dialog.acceptance = DialogState.ENDED, None
            self._state.put(CallEnded(dialog.key, reason, bye))

    def answer(
        self,
        dialog: Dialog,
        transaction: ServerTransaction,
        status: int,
        now: float,
        *,
        headers: Headers = (),
        body: bytes = b"",
    ) -> None:
        """Answer a request of this call, with its Session-ID and our tag."""
        request = transaction.request
        common: list[tuple[str, str]] = [("Session-ID", dialog.session_id())]
        if request.method in ("INVITE", "UPDATE") and status < 300:
            common += [("Contact", dialog.contact), ("Allow", ALLOW), ("Supported", "timer")]
            common += [("Record-Route", route) for route in request.headers.get("record-route")]
        common.append(("Server", self._state.settings.product))
        response = respond(request, status, (*common, *headers), body)
        add_to_tag(response, dialog.local_tag)
        self._state.put(Send(self._state.server.respond(transaction, response, now), transaction.peer))
        if status >= 200 and transaction is not dialog.invite:
            self._state.over(dialog.key, transaction, status)

    def timer_headers(self, dialog: Dialog) -> Headers:
        """Return Session-Expires, and Require where the far side has to refresh (RFC 4028 section 9)."""
        if dialog.timer is None:
            return ()
        header = ("Session-Expires", dialog.timer.header())
        return (header,) if dialog.timer.we_refresh else (header, ("Require", "timer"))

    def response(self, response: Response, now: float) -> None:
        """Take an answer to one of our requests."""
        transaction = self._state.client.receive(response)
        if transaction is None:
            self._repeated(response)
            return
        if response.status_code >= 200:
            self._state.over(transaction.call_key, transaction, response.status_code)
        dialog = self._state.dialogs.get(transaction.call_key)
        if dialog is None or response.status_code < 200:
            return
        if transaction.method == "INVITE":
            self._acknowledge(dialog, transaction, response)
        if transaction.purpose == "refer":
            self._referred(dialog, response.status_code)
        elif transaction.purpose == "refresh":
            self._refreshed(dialog, response.status_code, now, response=response)

    def _referred(self, dialog: Dialog, status: int) -> None:
        if status >= 300:
            dialog.referring = None
            self._state.put(ReferProgress(dialog.key, status, final=True))
        elif dialog.referring is not None:  # NOTIFY may have told the end before
            self._state.put(ReferProgress(dialog.key, TRYING, final=False))

    def _repeated(self, response: Response) -> None:
        """Repeat the ACK when a final answer to our re-INVITE comes again (RFC 3261 section 13.2.2.4)."""
        cseq, branch = response.cseq, branch_of(response)
        if cseq is None or cseq.method != "INVITE" or response.status_code < 200:
            return
        sender, target = response.from_addr, response.to_addr
        ours, theirs = (sender.tag if sender else "") or "", (target.tag if target else "") or ""
        dialog = self._state.dialogs.get(dialog_key(response.call_id or "", ours, theirs))
        if dialog is not None and dialog.acknowledged is not None and dialog.acknowledged[0] == branch:
            self._state.put(Send(dialog.acknowledged[1], dialog.next_hop()))

    def _acknowledge(self, dialog: Dialog, transaction: ClientTransaction, response: Response) -> None:
        cseq = response.cseq
        ack = dialog.request("ACK", cseq=cseq.seq if cseq else 0)
        if response.status_code >= 300:  # RFC 3261 section 17.1.1.3: same branch, same transaction
            vias = response.headers.get("via")
            ack.set_header("Via", vias[0])
        dialog.acknowledged = (branch_of(response), serialize(ack))
        self._state.put(Send(dialog.acknowledged[1], transaction.peer))

    def _refreshed(self, dialog: Dialog, status: int, now: float, *, response: Response | None = None) -> None:
        dialog.refreshing = dialog.offering = False
        if status < 300:
            dialog.refreshed_at = now
            if response is None:
                return
            dialog.follow(response)
            if dialog.timer is not None:
                dialog.timer = dialog.timer.answered(response.get_header("session-expires") or response.get_header("x"))
            if response.body:
                self._take_answer(dialog, response.body)
        elif status in (408, 481):
            self.hang_up(dialog, now, cause=f"SIP;cause={status}", reason="session-expired")
        elif status in (405, 501) and dialog.allows_update:
            dialog.allows_update = False  # the next try is a re-INVITE
        else:
            if status == 422 and response is not None and dialog.timer is not None:
                dialog.timer = dialog.timer.longer(response.get_header("min-se") or "")
            dialog.retry_refresh_at = now + REFRESH_RETRY_S

    def _take_answer(self, dialog: Dialog, body: bytes) -> None:
        """Take the answer to a refresh by re-INVITE; one that we cannot read leaves the media as it is."""
        try:
            self.change(dialog, sdp.agree(sdp.read(body)))
        except sdp.UnacceptableSdpError:
            return

    def change(self, dialog: Dialog, agreed: sdp.Agreed) -> None:
        """Tell the call when something of the media is different: address, codec or direction."""
        if agreed != dialog.agreed:
            dialog.agreed = agreed
            self._state.put(MediaChanged(dialog.key, agreed))

    def _send(self, dialog: Dialog, request: Request, purpose: str, now: float) -> None:
        transaction = dialog.transaction(request, purpose, now)
        self._state.client.send(branch_of(request), transaction)
        self._state.put(Send(transaction.data, transaction.peer))

    def tick(self, now: float) -> None:
        """Repeat, give up, refresh and expire what is due at `now`."""
        for data, peer in self._state.server.tick(now):
            self._state.put(Send(data, peer))
        sends, over = self._state.client.tick(now)
        for data, peer in sends:
            self._state.put(Send(data, peer))
        for transaction in over:
            self._timed_out(transaction, now)
        for dialog in list(self._state.dialogs.values()):
            self._tick_dialog(dialog, now)

    def _timed_out(self, transaction: ClientTransaction, now: float) -> None:
        self._state.over(transaction.call_key, transaction, None)
        dialog = self._state.dialogs.get(transaction.call_key)
        if dialog is None:
            return
        if transaction.purpose == "refer":
            dialog.referring = None
            self._state.put(ReferProgress(dialog.key, 408, final=True))
        elif transaction.purpose == "refresh":
            self._refreshed(dialog, 408, now)

    def _tick_dialog(self, dialog: Dialog, now: float) -> None:
        acceptance = dialog.acceptance
        if acceptance is not None and now >= acceptance.ends_at:
            self.hang_up(dialog, now, cause='SIP;cause=408;text="ACK did not come"', reason="no-ack")
            return
        if acceptance is not None and now >= acceptance.next_at:
            acceptance.repeat()
            self._state.put(Send(acceptance.data, acceptance.peer))
        if dialog.state is DialogState.RINGING:
            self._state.server.pending(dialog.invite, now)
        if dialog.referring is not None and now >= dialog.referring:
            dialog.referring = None
            self._state.put(ReferProgress(dialog.key, 408, final=True))
        timer = dialog.timer
        if dialog.state is not DialogState.CONFIRMED or timer is None:
            return
        refresh_at = max(timer.refresh_at(dialog.refreshed_at), dialog.retry_refresh_at)
        if now >= timer.expires_at(dialog.refreshed_at):
            self.hang_up(dialog, now, cause='SIP;cause=408;text="Session expired"', reason="session-expired")
        elif timer.we_refresh and not dialog.refreshing and now >= refresh_at:
            self._refresh(dialog, now)

    def _refresh(self, dialog: Dialog, now: float) -> None:
        """Refresh by UPDATE without SDP where the far side allows it, else by a re-INVITE with our unchanged SDP."""
        assert dialog.timer is not None and dialog.local is not None
        dialog.refreshing = True
        headers: Headers = (("Session-Expires", dialog.timer.header(we_are_uac=True)), ("Supported", "timer"))
        if dialog.allows_update:
            request = dialog.request("UPDATE", headers=headers)
        else:
            headers = (*headers, ("Allow", ALLOW))
            dialog.offering = True
            body = sdp.write_again(dialog.local, dialog.agreed) if dialog.agreed else sdp.write_offer(dialog.local)
            request = dialog.request("INVITE", headers=headers, body=body)
        self._send(dialog, request, "refresh", now)
