"""What is refused, dropped or put up with: RFC 3261 section 8.2, and messages in the manner of RFC 4475."""

import pytest

from voiceplane.sip.events import CallOffered, ReferProgress, Send
from voiceplane.sip.message import Peer, Request, Response
from voiceplane.testing.caller import SDP, Caller, statuses


def header(message: Request | Response, name: str) -> str:
    return message.get_header(name) or ""


OFFER = SDP.format(direction="sendrecv")


@pytest.mark.parametrize("method", ["REGISTER", "SUBSCRIBE", "PUBLISH", "MESSAGE", "INFO", "PRACK", "REFER"])
def test_a_known_method_that_we_do_not_allow_is_405_with_allow(method: str) -> None:
    caller = Caller()
    (refused,) = caller.send(caller.text(method))
    assert statuses([refused]) == [405] and "UPDATE" in refused.headers.get("allow")


@pytest.mark.parametrize("method", ["NEWMETHOD", "invite", "!interesting-Method0123456789_*+`.%"])
def test_an_unknown_method_is_501_with_allow(method: str) -> None:
    caller = Caller()
    (refused,) = caller.send(caller.text(method))
    expected = 400 if len(method) > 32 else 501
    assert statuses([refused]) == [expected]


def test_a_refer_inside_a_call_is_refused_and_the_call_goes_on() -> None:
    caller = Caller()
    caller.call()
    (refused,) = caller.send(caller.text("REFER", headers="Refer-To: <sip:other@192.0.2.9>\r\n"))
    assert statuses([refused]) == [405]
    assert header(refused, "Session-ID").startswith(caller.offered().call_id)
    assert statuses(caller.send(caller.text("UPDATE"))) == [200]


@pytest.mark.parametrize("method", ["BYE", "UPDATE", "NOTIFY", "INVITE", "OPTIONS"])
def test_a_request_of_an_unknown_dialog_is_481(method: str) -> None:
    caller = Caller()
    caller.to_tag = "never-ours"
    assert statuses(caller.send(caller.text(method, body=OFFER if method == "INVITE" else ""))) == [481]


def test_an_ack_is_never_answered() -> None:
    caller = Caller()
    assert caller.ack() == []
    caller.to_tag = "never-ours"
    assert caller.ack() == []


@pytest.mark.parametrize(
    ("change", "status", "told"),
    [
        (("Max-Forwards: 70", "Require: 100rel, timer"), 420, "Unsupported"),
        (("Content-Type: application/sdp", "Content-Type: text/plain"), 415, "Accept"),
        (("Content-Type: application/sdp", "Content-Type: application/sdp\r\nContent-Encoding: gzip"), 415, "Accept"),
        (("INVITE sip:", "INVITE soap.beep:"), 416, "Server"),
        (("m=audio 4000 RTP/AVP 9 0 8 101", "m=audio 4000 RTP/AVP 18"), 488, "Warning: 305"),
        (("m=audio 4000 RTP/AVP ", "m=video 4000 RTP/AVP "), 488, "Warning: 304"),
        (("m=audio 4000 RTP/AVP ", "m=audio 4000 RTP/SAVP "), 488, "Warning: 302"),
        (("m=audio 4000", "m=audio 99999"), 488, "Warning: 304"),
        (("m=audio 4000", "m=audio many"), 488, "Warning"),
        (("c=IN IP4 192.0.2.1", "c=IN IP4 192.0.2.999"), 488, "Warning: 301"),
        (("c=IN IP4 192.0.2.1", "c=IN IP4 224.0.0.1"), 488, "Warning: 301"),
        (("c=IN IP4 192.0.2.1", "c=IN IP6 ::1"), 488, "Warning: 301"),
        (("c=IN IP4 192.0.2.1", "c=IN IP4 host.name"), 488, "Warning: 301"),
        (("Contact: <sip:me@192.0.2.1:5062>\r\n", ""), 400, "Warning"),
        (("Contact: <sip:me@192.0.2.1:5062>", "Contact: <sip:me @192.0.2.1>"), 400, "Reason"),
        (("Contact: <sip:me@192.0.2.1:5062>", "Contact: *"), 400, "Reason"),
        (("SIP/2.0\r\n", "SIP/7.0\r\n"), 505, "Reason"),
        (("INVITE sip:agent@127.0.0.1 ", "INVITE sip:agent @127.0.0.1 "), 400, "Reason"),
        (("CSeq: 1 INVITE", "CSeq: 1 OPTIONS"), 400, "Reason"),
        (("CSeq: 1 INVITE", "CSeq: 36893488147419103232 INVITE"), 400, "Reason"),
        (("CSeq: 1 INVITE", "CSeq: -1 INVITE"), 400, "Reason"),
        (("Call-ID: call-1\r\n", ""), 400, "Reason"),
        (("Call-ID: call-1\r\n", "Call-ID: call-1\r\nCall-ID: call-2\r\n"), 400, "Reason"),
        (("From: <sip:+15550100@192.0.2.1>;tag=caller\r\n", ""), 400, "Reason"),
        (("Content-Length: ", "Content-Length: 9"), 400, "Reason"),
        (("Content-Length: ", "Content-Length: -"), 400, "Reason"),
        (("Content-Length: ", "l: 1\r\nContent-Length: "), 400, "Reason"),
        (("Max-Forwards: 70", "Record-Route: " + ",".join(["<sip:a;lr>"] * 65)), 400, "Reason"),
    ],
)
def test_an_invite_that_we_cannot_take_is_refused_by_the_rule(change: tuple[str, str], status: int, told: str) -> None:
    caller = Caller()
    invite = caller.invite().decode()
    assert change[0] in invite
    changed = invite.replace(change[0], change[1], 1)
    if change[0][:2] in ("m=", "c="):
        length = f"Content-Length: {len(OFFER)}"
        changed = changed.replace(length, f"Content-Length: {len(OFFER) + len(changed) - len(invite)}")
    (refused,) = caller.send(changed.encode())
    assert statuses([refused]) == [status], header(refused, "Reason")
    name, _, begin = told.partition(": ")
    assert header(refused, name) and header(refused, name).startswith(begin)
    assert header(refused, "Session-ID")
    target = refused.to_addr
    assert target is not None and target.tag
    assert not any(isinstance(event, CallOffered) for event in caller.events)
    assert caller.agent.state.dialogs == {}


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n\r\n",
        b"\0\0\0\0",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\nFrom: <sip:a@b>\r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\nVia: \r\nFrom: <sip:a@b>\r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\n" + b"Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\n" * 65 + b"\r\n",
        b"SIP/2.0 200 OK\r\n\r\n",
        b"SIP/2.0 999999 OK\r\nVia: SIP/2.0/UDP h\r\nCSeq: 1 INVITE\r\n\r\n",
        b"ACK sip:a SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nCSeq: broken\r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP h\r\n" + b"X: y\r\n" * 300 + b"\r\n",
        b"x" * 70_000,
    ],
)
def test_what_cannot_be_answered_is_dropped(data: bytes) -> None:
    caller = Caller()
    assert caller.send(data) == []
    assert caller.events == []


def test_a_malformed_request_gets_the_same_answer_each_time() -> None:
    caller = Caller()
    broken = caller.text("OPTIONS").replace(b"CSeq: 1 OPTIONS", b"CSeq: 1 BYE")
    first, again = caller.send(broken)[0], caller.send(broken)[0]
    assert header(first, "To") == header(again, "To")


def test_a_request_without_cseq_is_400() -> None:
    caller = Caller()
    (output,) = caller.agent.receive(caller.text("OPTIONS").replace(b"CSeq: 1 OPTIONS\r\n", b""), caller.peer, 0.0)
    assert isinstance(output, Send) and output.data.startswith(b"SIP/2.0 400 ")


def test_the_same_invite_by_another_path_is_482() -> None:
    caller = Caller()
    invite = caller.invite()
    caller.send(invite)
    assert statuses(caller.send(invite.replace(b"z9hG4bK-", b"z9hG4bK-other-"))) == [482]
    assert len(caller.agent.state.dialogs) == 1
    caller.wait(0.1)
    caller.agent.calls.reject(caller.dialog, 486, caller.now)
    caller.take(caller.agent.take())
    caller.wait(33)
    assert statuses(caller.send(invite.replace(b"z9hG4bK-", b"z9hG4bK-later-"))) == [100]


def test_short_forms_folding_and_odd_spacing_are_read() -> None:
    caller = Caller()
    body = OFFER
    message = (
        "INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0\r\n"
        "TO :\r\n sip:vivekg@chair-dnrc.example.com ;   tag    = \r\n"
        'f: "J Rosenberg \\\\\\"" <sip:jdrosen@example.com>\r\n  ;\r\n  tag = 98asjd8\r\n'
        "MaX-fOrWaRdS: 0068\r\ni: wsinv.ndaksdj@192.0.2.1\r\nCSeq: 0009\r\n  INVITE\r\n"
        "v  : SIP/2.0/UDP 192.0.2.2;branch=390skdjuw, SIP  / 2.0  / TCP  spindle.example.com ;\r\n"
        "  branch  =   z9hG4bK9ikj8 , SIP  /    2.0   / UDP  192.168.255.111   ; branch=z9hG4bK30239\r\n"
        'm:"Quoted string \\"\\"" <sip:jdrosen@example.com> ; newparam =\r\n newvalue ; secondparam ; q = 0.33\r\n'
        f"NewFangledHeader:   newfangled value\r\n continued newfangled value\r\n"
        f"c: application/sdp\r\nl: {len(body)}\r\n\r\n"
    )
    (trying,) = caller.send((message + body).encode())
    assert statuses([trying]) == [100]
    vias = trying.headers.get("via")
    assert len(vias) == 3 and vias[1].startswith("SIP  / 2.0  / TCP  spindle.example.com")  # not ours to rewrite
    assert caller.offered().caller == "jdrosen"


def test_bytes_after_content_length_are_not_part_of_the_body() -> None:
    caller = Caller()
    assert statuses(caller.send(caller.invite() + b"\r\nm=audio trailing")) == [100]


def test_crlf_before_the_request_line_is_skipped() -> None:
    caller = Caller()
    assert statuses(caller.send(b"\r\n\r\n" + caller.text("OPTIONS"))) == [200]


def test_header_bytes_that_are_no_utf8_are_answered() -> None:
    caller = Caller()
    odd = caller.text("OPTIONS").replace(b"From: <", b'From: "\xff\xfe\x00" <')
    (answer,) = caller.send(odd)
    assert statuses([answer]) == [200] and "\x00" not in header(answer, "From")


@pytest.mark.parametrize(
    ("via", "port"),
    [
        ("192.0.2.1", 5060),
        ("192.0.2.1:5070", 5070),
        ("192.0.2.1:99999", 9999),
        ("192.0.2.1:0", 5060),
        ("h:5070;rport", 9999),
    ],
)
def test_answers_go_to_the_senders_address_and_a_port_that_exists(via: str, port: int) -> None:
    caller = Caller()
    data = (
        f"OPTIONS sip:a@h SIP/2.0\r\nVia: SIP/2.0/UDP {via};branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n"
        "To: <sip:a@b>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n\r\n"
    )
    (output,) = caller.agent.receive(data.encode(), Peer("198.51.100.1", 9999), 0.0)
    assert isinstance(output, Send) and output.peer == Peer("198.51.100.1", port)


@pytest.mark.parametrize(("via", "port"), [("192.0.2.9", 5060), ("h:5070", 5070), ("h:0", 5060), ("h:99999", 9999)])
def test_by_tcp_a_new_connection_goes_to_the_senders_address_and_the_port_of_its_via(via: str, port: int) -> None:
    caller = Caller()
    data = caller.text("OPTIONS").replace(b"UDP 192.0.2.1:5062;", f"TCP {via};".encode())  # its rport says nothing
    (output,) = caller.agent.receive(data, Peer("198.51.100.1", 9999, 3), 0.0)
    assert isinstance(output, Send) and output.peer == Peer("198.51.100.1", port, 3)


def test_a_route_with_an_impossible_address_is_not_looked_up() -> None:
    caller = Caller()
    caller.call(headers="Record-Route: <sip:1.2.3.999:70000;lr>\r\n")
    caller.agent.calls.hang_up(caller.dialog, caller.now)
    assert [output.peer for output in caller.agent.take() if isinstance(output, Send)] == [caller.peer]


def test_a_flood_of_requests_does_not_keep_a_caller_from_hanging_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voiceplane.sip.transactions.MAX_TRANSACTIONS", 100)
    caller = Caller()
    caller.call()
    for number in range(200):
        noise = Caller(call_id=f"noise-{number}")
        caller.agent.receive(noise.text("OPTIONS"), Peer("203.0.113.9", 5060), caller.now)
    fresh = Caller(call_id="new")
    assert caller.agent.receive(fresh.invite(), Peer("203.0.113.9", 5060), caller.now) == []
    assert statuses(caller.send(caller.text("BYE"))) == [200]


@pytest.mark.parametrize("body", ["", OFFER])
def test_a_request_that_is_cut_anywhere_opens_no_call(body: str) -> None:
    whole = Caller().text("INVITE", headers="Record-Route: <sip:192.0.2.7;lr>\r\n", body=body)
    for end in range(len(whole)):
        caller = Caller()
        outputs = caller.agent.receive(whole[:end], caller.peer, caller.now)
        assert all(isinstance(o, Send) and o.data.startswith(b"SIP/2.0 400 ") for o in outputs), whole[:end]
        assert caller.agent.state.dialogs == {}
    assert statuses(caller.send(whole)) == [100]


def test_a_response_that_is_cut_in_its_headers_answers_nothing() -> None:
    caller = Caller()
    caller.call()
    caller.agent.calls.refer(caller.dialog, "sip:queue@192.0.2.3", "", caller.now)
    (refer,) = caller.take(caller.agent.take())
    copied = "".join(f"{name}: {refer.get_header(name)}\r\n" for name in ("Via", "From", "To", "Call-ID", "CSeq"))
    answer = f"SIP/2.0 603 Decline\r\n{copied}".encode()
    caller.events.clear()
    caller.send(answer)
    assert caller.events == []
    caller.send(answer + b"\r\n")
    assert caller.events == [ReferProgress(caller.dialog.key, 603, final=True)]
