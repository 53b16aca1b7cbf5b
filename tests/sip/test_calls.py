"""What the user agent does with calls, in virtual time: no socket, no sleep."""

import pytest

from voiceplane.sip.admission import Limits
from voiceplane.sip.dialog import DialogState
from voiceplane.sip.events import CallEnded, CallOffered, CallRefused, Confirmed, Output
from voiceplane.sip.message import Peer, Request, Response
from voiceplane.sip.sdp import LocalMedia
from voiceplane.testing.caller import CALLER, SDP, SESSION, Caller, statuses


def ended(caller: Caller) -> list[str]:
    return [event.reason for event in caller.events if isinstance(event, CallEnded)]


def of(kind: type[Output], caller: Caller) -> list[Output]:
    return [event for event in caller.events if isinstance(event, kind)]


def header(message: Request | Response, name: str) -> str:
    return message.get_header(name) or ""


def test_a_call_is_answered_confirmed_and_ended_by_the_caller() -> None:
    caller = Caller()
    assert statuses(caller.send(caller.invite())) == [100]
    caller.agent.calls.ring(caller.dialog, caller.now)
    assert statuses(caller.take(caller.agent.take())) == [180]
    ok = caller.accept()
    assert ok.status_code == 200
    assert caller.ack() == []
    (confirmed,) = of(Confirmed, caller)
    assert isinstance(confirmed, Confirmed)
    assert (confirmed.agreed.codec, confirmed.agreed.host, confirmed.agreed.port) == ("G722", "192.0.2.1", 4000)
    assert confirmed.agreed.event_payload_type == 101
    assert statuses(caller.send(caller.text("BYE"))) == [200]
    assert ended(caller) == ["bye"]
    assert caller.agent.state.dialogs == {}


def test_an_accepted_call_repeats_its_200_until_the_ack() -> None:
    caller = Caller()
    caller.send(caller.invite())
    caller.accept()
    assert statuses(caller.wait(0.4)) == []
    assert statuses(caller.wait(0.2)) == [200]  # T1
    assert statuses(caller.wait(1.0)) == [200]  # 2 T1
    caller.ack()
    assert statuses(caller.wait(40)) == []
    assert ended(caller) == []


def test_a_200_without_ack_ends_in_a_bye_after_64_t1() -> None:
    caller = Caller()
    caller.send(caller.invite())
    caller.accept()
    sent = statuses(caller.wait(31.9))
    assert set(sent) == {200} and len(sent) == 10  # 0.5 1.5 3.5 7.5 then each 4 s
    after = caller.wait(0.2)
    assert statuses(after) == ["BYE"]
    assert "cause=408" in header(after[0], "Reason")
    assert ended(caller) == ["no-ack"]


def test_a_repeated_invite_gets_the_last_answer_and_opens_nothing() -> None:
    caller = Caller()
    invite = caller.invite()
    caller.send(invite)
    assert statuses(caller.send(invite)) == [100]
    caller.accept()
    assert statuses(caller.send(invite)) == [200]
    assert len(of(CallOffered, caller)) == 1


def test_a_repeated_bye_is_answered_again() -> None:
    caller = Caller()
    caller.call()
    bye = caller.text("BYE")
    assert statuses(caller.send(bye)) == statuses(caller.send(bye)) == [200]
    assert ended(caller) == ["bye"]


def test_a_refusal_repeats_until_its_ack() -> None:
    caller = Caller()
    caller.send(caller.invite())
    caller.agent.calls.reject(caller.dialog, 486, caller.now)
    (refused,) = caller.take(caller.agent.take())
    assert statuses([refused]) == [486]
    assert statuses(caller.wait(1.6)) == [486, 486]
    assert ended(caller) == ["local"]
    caller.send(caller.text("ACK", cseq=1, branch="z9hG4bK-call-1-INVITE-1"))
    assert caller.wait(40) == []


def test_a_cancel_before_the_answer_ends_the_call_with_487() -> None:
    caller = Caller()
    caller.send(caller.invite())
    answers = caller.send(caller.text("CANCEL", cseq=1, branch="z9hG4bK-call-1-INVITE-1"))
    assert statuses(answers) == [200, 487]
    assert ended(caller) == ["cancelled"]
    assert header(answers[0], "To") == header(answers[1], "To")


def test_a_cancel_that_crosses_the_200_changes_nothing() -> None:
    caller = Caller()
    caller.send(caller.invite())
    caller.accept()
    tag, caller.to_tag = caller.to_tag, ""
    assert statuses(caller.send(caller.text("CANCEL", cseq=1, branch="z9hG4bK-call-1-INVITE-1"))) == [200]
    caller.to_tag = tag
    caller.ack()
    assert caller.dialog.state is DialogState.CONFIRMED
    assert statuses(caller.send(caller.text("BYE"))) == [200]


def test_accepting_a_cancelled_call_sends_nothing() -> None:
    caller = Caller()
    caller.send(caller.invite())
    dialog = caller.dialog
    caller.send(caller.text("CANCEL", cseq=1, branch="z9hG4bK-call-1-INVITE-1"))
    assert not caller.agent.calls.accept(dialog, LocalMedia("127.0.0.1", 20000, 1), caller.now)
    assert caller.agent.take() == []


def test_a_cancel_of_nothing_gets_481() -> None:
    caller = Caller()
    assert statuses(caller.send(caller.text("CANCEL"))) == [481]


def test_hanging_up_before_the_ack_sends_the_bye_after_it() -> None:
    caller = Caller()
    caller.send(caller.invite())
    caller.accept()
    caller.agent.calls.hang_up(caller.dialog, caller.now)
    assert caller.take(caller.agent.take()) == []  # RFC 3261 section 15
    (bye,) = caller.ack()
    assert statuses([bye]) == ["BYE"]
    assert header(bye, "Reason").startswith("SIP;cause=200")
    assert ended(caller) == ["local"]


def test_our_bye_is_repeated_until_answered() -> None:
    caller = Caller()
    caller.call()
    caller.agent.calls.hang_up(caller.dialog, caller.now)
    (bye,) = caller.take(caller.agent.take())
    assert isinstance(bye, Request) and (bye.method, bye.uri) == ("BYE", "sip:me@192.0.2.1:5062")
    assert statuses(caller.wait(1.6)) == ["BYE", "BYE"]
    caller.send(ok_to(bye))
    assert caller.wait(40) == []


def ok_to(request: Request | Response, status: str = "200 OK", *, headers: str = "", body: str = "") -> bytes:
    copied = "".join(f"{name}: {header(request, name)}\r\n" for name in ("Via", "From", "To", "Call-ID", "CSeq"))
    return f"SIP/2.0 {status}\r\n{copied}{headers}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def test_a_call_without_offer_gets_ours_and_is_agreed_by_the_ack() -> None:
    caller = Caller()
    caller.send(caller.invite(body=""))
    assert caller.offered().offer is None
    ok = caller.accept()
    assert "m=audio 20000 RTP/AVP 0 8 9 101" in ok.text
    caller.ack(
        body="v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 4002 RTP/AVP 8\r\n"
    )
    (confirmed,) = of(Confirmed, caller)
    assert isinstance(confirmed, Confirmed)
    assert (confirmed.agreed.codec, confirmed.agreed.host, confirmed.agreed.port) == ("PCMA", "192.0.2.9", 4002)


def test_an_ack_without_the_answer_we_wait_for_ends_the_call() -> None:
    caller = Caller()
    caller.send(caller.invite(body=""))
    caller.accept()
    (bye,) = caller.ack()
    assert statuses([bye]) == ["BYE"] and "cause=488" in header(bye, "Reason")
    assert ended(caller) == ["bad-answer"]


def test_full_draining_and_too_fast_are_503_with_retry_after() -> None:
    full = Caller(limits=Limits(max_calls=0))
    (refused,) = full.send(full.invite())
    assert statuses([refused]) == [503] and header(refused, "Retry-After") == "5"
    fast = Caller(limits=Limits(max_calls=10, calls_per_second=1.0, burst=1))
    fast.send(fast.invite())
    fast.call_id = "call-2"
    (refused,) = fast.send(fast.invite())
    assert statuses([refused]) == [503] and header(refused, "Retry-After") == "1"
    fast.now += 1.1
    fast.call_id = "call-3"
    assert statuses(fast.send(fast.invite())) == [100]
    draining = Caller()
    draining.agent.state.draining = True
    (refused,) = draining.send(draining.invite())
    assert statuses([refused]) == [503] and header(refused, "Retry-After") == "60"
    assert [event.reason for event in draining.events if isinstance(event, CallRefused)] == ["draining"]


def test_options_says_whether_a_call_could_come_in_but_never_disturbs_a_live_one() -> None:
    caller = Caller(limits=Limits(max_calls=1))
    (well,) = caller.send(caller.text("OPTIONS"))
    assert statuses([well]) == [200] and "INVITE" in header(well, "Allow")
    caller.call()
    tag, caller.to_tag = caller.to_tag, ""
    (full,) = caller.send(caller.text("OPTIONS"))
    assert statuses([full]) == [503] and header(full, "Retry-After")
    caller.to_tag = tag
    assert statuses(caller.send(caller.text("OPTIONS"))) == [200]
    caller.to_tag = "unknown"
    assert statuses(caller.send(caller.text("OPTIONS"))) == [481]


def test_every_message_of_a_call_has_our_session_id_and_the_remote_one() -> None:
    caller = Caller()
    caller.call(headers=f"Session-ID: {SESSION};remote={'0' * 32}\r\n")
    caller.send(caller.text("UPDATE", body=SDP.format(direction="sendonly")))
    caller.agent.calls.hang_up(caller.dialog, caller.now)
    caller.take(caller.agent.take())
    ours = caller.offered().call_id
    assert len(caller.sent) >= 4
    assert {header(message, "Session-ID") for message in caller.sent} == {f"{ours};remote={SESSION}"}


@pytest.mark.parametrize("value", ["", "Session-ID: nonsense\r\n", f"Session-ID: {'0' * 32};remote={'0' * 32}\r\n"])
def test_a_caller_without_a_usable_session_id_is_answered_with_the_nil_uuid(value: str) -> None:
    caller = Caller()
    (trying,) = caller.send(caller.invite(headers=value))
    assert header(trying, "Session-ID") == f"{caller.offered().call_id};remote={'0' * 32}"


def test_the_remote_session_id_is_learned_in_the_call() -> None:
    caller = Caller()
    caller.call()
    other = "cd" * 16
    (ok,) = caller.send(caller.text("UPDATE", headers=f"Session-ID: {other};remote={caller.offered().call_id}\r\n"))
    assert header(ok, "Session-ID").endswith(f"remote={other}")


def test_requests_follow_the_route_set_in_its_order() -> None:
    caller = Caller()
    caller.call(headers="Record-Route: <sip:192.0.2.7;lr>, <sip:192.0.2.8:5080;lr>\r\n")
    caller.agent.calls.hang_up(caller.dialog, caller.now)
    outputs = caller.agent.take()
    (bye,) = caller.take(outputs)
    assert bye.headers.get("route") == ["<sip:192.0.2.7;lr>", "<sip:192.0.2.8:5080;lr>"]
    peers = [output.peer for output in outputs if hasattr(output, "peer")]
    assert peers == [Peer("192.0.2.7", 5060)]
    assert isinstance(bye, Request) and bye.uri == "sip:me@192.0.2.1:5062"


def test_a_strict_router_gets_its_own_uri_in_the_request_line() -> None:
    caller = Caller()
    caller.call(headers="Record-Route: <sip:192.0.2.7>\r\n")
    caller.agent.calls.hang_up(caller.dialog, caller.now)
    (bye,) = caller.take(caller.agent.take())
    assert isinstance(bye, Request) and bye.uri == "sip:192.0.2.7"
    assert bye.headers.get("route") == ["<sip:me@192.0.2.1:5062>"]


def test_the_200_copies_record_route_and_stamps_the_top_via() -> None:
    caller = Caller(peer=Peer("198.51.100.5", 6060))
    ok = caller.call(headers="Record-Route: <sip:192.0.2.7;lr>\r\n")
    assert ok.headers.get("record-route") == ["<sip:192.0.2.7;lr>"]
    assert "rport=6060" in header(ok, "Via") and "received=198.51.100.5" in header(ok, "Via")
    assert caller.peer != CALLER


def test_a_call_over_tcp_follows_the_caller_to_a_new_connection() -> None:
    caller = Caller(peer=Peer("192.0.2.1", 5062, 1))
    caller.call()
    caller.peer = Peer("192.0.2.1", 5063, 2)
    caller.send(caller.text("UPDATE"))
    caller.agent.calls.hang_up(caller.dialog, caller.now)
    (output,) = [o for o in caller.agent.take() if hasattr(o, "peer")]
    assert output.peer.connection == 2


def test_a_call_ends_once_whoever_asks_again() -> None:
    caller = Caller()
    caller.call()
    dialog = caller.dialog
    for _ in range(2):
        caller.agent.calls.hang_up(dialog, caller.now)
    assert statuses(caller.take(caller.agent.take())) == ["BYE"]
    caller.agent.calls.forget(dialog, "local")
    caller.take(caller.agent.take())
    assert ended(caller) == ["local"]


def test_the_caller_cannot_say_where_its_request_came_from() -> None:
    caller = Caller()
    (ok,) = caller.send(caller.text("OPTIONS").replace(b";rport", b";received=203.0.113.1;rport=1"))
    assert "203.0.113.1" not in header(ok, "Via")
    assert header(ok, "Via").endswith("rport=5062;received=192.0.2.1")
