"""Who calls by the word of a trunk, over real SIP: believed from its addresses alone, and weaker than a proof."""

import asyncio
import contextlib
import ipaddress
import socket
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.call.joined import AGENT, Planner, joined

from voiceplane.call.known import KnownCaller
from voiceplane.contract.authentication import Authentication
from voiceplane.contract.dialogue import ToolCall, ToolOutcome, ToolReply, ToolRequest
from voiceplane.contract.load import Bundle, load_bundle
from voiceplane.contract.trunk import Trust
from voiceplane.policy.gate import decide
from voiceplane.sip.identity import Identity
from voiceplane.sip.message import Response, parse
from voiceplane.sip.trunks import Trunk, Ways
from voiceplane.testing.caller import SDP
from voiceplane.testing.phone import Phone, PhoneSettings

DESK = (
    AGENT.rstrip().removesuffix("]")
    + "".join(f', {{name: {n}, examples: ["{n}"], tool: {n}, reply: "Yes."}}' for n in ("orders", "hello", "cancel"))
    + """]
  tools:
    - {name: orders, http: {url: "http://a.svc/orders?of={caller_number}"}, callerNumber: true}
    - {name: hello, http: {url: "http://a.svc/hello"}, requires: identified}
    - {name: cancel, http: {method: POST, url: "http://a.svc/cancel"}, requires: verified}
"""
)
KEYS = {"1": "orders", "2": "hello", "3": "cancel"}
WAYS = Ways((Trunk((ipaddress.ip_network("127.0.0.1/32"),), trust=Trust.ASSERTED),))
NUMBER = "+15550111"
ASSERTED = (("P-Asserted-Identity", f'"Ann" <sip:{NUMBER}@carrier.example;user=phone>, <tel:{NUMBER}>'),)
NOBODY = ["no-caller-number", "authentication", "authentication"]


@dataclass
class Gated:
    """Tools behind the real gate."""

    bundle: Bundle = field(default_factory=lambda: load_bundle(DESK))
    asked: list[ToolRequest] = field(default_factory=list)
    decided: list[str] = field(default_factory=list)

    async def invoke(self, request: ToolRequest) -> ToolReply:
        decision = decide(request, self.bundle, attempts_in_call=0)
        self.asked.append(request)
        self.decided.append(decision.reason)
        if decision.allowed:
            return ToolReply(ToolOutcome.OK, "{}", "", 1)
        return ToolReply(ToolOutcome.REFUSED, "", decision.reason, 0)


@pytest.mark.parametrize(
    ("host", "headers", "decided", "record"),
    [
        ("127.0.0.1", ASSERTED, ["allowed", "allowed", "authentication"], (NUMBER, "asserted", "identified")),
        ("127.0.0.2", ASSERTED, NOBODY, ("phone", "none", "none")),
        ("127.0.0.1", (), NOBODY, ("phone", "none", "none")),
        ("127.0.0.1", (*ASSERTED, ("Privacy", "id")), NOBODY, ("", "none", "none")),
    ],
    ids=["trusted", "untrusted", "silent", "private"],
)
async def test_a_number_counts_from_a_trusted_source_alone_and_for_no_more_than_identified(
    tmp_path: Path,
    host: str,
    headers: tuple[tuple[str, str], ...],
    decided: list[str],
    record: tuple[str, str, str],
) -> None:
    tools, planner = Gated(), Planner({key: (ToolCall(tool, tool, "{}"),) for key, tool in KEYS.items()})
    async with joined(tmp_path, agent=DESK, planner=planner, tools=tools, ways=WAYS) as gateway:
        async with Phone(gateway.target, PhoneSettings(headers=headers, host=host)) as call:
            for key in KEYS:
                await call.wait_for_agent_silence(quiet_ms=300)
                await call.dtmf(f"{key}#")
            await call.wait_for_agent_silence(quiet_ms=300)
        row = await gateway.record()
    assert tools.decided == decided
    assert (row.caller_pii, row.caller_trust, row.caller_authentication) == record
    given = [request.caller_number for request in tools.asked]
    assert given == [NUMBER if record[1] == "asserted" else "", "", ""], "only the tool that asks for it has it"
    assert NUMBER not in repr([*tools.asked, *planner.asked])


async def test_who_only_sends_in_the_trunks_name_is_not_known_before_an_ack(tmp_path: Path) -> None:
    async with joined(tmp_path, agent=DESK, ways=WAYS) as gateway:
        with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as udp:
            udp.bind(("127.0.0.1", 0))
            udp.connect(("127.0.0.1", int(gateway.target.rpartition(":")[2])))
            udp.setblocking(False)
            answer = await answered(udp, "INVITE", body=SDP.format(direction="sendrecv"))
            assert answer.status_code == 200 and answer.to_addr is not None
            assert (await answered(udp, "BYE", tag=f";tag={answer.to_addr.tag}")).status_code == 200
        row = await gateway.record()
    assert (row.caller_trust, row.caller_authentication) == ("none", "none")


def test_a_proof_stays_when_a_weaker_one_follows() -> None:
    caller = KnownCaller()
    caller.prove(Authentication.VERIFIED)
    caller.vouch(Identity(NUMBER, Trust.ATTESTED))
    caller.vouch(None)
    assert (caller.level, caller.number, caller.trust) == (Authentication.VERIFIED, NUMBER, Trust.ATTESTED)


async def answered(udp: socket.socket, method: str, *, tag: str = "", body: str = "") -> Response:
    """Send a request once; return its final response, which nothing acknowledges."""
    host, port = udp.getsockname()
    lines = (
        f"{method} sip:desk@127.0.0.1 SIP/2.0",
        f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{method};rport",
        "From: <sip:ann@127.0.0.1>;tag=ann",
        f"To: <sip:desk@127.0.0.1>{tag}",
        "Call-ID: unacknowledged",
        f"CSeq: {1 if method == 'INVITE' else 2} {method}",
        f"Contact: <sip:ann@{host}:{port}>",
        *(f"{name}: {value}" for name, value in ASSERTED),
        *(("Content-Type: application/sdp",) if body else ()),
        f"Content-Length: {len(body)}",
    )
    udp.send(("\r\n".join(lines) + "\r\n\r\n" + body).encode())
    async with asyncio.timeout(10):
        while True:
            answer = parse(await asyncio.get_running_loop().sock_recv(udp, 65_535))
            assert isinstance(answer, Response) and answer.cseq is not None
            if answer.status_code >= 200 and answer.cseq.method == method:
                return answer
