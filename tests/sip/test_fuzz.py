"""Nothing that comes from the network may raise, stop the agent or harm another call: at least 100,000 hostile inputs.

Inputs are real messages with bytes, lines and values changed, crossed with each other, and pure noise. The seed is
fixed by VOICEPLANE_FUZZ_SEED so that a failure repeats; the number by VOICEPLANE_FUZZ_INPUTS.
"""

import ipaddress
import os
import random
from collections import deque

from voiceplane.contract.trunk import Trust
from voiceplane.sip.admission import Limits
from voiceplane.sip.events import CallEnded, CallOffered, Confirmed, Output, Send
from voiceplane.sip.framing import BrokenStreamError, Framer
from voiceplane.sip.message import MalformedSipError, Peer, Request, Response, parse
from voiceplane.sip.sdp import LocalMedia, UnacceptableSdpError, agree, read
from voiceplane.sip.trunks import Trunk, Ways
from voiceplane.testing.caller import SDP, Caller

INPUTS = int(os.environ.get("VOICEPLANE_FUZZ_INPUTS", "100000"))
SEED = int(os.environ.get("VOICEPLANE_FUZZ_SEED", "3261"))
METHODS = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "UPDATE", "NOTIFY", "REFER", "INFO", "PRACK", "FOO")
NASTY = (
    b"",
    b"\r\n",
    b"\r\n\r\n",
    b"\0",
    b"\xff\xfe",
    b"9" * 5000,
    b"-1",
    b"99999",
    b"4294967296",
    b"\xd9\xa3",
    b";tag=",
    b";rport=;received=;branch=",
    b"<sip:@:>",
    b"<" * 300,
    b'"',
    b",",
    b"," * 3000,
    b"sip:[::1]:0",
    b"0.0.0.0",
    b"999.999.999.999",
    b"%00%0d%0a",
    b" ",
    b"\t",
    b"SIP/2.0",
    b"SIP/7.0",
    b"z9hG4bK",
    b"Content-Length: 0\r\n",
    b"l: 99999\r\n",
    b"Require: x\r\n",
    b"Via: x\r\n",
    b"a=rtpmap:x\r\n",
    b"m=audio 0 RTP/AVP 0\r\n",
)
ATTACKER = Peer("203.0.113.66", 5060)
EXTRA = (
    "Session-Expires: 90;refresher=uac\r\nMin-SE: 90\r\nSupported: timer\r\n",
    "Record-Route: <sip:192.0.2.7;lr>\r\nAllow: INVITE, UPDATE\r\n",
    "Event: refer\r\nSubscription-State: active;expires=60\r\n",
    "Session-ID: ab30317f1a784dc48ff824d0d3715d86;remote=00000000000000000000000000000000\r\n",
    'P-Asserted-Identity: "Ann, A." <sip:+15550100;verstat=TN-Validation-Passed@h;user=phone>, <tel:+1-555-0100>\r\n'
    "P-Attestation-Indicator: A\r\nPrivacy: none\r\n",
    "",
)


def real_messages(tag: str, dice: random.Random) -> list[bytes]:
    """Messages of a caller, inside its call when `tag` is ours."""
    caller = Caller(call_id=f"fuzz-{dice.randrange(8)}")
    caller.to_tag = tag
    caller.cseq = dice.randrange(1000)
    messages = [
        caller.text(method, headers=dice.choice(EXTRA), body=body)
        for method in METHODS
        for body in ("", SDP.format(direction=dice.choice(("sendrecv", "sendonly", "inactive"))))
    ]
    return [*messages, caller.text("NOTIFY", headers=EXTRA[2], body="SIP/2.0 200 OK\r\n")]


def damaged(message: bytes, other: bytes, dice: random.Random) -> bytes:
    """Change a message in one to four ways."""
    data = bytearray(message)
    for _ in range(dice.randrange(1, 5)):
        at = dice.randrange(len(data) + 1)
        way = dice.randrange(9)
        if way == 0 and data:
            data[at % len(data)] = dice.randrange(256)
        elif way == 1:
            data[at:at] = dice.choice(NASTY)
        elif way == 2:
            del data[at : at + dice.randrange(1, 40)]
        elif way == 3:
            data = data[:at] + other[dice.randrange(len(other)) :]
        else:
            data = _damaged_line(data, dice, way)
    return bytes(data)


def _damaged_line(data: bytearray, dice: random.Random, way: int) -> bytearray:
    lines = bytes(data).split(b"\r\n")
    at = dice.randrange(len(lines))
    name, colon, value = lines[at].partition(b":")
    if way == 4:
        lines[at] = name + colon + dice.choice(NASTY)
    elif way == 5:
        lines.insert(at, lines[dice.randrange(len(lines))])
    elif way == 6:
        del lines[at]
    elif way == 7:
        lines[at] = name.swapcase() + b" \t" + colon + b"\r\n " + value
    else:
        lines[at] = name + colon + value * dice.randrange(2, 40)
    return bytearray(b"\r\n".join(lines))


def check_sent(outputs: list[Output]) -> None:
    """What we send is SIP that our own reader takes, and goes to an address that a socket takes."""
    for output in outputs:
        if isinstance(output, Send):
            assert 0 < output.peer.port < 65536
            if not output.data.startswith((b"SIP/2.0 400 ", b"SIP/2.0 505 ")):  # these copy what was broken
                parse(output.data)


def test_no_input_raises_and_a_live_call_survives_them_all() -> None:
    dice = random.Random(SEED)
    caller = Caller(limits=Limits(max_calls=50, calls_per_second=1e6, burst=1_000_000))
    networks = (ipaddress.ip_network("203.0.113.0/24"),)
    caller.agent.state.ways = Ways(tuple(Trunk(networks, trust=trust) for trust in Trust))
    caller.call()
    live = caller.dialog
    answers: deque[bytes] = deque(maxlen=8)
    for count in range(INPUTS):
        if count % 500 == 0:
            corpus = [*real_messages("", dice), *real_messages(some_tag(caller, live.key), dice), *answers]
        if count % 20_000 == 0:
            check_alive(caller)
        message = dice.randbytes(dice.randrange(200)) if count % 50 == 0 else dice.choice(corpus)
        hostile = damaged(message, dice.choice(corpus), dice)
        outputs = caller.agent.receive(hostile, ATTACKER if count % 3 else Peer("203.0.113.66", 5061, 7), caller.now)
        check_sent(outputs)
        assert not any(isinstance(output, CallEnded) and output.key == live.key for output in outputs)
        if any(isinstance(output, CallOffered) for output in outputs):
            answers += answer_some(caller, dice, live.key)
        if count % 64 == 0:
            caller.now += 0.7
            sent = caller.agent.tick(caller.now)
            check_sent(sent)
            answers += answers_to(sent, dice)
        if count % 5_000 == 0:
            check_bounded(caller)
    assert live.key in caller.agent.state.dialogs
    assert [m.status_code for m in caller.send(caller.text("BYE")) if isinstance(m, Response)] == [200]
    check_next_call(caller)


def check_bounded(caller: Caller) -> None:
    """What is kept is of the last 32 s: about 3,000 inputs. Kept for ever, it would be more than 10,000 requests."""
    state = caller.agent.state
    assert len(state.dialogs) <= state.limits.max_calls
    assert state.server.waiting < 2_000
    assert state.client.waiting < 200
    assert state.take() == []  # nothing stays in the outbox


def check_next_call(caller: Caller) -> None:
    """After the storm each call is ended, all is forgotten in time, and a new caller is answered."""
    state = caller.agent.state
    for dialog in list(state.dialogs.values()):
        caller.agent.calls.hang_up(dialog, caller.now)
    check_sent(caller.agent.take())
    caller.wait(70)  # our 200 waits 32 s for its ACK, then our BYE 32 s for its answer
    assert (len(state.dialogs), state.server.waiting, state.client.waiting) == (0, 0, 0)
    caller.call_id, caller.to_tag, caller.cseq = "after-the-storm", "", 0
    caller.events.clear()
    assert caller.call().status_code == 200
    assert any(isinstance(event, Confirmed) for event in caller.events)
    check_alive(caller)


def some_tag(caller: Caller, live: str) -> str:
    """The tag of another call than the live one, so that damage reaches code behind the dialog look-up."""
    tags = [dialog.local_tag for key, dialog in caller.agent.state.dialogs.items() if key != live]
    return tags[-1] if tags else "none"


def answer_some(caller: Caller, dice: random.Random, live: str) -> list[bytes]:
    """Let the call layer do something with each other call; return what the far side could answer."""
    for key, dialog in list(caller.agent.state.dialogs.items()):
        if key == live:
            continue
        step = dice.randrange(4)
        if step == 0:
            caller.agent.calls.accept(dialog, LocalMedia("127.0.0.1", 20000, 1), caller.now)
        elif step == 1:
            caller.agent.calls.hang_up(dialog, caller.now)
        elif step == 2 and dialog.local is not None:
            caller.agent.calls.refer(dialog, "sip:queue@192.0.2.3", "a summary", caller.now)
        elif step == 3:
            caller.agent.calls.reject(dialog, 486, caller.now)
    outputs = caller.agent.take()
    check_sent(outputs)
    return answers_to(outputs, dice)


def answers_to(outputs: list[Output], dice: random.Random) -> list[bytes]:
    """Responses to the requests that we sent."""
    requests = [o.data for o in outputs if isinstance(o, Send) and not o.data.startswith(b"SIP/")]
    status = dice.choice((b"200 OK", b"202 Accepted", b"422 Too Small", b"481 None", b"491 Pending", b"100 Trying"))
    return [b"SIP/2.0 " + status + b"\r\n" + data.partition(b"\r\n")[2] for data in requests]


def check_alive(caller: Caller) -> None:
    """The live call still answers."""
    (answer,) = caller.send(caller.text("UPDATE"))
    assert isinstance(answer, Response) and answer.status_code == 200


def test_the_parsers_raise_nothing_but_their_own_errors() -> None:
    dice = random.Random(SEED + 1)
    corpus = real_messages("", dice)
    for _ in range(INPUTS // 10):
        hostile = damaged(dice.choice(corpus), dice.choice(corpus), dice)
        try:
            assert isinstance(parse(hostile), Request | Response)
        except MalformedSipError:
            pass
        try:
            agree(read(hostile.partition(b"\r\n\r\n")[2]))
        except UnacceptableSdpError:
            pass
        framer = Framer()
        try:
            for start in range(0, len(hostile), 97):
                for message in framer.push(hostile[start : start + 97]):
                    assert message in hostile
        except BrokenStreamError:
            pass
