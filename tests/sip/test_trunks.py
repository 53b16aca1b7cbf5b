"""Who may call: the sources and numbers of an agent's trunks, by messages, on sockets and in the followed file."""

import asyncio
import contextlib
import ipaddress
import json
import socket
from pathlib import Path

import pytest

from voiceplane.call import trunks
from voiceplane.contract.trunk import Trust
from voiceplane.runtime.clock import SystemClock
from voiceplane.sip.agent import UserAgent
from voiceplane.sip.events import CallRefused
from voiceplane.sip.message import Peer
from voiceplane.sip.server import SipServer
from voiceplane.sip.state import AgentSettings
from voiceplane.sip.trunks import Trunk, Ways, called
from voiceplane.testing.caller import Caller, statuses

OURS = (ipaddress.ip_network("192.0.2.0/24"),)
SCANNER = Peer("203.0.113.66", 5060)


def caller(*numbers: str, closed: bool = True, peer: Peer | None = None) -> Caller:
    made = Caller()
    made.agent.state.ways = Ways((Trunk(OURS, frozenset(numbers)),), closed)
    made.peer = peer or made.peer
    return made


def reasons(made: Caller) -> list[str]:
    return [event.reason for event in made.events if isinstance(event, CallRefused)]


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS", "REGISTER", "BYE", "CANCEL", "NEWMETHOD"])
def test_a_source_of_no_trunk_is_not_answered(method: str) -> None:
    scanner = caller(peer=SCANNER)
    assert scanner.send(scanner.text(method)) == []
    assert reasons(scanner) == (["unknown-source"] if method == "INVITE" else [])
    assert scanner.send(b"INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.66\r\n\r\n") == [], (
        "nor what is malformed"
    )


def test_a_source_of_a_trunk_is_answered() -> None:
    assert statuses(caller().send(Caller().invite())) == [100]


def test_a_live_call_whose_proxy_moves_or_whose_trunk_goes_is_served_to_its_end() -> None:
    made = caller()
    made.call()
    made.agent.state.ways = Ways((), closed=True)
    made.peer = SCANNER
    assert statuses(made.send(made.text("UPDATE"))) == [200]
    assert statuses(made.send(made.text("BYE"))) == [200]


@pytest.mark.parametrize(("uri", "status"), [("sip:+15550100@h", 100), ("sip:1-555-0100;phone-context=x@h", 100),
                         ("tel:+1(555)0100", 100), ("sip:%2B15550100@h", 100), ("sip:+15550199@h", 404),
                         ("sip:h", 404)])  # fmt: skip
def test_a_trunk_with_numbers_calls_only_these(uri: str, status: int) -> None:
    made = caller("15550100")
    invite = made.invite().replace(b"INVITE sip:agent@127.0.0.1 ", f"INVITE {uri} ".encode())
    assert statuses(made.send(invite))[:1] == [status]
    assert reasons(made) == (["unknown-number"] if status == 404 else [])


def test_sources_that_something_else_keeps_out_may_call_any_number() -> None:
    probe = caller("15550100", closed=False, peer=SCANNER)
    assert statuses(probe.send(probe.invite())) == [100]


def test_each_trunk_has_its_own_numbers_and_ipv4_is_known_in_ipv6() -> None:
    other = Trunk((ipaddress.ip_network("2001:db8::/32"),))
    ways = Ways((Trunk(OURS, frozenset({"1"})), other), closed=True)
    assert ways.takes("192.0.2.9", "+1") and not ways.takes("192.0.2.9", "2")
    assert ways.takes("2001:db8::7", "2")
    assert ways.admits("::ffff:192.0.2.9") and not ways.admits("::ffff:203.0.113.66")
    assert called("sips:") == called("sip:host;user=phone") == ""


@pytest.mark.parametrize(
    ("host", "believed"),
    [("192.0.2.9", "+15550111"), ("::ffff:192.0.2.9", "+15550111"), ("198.51.100.9", ""), (SCANNER.host, "")],
)
def test_what_is_asserted_counts_from_the_addresses_of_a_trunk_that_is_trusted(host: str, believed: str) -> None:
    made = Caller(peer=Peer(host, 5060))
    doubted = Trunk((ipaddress.ip_network("198.51.100.0/24"),))
    made.agent.state.ways = Ways((Trunk(OURS, trust=Trust.ASSERTED), doubted))  # a policy keeps others out, not we
    made.send(made.invite(headers="P-Asserted-Identity: <tel:+15550111>\r\n"))
    identity = made.offered().identity
    assert (identity.number if identity is not None else "") == believed
    assert made.offered().caller == "+15550100", "by the caller's own word"


def test_a_trunk_is_trusted_for_the_numbers_that_it_may_call() -> None:
    ways = Ways((Trunk(OURS, frozenset({"1"}), Trust.ASSERTED), Trunk(OURS, frozenset({"2"}))))
    assert ways.trusts("192.0.2.9", "+1") == {Trust.ASSERTED}
    assert ways.trusts("192.0.2.9", "2") == ways.trusts(SCANNER.host, "1") == frozenset()


async def test_a_connection_from_no_trunk_is_closed_and_datagrams_have_no_answer() -> None:
    agent = UserAgent(AgentSettings(), Caller().limits)
    server = SipServer(agent, SystemClock(), refused=lambda event: None)
    server.open_to(Ways((Trunk(OURS),), closed=True))
    async with server.listening("127.0.0.1", 0):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        async with asyncio.timeout(5.0):
            assert await reader.read() == b""
        writer.close()
        with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as udp:
            udp.connect(("127.0.0.1", server.port))
            udp.setblocking(False)
            loop = asyncio.get_running_loop()
            udp.send(Caller().text("OPTIONS"))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(loop.sock_recv(udp, 4096), 0.3)
            server.open_to(Ways())
            udp.send(Caller().text("OPTIONS"))
            async with asyncio.timeout(5.0):
                assert (await loop.sock_recv(udp, 4096)).startswith(b"SIP/2.0 200")


async def test_a_changed_file_is_followed_and_a_broken_one_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "trunks.json"

    def write(*sources: str) -> None:
        identity = {"trust": "attested"}
        trunk = {"name": "support/carrier", "sources": sources, "numbers": ["+15550100"], "identity": identity}
        file.write_text(json.dumps({"closed": True, "trunks": [trunk]}))

    write("192.0.2.0/24")
    first = trunks.read(file)
    assert first == Ways((Trunk(OURS, frozenset({"15550100"}), Trust.ATTESTED),), closed=True)
    told: asyncio.Queue[Ways] = asyncio.Queue(maxsize=9)  # of one test
    following = asyncio.create_task(trunks.follow(file, first, told.put_nowait, every_s=0.02))
    try:
        file.write_text("{")
        await asyncio.sleep(0.1)
        assert told.empty()
        write("203.0.113.0/24")
        async with asyncio.timeout(5.0):
            assert (await told.get()).admits(SCANNER.host)
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    file.write_text('{"closed": "yes?"}')
    with pytest.raises(ValueError, match="1 mistakes"):
        trunks.read(file)
