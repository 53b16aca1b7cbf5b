"""What a re-INVITE or an UPDATE changes in a call: hold, address, and our SDP's version; in virtual time."""

import pytest

from voiceplane.sip.dialog import DialogState
from voiceplane.sip.events import MediaChanged, Output
from voiceplane.sip.message import Request, Response
from voiceplane.testing.caller import SDP, Caller, statuses


def of(kind: type[Output], caller: Caller) -> list[Output]:
    return [event for event in caller.events if isinstance(event, kind)]


def header(message: Request | Response, name: str) -> str:
    return message.get_header(name) or ""


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("sendonly", "recvonly"), ("inactive", "inactive"), ("recvonly", "sendonly")],
)
@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_hold_is_answered_with_the_other_side_of_its_direction(method: str, theirs: str, ours: str) -> None:
    caller = Caller()
    caller.call()
    (held,) = caller.send(caller.text(method, body=SDP.format(direction=theirs)))
    assert isinstance(held, Response) and held.status_code == 200
    assert f"a={ours}" in held.text
    if method == "INVITE":
        caller.ack()
    (resumed,) = caller.send(caller.text(method, body=SDP.format(direction="sendrecv")))
    assert isinstance(resumed, Response) and "a=sendrecv" in resumed.text
    changes = [event.agreed.direction for event in caller.events if isinstance(event, MediaChanged)]
    assert changes == [ours, "sendrecv"]


def test_the_version_of_our_sdp_grows_with_each_answer() -> None:
    caller = Caller()
    ok = caller.call()
    (held,) = caller.send(caller.text("UPDATE", body=SDP.format(direction="sendonly")))
    assert [m.text.split("o=voiceplane ")[1].split()[1] for m in (ok, held)] == ["1", "2"]


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_a_refused_change_does_not_count_as_a_version_of_our_sdp(method: str) -> None:
    caller = Caller()
    caller.call()
    too_small = "Supported: timer\r\nSession-Expires: 60\r\n"
    hold = SDP.format(direction="sendonly")
    assert statuses(caller.send(caller.text(method, headers=too_small, body=hold))) == [422]
    (held,) = caller.send(caller.text(method, body=hold))
    assert held.text.split("o=voiceplane ")[1].split()[1] == "2"  # one more than the last that was sent (RFC 3264)


def test_a_reinvite_moves_the_media() -> None:
    caller = Caller()
    caller.call()
    caller.send(caller.text("INVITE", body=SDP.format(direction="sendrecv").replace("4000", "5000")))
    (changed,) = of(MediaChanged, caller)
    assert isinstance(changed, MediaChanged) and changed.agreed.port == 5000


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_a_change_that_cannot_be_used_leaves_the_call_as_it_is(method: str) -> None:
    caller = Caller()
    caller.call()
    bad = SDP.format(direction="sendrecv").replace("9 0 8 101", "18")
    (refused,) = caller.send(caller.text(method, body=bad))
    assert statuses([refused]) == [488] and header(refused, "Warning").startswith("305 voiceplane ")
    other = caller.text(method, body=bad).replace(b"application/sdp", b"text/plain")
    (unread,) = caller.send(other)
    assert statuses([unread]) == [415] and header(unread, "Accept") == "application/sdp"
    assert of(MediaChanged, caller) == [] and caller.dialog.state is DialogState.CONFIRMED


def test_a_reinvite_before_the_ack_is_put_off() -> None:
    caller = Caller()
    caller.send(caller.invite())
    caller.accept()
    (put_off,) = caller.send(caller.text("INVITE", body=SDP.format(direction="sendonly")))
    assert statuses([put_off]) == [500] and header(put_off, "Retry-After")


def test_a_reinvite_without_offer_gets_one_and_the_ack_agrees() -> None:
    caller = Caller()
    caller.call()
    (ok,) = caller.send(caller.text("INVITE"))
    assert isinstance(ok, Response) and "a=sendrecv" in ok.text
    caller.ack(body=SDP.format(direction="sendrecv").replace("4000", "6000"))
    (changed,) = of(MediaChanged, caller)
    assert isinstance(changed, MediaChanged) and changed.agreed.port == 6000


def test_a_request_with_an_old_cseq_gets_500() -> None:
    caller = Caller()
    caller.call()
    assert statuses(caller.send(caller.text("UPDATE", cseq=1, branch="z9hG4bK-old"))) == [500]
