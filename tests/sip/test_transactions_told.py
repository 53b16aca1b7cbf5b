"""Which transactions inside a call the user agent tells for its trace, in virtual time."""

from voiceplane.sip.events import CallEnded, TransactionOver
from voiceplane.sip.message import Request, Response
from voiceplane.testing.caller import SDP, Caller


def told(caller: Caller) -> list[tuple[str, int | None, bool, float]]:
    """Return what was told: method, status, whether we asked, and how long it took."""
    over = [event for event in caller.events if isinstance(event, TransactionOver)]
    return [(each.method, each.status, each.ours, round(caller.now - each.began_at, 2)) for each in over]


def answer(caller: Caller, request: Response | Request, status: int) -> None:
    """Answer a request of the agent."""
    assert isinstance(request, Request)
    lines = [f"SIP/2.0 {status} Whatever"]
    for name in ("Via", "From", "To", "Call-ID", "CSeq"):
        lines += [f"{name}: {request.get_header(name)}"]
    caller.send(("\r\n".join([*lines, "Content-Length: 0"]) + "\r\n\r\n").encode())


def test_a_call_that_only_begins_and_is_cancelled_tells_nothing_besides_its_invite() -> None:
    caller = Caller()
    caller.send(caller.invite())
    caller.send(caller.text("CANCEL", cseq=1, branch="z9hG4bK-call-1-INVITE-1"))
    assert told(caller) == []


def test_a_reinvite_an_update_and_the_callers_bye_are_told_once_each_though_they_repeat() -> None:
    caller = Caller()
    caller.call()
    hold = caller.text("INVITE", body=SDP.format(direction="sendonly"))
    caller.send(hold)
    caller.send(hold)
    caller.ack()
    caller.send(caller.text("UPDATE"))
    bye = caller.text("BYE")
    caller.send(bye)
    caller.send(bye)
    assert told(caller) == [("INVITE", 200, False, 0.0), ("UPDATE", 200, False, 0.0), ("BYE", 200, False, 0.0)]


def test_a_reinvite_that_is_refused_is_told_with_its_refusal() -> None:
    caller = Caller()
    caller.call()
    caller.send(caller.text("INVITE", body="v=0\r\n"))
    assert told(caller) == [("INVITE", 488, False, 0.0)]


def test_our_bye_is_told_with_its_answer_after_the_calls_end() -> None:
    caller = Caller()
    caller.call()
    caller.agent.calls.hang_up(caller.dialog, caller.now)
    (bye,) = caller.take(caller.agent.take())
    assert [event for event in caller.events if isinstance(event, CallEnded)][0].bye
    caller.wait(0.25)
    answer(caller, bye, 200)
    assert told(caller) == [("BYE", 200, True, 0.25)]


def test_our_bye_that_nobody_answers_is_told_without_a_status() -> None:
    caller = Caller()
    caller.call()
    caller.agent.calls.hang_up(caller.dialog, caller.now)
    caller.take(caller.agent.take())
    caller.wait(33.0)
    assert [(method, status, ours) for method, status, ours, _ in told(caller)] == [("BYE", None, True)]


def test_our_refresh_is_told() -> None:
    caller = Caller()
    caller.call(headers="Supported: timer\r\nSession-Expires: 90;refresher=uas\r\nAllow: UPDATE\r\n")
    (update, *_) = caller.wait(60.0)  # unanswered it repeats
    answer(caller, update, 200)
    assert [each[:3] for each in told(caller)] == [("UPDATE", 200, True)]
