"""Session timers (RFC 4028) and transfers (RFC 3515), in virtual time."""

import pytest

from voiceplane.sip.events import CallEnded, MediaChanged, ReferProgress, Send
from voiceplane.sip.message import Peer, Request, Response, parse
from voiceplane.sip.state import AgentSettings
from voiceplane.testing.caller import SDP, Caller, statuses

TIMER = "Supported: timer\r\nAllow: INVITE, ACK, BYE, UPDATE\r\n"


def header(message: Request | Response, name: str) -> str:
    return message.get_header(name) or ""


def answer(request: Request | Response, status: str = "200 OK", *, headers: str = "", body: str = "") -> bytes:
    copied = "".join(f"{name}: {header(request, name)}\r\n" for name in ("Via", "From", "To", "Call-ID", "CSeq"))
    return f"SIP/2.0 {status}\r\n{copied}{headers}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def ended(caller: Caller) -> list[str]:
    return [event.reason for event in caller.events if isinstance(event, CallEnded)]


def timed(headers: str) -> tuple[Caller, Response]:
    caller = Caller(settings=AgentSettings(session_expires_s=600))
    return caller, caller.call(headers=headers)


@pytest.mark.parametrize(
    ("asked", "agreed", "require"),
    [
        (TIMER, "600;refresher=uas", ""),
        (TIMER + "Session-Expires: 300\r\n", "300;refresher=uas", ""),
        (TIMER + "Session-Expires: 300;refresher=uac\r\n", "300;refresher=uac", "timer"),
        (TIMER + "Session-Expires: 3600;refresher=uac\r\nMin-SE: 900\r\n", "900;refresher=uac", "timer"),
        (TIMER + "x: 300;refresher=uas\r\n", "300;refresher=uas", ""),
        ("Session-Expires: 300;refresher=uac\r\n", "300;refresher=uas", ""),  # a caller that cannot refresh
        (TIMER + "Session-Expires: soon\r\n", "", ""),
        ("", "", ""),
    ],
)
def test_the_interval_and_the_refresher_are_agreed(asked: str, agreed: str, require: str) -> None:
    _, ok = timed(asked)
    assert header(ok, "Session-Expires") == agreed
    assert header(ok, "Require") == require


def test_an_interval_below_90_s_is_422_with_min_se() -> None:
    caller = Caller()
    (refused,) = caller.send(caller.invite(headers=TIMER + "Session-Expires: 60\r\n"))
    assert statuses([refused]) == [422] and header(refused, "Min-SE") == "90"


def test_we_refresh_by_update_at_half_of_the_interval_and_go_on() -> None:
    caller, _ = timed(TIMER + "Session-Expires: 200;refresher=uas\r\n")
    assert caller.wait(99) == []
    (update,) = caller.wait(1.2)
    assert statuses([update]) == ["UPDATE"] and header(update, "Session-Expires") == "200;refresher=uac"
    caller.send(answer(update, headers="Session-Expires: 200;refresher=uac\r\n"))
    assert caller.wait(98) == []
    assert statuses(caller.wait(3))[:1] == ["UPDATE"]
    assert ended(caller) == []


def test_a_far_side_without_update_is_refreshed_by_a_reinvite_with_the_same_media() -> None:
    caller, _ = timed("Supported: timer\r\nSession-Expires: 200\r\n")
    (invite,) = caller.wait(100.2)
    assert statuses([invite]) == ["INVITE"]
    assert "m=audio 20000 RTP/AVP 9 101" in invite.text
    (ack,) = caller.send(answer(invite, body=SDP.format(direction="sendrecv")))
    assert statuses([ack]) == ["ACK"] and header(ack, "CSeq") == header(invite, "CSeq").replace("INVITE", "ACK")
    assert [e for e in caller.events if isinstance(e, MediaChanged)] == []
    (again,) = caller.send(answer(invite, body=SDP.format(direction="sendrecv")))  # our ACK was lost
    assert bytes(again) == bytes(ack)
    assert caller.wait(50) == []


def test_the_answer_to_our_reinvite_may_move_the_media() -> None:
    caller, _ = timed("Supported: timer\r\nSession-Expires: 200\r\n")
    (invite,) = caller.wait(100.2)
    caller.send(answer(invite, body=SDP.format(direction="sendrecv").replace("4000", "7000")))
    (moved,) = [event for event in caller.events if isinstance(event, MediaChanged)]
    assert moved.agreed.port == 7000


def test_a_refused_update_is_tried_as_a_reinvite() -> None:
    caller, _ = timed(TIMER + "Session-Expires: 200\r\n")
    (update,) = caller.wait(100.2)
    caller.send(answer(update, "405 Method Not Allowed"))
    assert statuses(caller.wait(0.1)) == ["INVITE"]


def test_a_refresh_that_crossed_another_is_tried_again_a_little_later_not_at_once() -> None:
    caller, _ = timed(TIMER + "Session-Expires: 200\r\n")
    (update,) = caller.wait(100.2)
    caller.send(answer(update, "491 Request Pending"))
    assert caller.wait(1.5) == []
    assert statuses(caller.wait(1.0))[:1] == ["UPDATE"]


def test_the_interval_in_the_answer_to_our_refresh_counts() -> None:
    caller, _ = timed(TIMER + "Session-Expires: 400\r\n")
    (update,) = caller.wait(200.2)
    caller.send(answer(update, headers="Session-Expires: 120;refresher=uac\r\n"))  # it gives up after 120 s
    assert caller.wait(59) == []
    (update, *_) = caller.wait(1.5)
    assert header(update, "Session-Expires") == "120;refresher=uac"
    assert ended(caller) == []


def test_the_answer_to_our_refresh_may_give_the_refreshes_to_the_far_side() -> None:
    caller, _ = timed(TIMER + "Session-Expires: 200\r\n")
    (update,) = caller.wait(100.2)
    caller.send(answer(update, headers="Session-Expires: 200;refresher=uas\r\n"))
    assert caller.wait(166) == []
    assert statuses(caller.wait(2)) == ["BYE"]  # 200 s less 32 s


@pytest.mark.parametrize("value", ["", "soon", "-5", "1", "99999999999"])
def test_an_answer_to_our_refresh_with_an_impossible_interval_neither_floods_nor_ends_the_call(value: str) -> None:
    caller, _ = timed(TIMER + "Session-Expires: 200\r\n")
    (update,) = caller.wait(100.2)
    caller.send(answer(update, headers=f"Session-Expires: {value};refresher=uac\r\n"))
    assert caller.wait(44) == []  # half of the least interval, 90 s
    assert ended(caller) == []


def test_the_answer_to_our_refresh_may_move_the_target() -> None:
    caller, _ = timed(TIMER + "Session-Expires: 200\r\n")
    (update,) = caller.wait(100.2)
    caller.send(answer(update, headers="Contact: <sip:moved@192.0.2.9:5070>\r\n"))
    caller.agent.calls.hang_up(caller.dialog, caller.now)
    (bye,) = caller.take(caller.agent.take())
    assert isinstance(bye, Request) and bye.uri == "sip:moved@192.0.2.9:5070"


@pytest.mark.parametrize("contact", ["nonsense", "<sip:a b@c>", "<mailto:me@example.org>", "<>"])
def test_a_target_in_the_answer_that_cannot_be_called_is_ignored(contact: str) -> None:
    caller, _ = timed(TIMER + "Session-Expires: 200\r\n")
    (update,) = caller.wait(100.2)
    caller.send(answer(update, headers=f"Contact: {contact}\r\n"))
    caller.agent.calls.hang_up(caller.dialog, caller.now)
    (bye,) = caller.take(caller.agent.take())
    assert isinstance(bye, Request) and bye.uri == "sip:me@192.0.2.1:5062"


def test_a_422_to_our_refresh_makes_the_interval_longer() -> None:
    caller, _ = timed(TIMER + "Session-Expires: 200\r\n")
    (update,) = caller.wait(100.2)
    caller.send(answer(update, "422 Session Interval Too Small", headers="Min-SE: 1800\r\n"))
    (longer, *_) = caller.wait(900)
    assert header(longer, "Session-Expires") == "1800;refresher=uac"


def test_a_session_whose_refresh_never_comes_ends_with_a_bye() -> None:
    caller, _ = timed(TIMER + "Session-Expires: 90;refresher=uac\r\n")
    assert caller.wait(59.5) == []
    (bye,) = caller.wait(0.7)  # 90 s less a third (RFC 4028 section 10)
    assert statuses([bye]) == ["BYE"] and 'text="Session expired"' in header(bye, "Reason")
    assert ended(caller) == ["session-expired"]


def test_a_refresh_of_the_far_side_keeps_the_session() -> None:
    caller, _ = timed(TIMER + "Session-Expires: 90;refresher=uac\r\n")
    for _ in range(4):
        caller.wait(50)
        (ok,) = caller.send(caller.text("UPDATE", headers=TIMER + "Session-Expires: 90;refresher=uac\r\n"))
        assert statuses([ok]) == [200] and header(ok, "Session-Expires") == "90;refresher=uac"
    assert ended(caller) == []


@pytest.mark.parametrize("status", ["481 Call/Transaction Does Not Exist", "408 Request Timeout"])
def test_a_far_side_that_lost_the_call_ends_it_at_the_refresh(status: str) -> None:
    caller, _ = timed(TIMER + "Session-Expires: 200\r\n")
    (update,) = caller.wait(100.2)
    (bye,) = caller.send(answer(update, status))
    assert statuses([bye]) == ["BYE"]
    assert ended(caller) == ["session-expired"]


def test_a_refresh_without_any_answer_ends_the_call() -> None:
    caller, _ = timed(TIMER + "Session-Expires: 400\r\n")
    caller.wait(200.2)
    assert statuses(caller.wait(33))[-1] == "BYE"
    assert ended(caller) == ["session-expired"]


def referring(target: str = "sip:queue@pbx.example") -> tuple[Caller, Request | Response]:
    caller = Caller()
    caller.call()
    caller.agent.calls.refer(caller.dialog, target, "Wants a\r\nrefund.", caller.now)
    (refer,) = caller.take(caller.agent.take())
    return caller, refer


def progress(caller: Caller) -> list[tuple[int, bool]]:
    return [(event.status, event.final) for event in caller.events if isinstance(event, ReferProgress)]


def notify(caller: Caller, fragment: str, state: str = "active;expires=60", *, event: str = "refer") -> bytes:
    headers = f"Event: {event}\r\nSubscription-State: {state}\r\nContent-Type: message/sipfrag;version=2.0\r\n"
    return caller.text("NOTIFY", headers=headers, body=fragment).replace(b"Content-Type: application/sdp\r\n", b"")


def test_a_call_is_referred_to_a_telephone_number() -> None:  # RFC 3515 section 2.1: any URI
    _, refer = referring("tel:+1-555-0100;ext=7")
    assert header(refer, "Refer-To") == "<tel:+1-555-0100;ext=7>"


def test_a_transfer_is_followed_to_its_final_result() -> None:
    caller, refer = referring()
    assert header(refer, "Refer-To") == "<sip:queue@pbx.example>"
    assert header(refer, "X-Transfer-Summary") == "Wants a refund."
    caller.send(answer(refer, "202 Accepted"))
    for fragment in ("SIP/2.0 100 Trying\r\n", "SIP/2.0 180 Ringing\r\n"):
        assert statuses(caller.send(notify(caller, fragment))) == [200]
    caller.send(notify(caller, "SIP/2.0 200 OK\r\n", "terminated;reason=noresource"))
    assert progress(caller) == [(100, False), (100, False), (180, False), (200, True)]


def test_a_notify_may_come_before_the_202() -> None:
    caller, refer = referring()
    assert statuses(caller.send(notify(caller, "SIP/2.0 100 Trying\r\n"))) == [200]
    assert caller.send(answer(refer, "202 Accepted")) == []
    assert progress(caller) == [(100, False), (100, False)]


def test_a_transfer_that_is_refused_or_fails_says_how() -> None:
    caller, refer = referring()
    caller.send(answer(refer, "603 Decline"))
    assert progress(caller) == [(603, True)]
    caller, refer = referring()
    caller.send(answer(refer, "202 Accepted"))
    caller.send(notify(caller, "SIP/2.0 486 Busy Here\r\n", "terminated;reason=noresource"))
    assert progress(caller) == [(100, False), (486, True)]


def test_a_transfer_nobody_answers_times_out_as_408() -> None:
    caller, _ = referring()
    assert set(statuses(caller.wait(31))) == {"REFER"}
    caller.wait(2)
    assert progress(caller) == [(408, True)]
    caller, refer = referring()
    caller.send(answer(refer, "202 Accepted"))
    caller.wait(61)
    assert progress(caller) == [(100, False), (408, True)]


def test_a_notify_that_we_did_not_ask_for_is_refused() -> None:
    caller = Caller()
    caller.call()
    assert statuses(caller.send(notify(caller, "SIP/2.0 200 OK\r\n"))) == [481]
    assert statuses(caller.send(notify(caller, "", event="presence"))) == [489]
    assert progress(caller) == []


def test_an_unreadable_fragment_is_answered_and_ignored() -> None:
    caller, _ = referring()
    assert statuses(caller.send(notify(caller, "HTTP/1.1 200 OK\r\n"))) == [200]
    assert progress(caller) == []


def test_a_transfer_target_cannot_bring_a_header_of_its_own() -> None:
    caller = Caller()
    caller.call()
    with pytest.raises(ValueError, match="line breaks"):
        caller.agent.calls.refer(caller.dialog, "sip:x@y\r\nEvil: 1", "", caller.now)
    assert caller.agent.take() == []


@pytest.mark.parametrize(("connection", "least"), [(0, 600), (7, 850)])
def test_a_long_summary_is_cut_at_a_word_so_that_the_refer_fits_into_a_datagram(connection: int, least: int) -> None:
    """RFC 3261 section 18.1.1: a request above 1300 bytes does not go by UDP."""
    caller = Caller(peer=Peer("192.0.2.1", 5062, connection))
    caller.call(headers="Record-Route: <sip:192.0.2.7;lr>\r\n")
    caller.agent.calls.refer(caller.dialog, "sip:queue@pbx.example", "Möchte umbuchen. " * 100, caller.now)
    (output,) = caller.agent.take()
    assert isinstance(output, Send)
    assert connection or len(output.data) <= 1300
    summary = parse(output.data).get_header("X-Transfer-Summary") or ""
    assert least < len(summary.encode()) <= 900
    assert summary.split()[-1] in ("Möchte", "umbuchen.")
