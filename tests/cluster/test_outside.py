"""What a pod sends outside of the cluster is seen, and nothing else."""

import asyncio
from pathlib import Path

import pytest
from tests.cluster import network, rootless
from tests.cluster.outside import watching

SEND = "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('{address}', 443))"


async def send(pid: int, address: str) -> None:
    command = ("nsenter", f"--net=/proc/{pid}/ns/net", "python3", "-c", SEND.format(address=address))
    process = await asyncio.create_subprocess_exec(*command)
    assert await process.wait() == 0


async def test_a_packet_to_an_address_outside_is_seen_and_none_to_one_inside(tmp_path: Path) -> None:
    if why := await rootless.denied():
        pytest.skip(f"no networks can be made here, see tests/cluster/rootless.py: {why}")
    bridge = await network.make_bridge()
    try:
        pod = await bridge.attach("pod", tmp_path / "log")
        assert pod.pid is not None
        async with watching(bridge.name) as outside:
            await send(pod.pid, bridge.address)
            await send(pod.pid, "192.0.2.7")
            for _ in range(200):
                if outside.seen:
                    break
                await asyncio.sleep(0.02)
            assert outside.seen == {f"UDP {pod.address} to 192.0.2.7:443"}
        await bridge.detach(pod)
    finally:
        await bridge.remove()
