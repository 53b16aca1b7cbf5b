"""Answers that change no call, and what is looked at before any rule. Used by agent.py and its rules. Pure."""

from voiceplane.contract.ids import is_session_uuid, new_call_id
from voiceplane.sip.dialog import ALLOW, key_of, remote_uuid
from voiceplane.sip.events import Send
from voiceplane.sip.message import NIL_UUID, Headers, Request, add_to_tag, new_tag, respond
from voiceplane.sip.state import AgentState
from voiceplane.sip.transactions import ServerTransaction

SUPPORTED = frozenset({"timer"})


def refuse(
    state: AgentState, transaction: ServerTransaction, status: int, now: float, *, headers: Headers = ()
) -> None:
    """Answer a request that opens or changes no call (also with 200, where nothing is to be done)."""
    request = transaction.request
    if status in (405, 501):
        headers = (*headers, ("Allow", ALLOW))
    dialog = state.dialogs.get(key_of(request) or "")
    session = dialog.session_id() if dialog is not None else _session_id(request)
    response = respond(request, status, (("Session-ID", session), *headers, ("Server", state.settings.product)))
    add_to_tag(response, dialog.local_tag if dialog is not None else new_tag())
    state.put(Send(state.server.respond(transaction, response, now), transaction.peer))


def _session_id(request: Request) -> str:
    """Return a Session-ID outside of any call; a UUID that was ours stays ours (RFC 7989 section 6)."""
    ours = next(
        (
            value.strip()
            for name, _, value in (p.partition("=") for p in (request.get_header("session-id") or "").split(";")[1:])
            if name.strip().lower() == "remote" and is_session_uuid(value.strip()) and value.strip() != NIL_UUID
        ),
        new_call_id(),
    )
    return f"{ours};remote={remote_uuid(request) or NIL_UUID}"


def unknown_extensions(request: Request) -> list[str]:
    """Return what the request requires and we have not (RFC 3261 section 8.2.2.3); CANCEL is never refused so."""
    if request.method == "CANCEL":
        return []
    required = {t.strip().lower() for line in request.headers.get("require") for t in line.split(",") if t.strip()}
    return sorted(tag if tag.isprintable() else "unreadable" for tag in required - SUPPORTED)[:8]


def unusable_body(request: Request) -> Headers:
    """Return the headers of a 415 when the body is not plain SDP, else nothing."""
    kind = (request.content_type or "").split(";")[0].strip().lower()
    encoding = (request.get_header("content-encoding") or "identity").strip().lower()
    if request.body and (kind != "application/sdp" or encoding != "identity"):
        return ("Accept", "application/sdp"), ("Accept-Encoding", "identity")
    return ()
