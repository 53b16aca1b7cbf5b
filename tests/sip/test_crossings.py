"""Requests that cross each other, in virtual time: what RFC 3261 and RFC 3311 say for each pair."""

import pytest

from voiceplane.sip.dialog import DialogState
from voiceplane.sip.events import CallEnded, Confirmed, MediaChanged, ReferProgress
from voiceplane.sip.message import Peer, Request, Response
from voiceplane.testing.caller import SDP, Caller, statuses

HOLD = SDP.format(direction="sendonly")
OF_INVITE = "z9hG4bK-call-1-INVITE-1"
TIMER = "Supported: timer\r\nSession-Expires: 200\r\n"


def header(message: Request | Response, name: str) -> str:
    return message.get_header(name) or ""


def ended(caller: Caller) -> list[str]:
    return [event.reason for event in caller.events if isinstance(event, CallEnded)]


def ringing(*, body: str | None = None) -> Caller:
    """A call that rings; the caller knows our tag from the 180."""
    caller = Caller()
    caller.send(caller.invite(body=body))
    caller.agent.calls.ring(caller.dialog, caller.now)
    (rings,) = caller.take(caller.agent.take())
    target = rings.to_addr
    caller.to_tag = (target.tag if target else "") or ""
    return caller


def test_the_100_brings_the_invites_timestamp_back() -> None:
    """RFC 3261 section 8.2.6.1: the caller measures the round trip by it."""
    caller = Caller()
    (trying,) = caller.send(caller.invite(headers="Timestamp: 54.1\r\n"))
    assert statuses([trying]) == [100] and header(trying, "Timestamp") == "54.1"
    assert header(caller.accept(), "Timestamp") == ""


def test_a_bye_while_it_rings_ends_the_call_with_487() -> None:
    caller = ringing()
    assert statuses(caller.send(caller.text("BYE"))) == [200, 487]
    assert ended(caller) == ["bye"]
    caller.to_tag = ""
    caller.send(caller.text("ACK", cseq=1, branch=OF_INVITE))
    assert caller.wait(40) == []


def test_a_bye_before_the_ack_ends_the_call_and_the_repetition_of_its_200() -> None:
    caller = Caller()
    caller.send(caller.invite())
    caller.accept()
    assert statuses(caller.send(caller.text("BYE"))) == [200]
    assert ended(caller) == ["bye"]
    assert caller.ack() == [] and caller.wait(40) == []
    assert not any(isinstance(event, Confirmed) for event in caller.events)


def test_a_bye_that_crosses_ours_is_answered_and_ours_is_sent_until_its_answer() -> None:
    caller = Caller()
    caller.call()
    caller.agent.calls.hang_up(caller.dialog, caller.now)
    caller.take(caller.agent.take())
    assert statuses(caller.send(caller.text("BYE"))) == [481]  # our BYE has ended the dialog (section 15.1.1)
    assert statuses(caller.wait(0.6)) == ["BYE"]
    assert ended(caller) == ["local"]


def test_a_cancel_is_taken_whatever_it_requires_and_its_repetition_changes_nothing() -> None:
    caller = Caller()
    caller.send(caller.invite())
    cancel = caller.text("CANCEL", headers="Require: 100rel\r\n", cseq=1, branch=OF_INVITE)  # section 8.2.2.3
    assert statuses(caller.send(cancel)) == [200, 487]
    assert statuses(caller.send(cancel)) == [200]
    assert ended(caller) == ["cancelled"]
    assert statuses(caller.wait(0.6)) == [487]
    caller.send(caller.text("ACK", cseq=1, branch=OF_INVITE))
    assert caller.wait(40) == []


def test_a_cancel_of_another_branch_leaves_the_call_ringing() -> None:
    caller = Caller()
    caller.send(caller.invite())
    assert statuses(caller.send(caller.text("CANCEL", cseq=1, branch="z9hG4bK-another"))) == [481]
    assert caller.dialog.state is DialogState.RINGING


def test_a_200_that_a_cancel_crossed_is_repeated_until_its_ack() -> None:
    caller = Caller()
    caller.send(caller.invite())
    caller.accept()
    tag, caller.to_tag = caller.to_tag, ""
    assert statuses(caller.send(caller.text("CANCEL", cseq=1, branch=OF_INVITE))) == [200]
    caller.to_tag = tag
    assert statuses(caller.wait(0.6)) == [200]
    caller.ack()
    assert caller.wait(40) == []


@pytest.mark.parametrize("body", [None, ""])
def test_an_update_with_an_offer_while_it_rings_is_put_off_with_500(body: str | None) -> None:
    """RFC 3311 section 5.2: the offer of the INVITE has no answer yet, or ours is still to be made."""
    caller = ringing(body=body)
    (put_off,) = caller.send(caller.text("UPDATE", body=HOLD))
    assert statuses([put_off]) == [500] and 0 <= int(header(put_off, "Retry-After")) <= 10
    assert caller.dialog.state is DialogState.RINGING


def test_an_update_with_an_offer_while_ours_waits_for_its_answer_is_491() -> None:
    caller = Caller()
    caller.send(caller.invite(body=""))
    caller.accept()
    assert statuses(caller.send(caller.text("UPDATE", body=HOLD))) == [491]


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_a_hold_that_crosses_our_reinvite_is_491(method: str) -> None:
    caller = Caller()
    caller.call(headers=TIMER)
    assert statuses(caller.wait(100.2)) == ["INVITE"]
    assert statuses(caller.send(caller.text(method, body=HOLD))) == [491]


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_a_hold_that_crosses_our_refresh_without_an_offer_is_taken(method: str) -> None:
    """RFC 3261 section 14.2 and RFC 3311 section 5.2 put off only what crosses an offer of ours."""
    caller = Caller()
    caller.call(headers=TIMER + "Allow: INVITE, ACK, BYE, UPDATE\r\n")
    assert statuses(caller.wait(100.2)) == ["UPDATE"]
    (held,) = caller.send(caller.text(method, body=HOLD))
    assert statuses([held]) == [200]
    (changed,) = [event for event in caller.events if isinstance(event, MediaChanged)]
    assert changed.agreed.direction == "recvonly"


def test_a_reinvite_whose_ack_never_comes_ends_the_call() -> None:
    caller = Caller()
    caller.call()
    caller.send(caller.text("INVITE", body=HOLD))
    assert statuses(caller.wait(31.9))[:3] == [200, 200, 200]
    assert statuses(caller.wait(0.2)) == ["BYE"]
    assert ended(caller) == ["no-ack"]


def test_a_repeated_change_is_answered_again_and_made_once() -> None:
    caller = Caller()
    caller.call()
    hold = caller.text("UPDATE", body=HOLD)
    (first,), (again,) = caller.send(hold), caller.send(hold)
    assert bytes(first) == bytes(again)
    assert sum(isinstance(event, MediaChanged) for event in caller.events) == 1


def test_a_subscription_that_ends_without_a_result_ends_the_transfer_and_a_later_notify_is_481() -> None:
    caller = Caller()
    caller.call()
    caller.agent.calls.refer(caller.dialog, "sip:queue@pbx.example", "", caller.now)
    caller.take(caller.agent.take())
    over = "Event: refer\r\nSubscription-State: terminated;reason=timeout\r\n"
    assert statuses(caller.send(caller.text("NOTIFY", headers=over))) == [200]
    assert [event for event in caller.events if isinstance(event, ReferProgress)] == [
        ReferProgress(caller.dialog.key, 0, final=True)
    ]
    assert statuses(caller.send(caller.text("NOTIFY", headers=over))) == [481]


def test_a_draining_or_paused_gateway_answers_options_with_503_and_retry_after() -> None:
    caller = Caller()
    for closed in ("draining", "paused"):
        setattr(caller.agent.state, closed, True)
        (answer,) = caller.send(caller.text("OPTIONS"))
        assert statuses([answer]) == [503] and int(header(answer, "Retry-After")) > 0
        setattr(caller.agent.state, closed, False)
    assert statuses(caller.send(caller.text("OPTIONS"))) == [200]


def test_options_take_no_place_and_no_part_of_the_rate() -> None:
    caller = Caller()
    tokens = caller.agent.state.bucket.tokens
    for _ in range(100):
        assert statuses(caller.send(caller.text("OPTIONS"))) == [200]
    assert caller.agent.state.bucket.tokens == tokens
    assert statuses(caller.send(caller.invite())) == [100]


def test_a_refusal_without_an_ack_is_repeated_for_64_t1_and_then_forgotten() -> None:
    caller = Caller()
    caller.send(caller.invite())
    caller.agent.calls.reject(caller.dialog, 486, caller.now)
    caller.take(caller.agent.take())
    sent = statuses(caller.wait(31.9))
    assert set(sent) == {486} and len(sent) == 10  # timer G: 0.5 1.5 3.5 7.5, then each 4 s; timer H ends it
    assert caller.wait(10) == []
    assert caller.agent.state.server.waiting == 0


def test_over_tcp_only_the_200_is_repeated() -> None:
    """RFC 3261 sections 17.1.2 and 13.3.1.4: a proxy may have lost the 200 beyond this connection."""
    refused = Caller(peer=Peer("192.0.2.1", 5062, 4))
    refused.send(refused.invite())
    refused.agent.calls.reject(refused.dialog, 486, refused.now)
    assert statuses(refused.take(refused.agent.take())) == [486]
    assert refused.wait(33) == []
    caller = Caller(peer=Peer("192.0.2.1", 5062, 4))
    caller.send(caller.invite())
    caller.accept()
    assert statuses(caller.wait(0.6)) == [200]
    caller.ack()
    caller.agent.calls.hang_up(caller.dialog, caller.now)
    (bye,) = caller.take(caller.agent.take())
    assert header(bye, "Via").startswith("SIP/2.0/TCP ")
    assert caller.wait(33) == []


def test_a_cancel_of_a_change_is_answered_and_changes_nothing() -> None:
    caller = Caller()
    caller.call()
    caller.send(caller.text("INVITE", body=HOLD))
    cancel = caller.text("CANCEL", cseq=caller.cseq, branch=f"z9hG4bK-call-1-INVITE-{caller.cseq}")
    assert statuses(caller.send(cancel)) == [200]
    caller.ack()
    assert caller.dialog.state is DialogState.CONFIRMED and caller.wait(40) == []
    assert ended(caller) == []


@pytest.mark.parametrize("theirs", ["sendonly", "inactive"])
def test_a_call_may_begin_on_hold(theirs: str) -> None:
    caller = Caller()
    caller.send(caller.invite(body=SDP.format(direction=theirs)))
    ok = caller.accept()
    caller.ack()
    assert f"a={'recvonly' if theirs == 'sendonly' else 'inactive'}" in ok.text
    (confirmed,) = [event for event in caller.events if isinstance(event, Confirmed)]
    assert not confirmed.agreed.sends


def test_an_update_between_the_200_and_its_ack_is_answered() -> None:
    caller = Caller()
    caller.send(caller.invite())
    caller.accept()
    (held,) = caller.send(caller.text("UPDATE", body=HOLD))
    assert statuses([held]) == [200] and "a=recvonly" in held.text
    caller.send(caller.text("ACK", cseq=1, branch="z9hG4bK-ack"))
    (confirmed,) = [event for event in caller.events if isinstance(event, Confirmed)]
    assert confirmed.agreed.direction == "recvonly"
