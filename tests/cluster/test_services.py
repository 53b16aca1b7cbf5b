"""Names and Services of the test node: pure answers, and datagrams over real sockets."""

import asyncio
import socket
import struct
from typing import Any

from tests.cluster.dns import answer
from tests.cluster.services import Directory, UdpProxy

SLICE = {
    "metadata": {"uid": "1", "namespace": "support", "labels": {"kubernetes.io/service-name": "parcels"}},
    "ports": [{"name": "sip", "port": 5060}],
    "endpoints": [
        {"addresses": ["10.0.0.7"], "conditions": {"ready": True}, "hostname": "first"},
        {"addresses": ["10.0.0.8"], "conditions": {"ready": False}},
    ],
}


def service(cluster_ip: str) -> dict[str, Any]:
    return {"metadata": {"namespace": "support", "name": "parcels"}, "spec": {"clusterIP": cluster_ip}}


async def directory(cluster_ip: str) -> Directory:
    known = Directory()
    await known.take_service("ADDED", service(cluster_ip))
    await known.take_slice("ADDED", SLICE)
    return known


def ask(name: str, kind: int, known: Directory) -> tuple[int, list[str]]:
    question = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
    query = struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + question + struct.pack("!HH", kind, 1)
    reply = answer(query, known.resolve)
    assert reply is not None
    number, flags, questions, count = struct.unpack_from("!HHHH", reply)
    assert (number, questions, flags & 0x8000) == (7, 1, 0x8000)
    records = reply[len(query) :]
    return flags & 15, [socket.inet_ntoa(records[at + 12 : at + 16]) for at in range(0, 16 * count, 16)]


async def test_a_service_has_its_own_address_and_a_headless_one_those_of_its_ready_pods() -> None:
    assert ask("parcels.support.svc.cluster.local", 1, await directory("10.96.0.9")) == (0, ["10.96.0.9"])
    headless = await directory("None")
    assert ask("parcels.support.svc.cluster.local", 1, headless) == (0, ["10.0.0.7"])
    assert ask("first.parcels.support.svc.cluster.local", 1, headless) == (0, ["10.0.0.7"])


async def test_an_unknown_name_does_not_exist_and_a_known_one_has_no_address_of_another_kind() -> None:
    known = await directory("10.96.0.9")
    assert ask("other.support.svc.cluster.local", 1, known) == (3, [])
    assert ask("example.com", 1, known) == (3, [])
    assert ask("parcels.support.svc.cluster.local", 28, known) == (0, [])


async def test_no_answer_to_what_is_no_query() -> None:
    known = await directory("10.96.0.9")
    for garbage in (b"", b"\0" * 11, b"\xff" * 40, struct.pack("!HHHHHH", 1, 0, 2, 0, 0, 0) + b"\0" * 10):
        assert answer(garbage, known.resolve) is None
    broken = answer(struct.pack("!HHHHHH", 1, 0x0100, 1, 0, 0, 0) + b"\x3fabc", known.resolve)
    assert broken is not None and broken[3] & 15 == 1  # FORMERR


class Echo(asyncio.DatagramProtocol):
    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.transport.sendto(data.upper(), addr)


async def test_each_sender_of_datagrams_gets_the_answers_to_its_own() -> None:
    loop = asyncio.get_running_loop()
    echo, _ = await loop.create_datagram_endpoint(Echo, local_addr=("127.0.0.1", 0))
    known = Directory(fixed={("support", "sip"): echo.get_extra_info("sockname")})
    proxy, _ = await loop.create_datagram_endpoint(
        lambda: UdpProxy(known, ("support", "sip"), "sip"), local_addr=("127.0.0.1", 0)
    )
    address = proxy.get_extra_info("sockname")
    senders = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3)]
    try:
        for number, sender in enumerate(senders):
            sender.setblocking(False)
            for word in (f"one {number}", f"two {number}"):
                await loop.sock_sendto(sender, word.encode(), address)
                async with asyncio.timeout(5):
                    assert await loop.sock_recv(sender, 100) == word.upper().encode()
    finally:
        for sender in senders:
            sender.close()
        proxy.close()
        echo.close()
        await asyncio.sleep(0.05)  # the flows' sockets close in the loop's next rounds
