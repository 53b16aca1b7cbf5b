"""A new INVITE: is it one we can take, may it come in, and the dialog it opens. Called by requests.py. Pure."""

from voiceplane.contract.ids import new_call_id
from voiceplane.sip import sdp
from voiceplane.sip.admission import admit
from voiceplane.sip.calls import Calls
from voiceplane.sip.dialog import Dialog
from voiceplane.sip.events import CallOffered, CallRefused
from voiceplane.sip.identity import believed, recorded
from voiceplane.sip.message import Headers, user_of
from voiceplane.sip.refusals import refuse, unusable_body
from voiceplane.sip.session_timer import MIN_SE_S, IntervalTooSmallError, SessionTimer, agree_timer
from voiceplane.sip.state import AgentState
from voiceplane.sip.transactions import ServerTransaction
from voiceplane.sip.trunks import called


def begin(state: AgentState, calls: Calls, transaction: ServerTransaction, now: float) -> None:
    """Begin a call: 100 at once and CallOffered; or refuse it by the rules of RFC 3261 section 8.2."""
    status, headers = _unacceptable(state, transaction)
    if status:
        refuse(state, transaction, status, now, headers=headers)
        return
    request = transaction.request
    try:
        offer = sdp.read(request.body) if request.body else None
        if offer is not None:
            sdp.agree(offer)
        timer = agree_timer(request, state.settings.session_expires_s)
    except sdp.UnacceptableSdpError as error:
        refuse(state, transaction, 488, now, headers=(error.warning,))
        return
    except IntervalTooSmallError:
        refuse(state, transaction, 422, now, headers=(("Min-SE", str(MIN_SE_S)),))
        return
    if not state.ways.takes(transaction.peer.host, called(request.uri)):
        state.put(CallRefused(404, "unknown-number"))
        refuse(state, transaction, 404, now)
        return
    state.bucket, refusal = admit(state.limits, state.bucket, state.load, closed=state.closed, now=now)
    if refusal is not None:
        state.put(CallRefused(refusal.status, refusal.reason))
        refuse(state, transaction, refusal.status, now, headers=(("Retry-After", str(refusal.retry_after_s)),))
        return
    _open(state, calls, transaction, now, offer=offer, timer=timer)


def _open(
    state: AgentState,
    calls: Calls,
    transaction: ServerTransaction,
    now: float,
    *,
    offer: sdp.MediaOffer | None,
    timer: SessionTimer | None,
) -> None:
    request = transaction.request
    contact = state.settings.contact(reliable=transaction.peer.reliable)
    dialog = Dialog(new_call_id(), transaction, transaction.peer, contact, offer)
    dialog.timer, dialog.route_set = timer, tuple(request.headers.get("record-route"))
    dialog.learn(request, transaction.peer)
    state.dialogs[dialog.key] = dialog
    trusted = state.ways.trusts(transaction.peer.host, called(request.uri))
    calls.provisional(dialog, 100, now)
    state.put(
        CallOffered(
            dialog.key,
            dialog.call_id,
            request.call_id or "",
            dialog.remote_session_id,
            recorded(request),
            user_of(request.to_addr),
            offer,
            believed(request, trusted),
        )
    )


def _unacceptable(state: AgentState, transaction: ServerTransaction) -> tuple[int, Headers]:
    """Check a new INVITE in the order of RFC 3261 section 8.2."""
    request = transaction.request
    if not request.uri.lower().startswith(("sip:", "sips:", "tel:")):
        return 416, ()
    if state.server.is_merged(transaction):
        return 482, ()
    accept = unusable_body(request)
    if accept:
        return 415, accept
    if not request.headers.get("contact"):
        return 400, (("Warning", '399 voiceplane "an INVITE needs a Contact"'),)
    return 0, ()
