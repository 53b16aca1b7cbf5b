"""The network of a test node: a bridge, and for each pod a network namespace with an address of its own.

A pod's namespace is held by a process that does nothing (as Kubernetes' pause container); when it ends, the kernel
removes the namespace with its interfaces. The bridge of a killed test is removed by the next one.
"""

import asyncio
import json
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster.plane import ended, started

PREFIX = "vpn"
BRIDGES = 200
FIRST_POD, LAST_POD = 10, 250


class NetworkError(Exception):
    """A network could not be made; the message has what `ip` said."""


async def ip(*arguments: str, inside: int | None = None) -> str:
    """Run ip(8), in the network namespace of a process if one is named."""
    prefix = ("nsenter", f"--net=/proc/{inside}/ns/net") if inside else ()
    process = await asyncio.create_subprocess_exec(
        *(*prefix, "ip", *arguments), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, errors = await process.communicate()
    if process.returncode != 0:
        raise NetworkError(f"ip {' '.join(arguments)}: {errors.decode().strip()}")
    return out.decode()


@dataclass(slots=True)
class Sandbox:
    """A pod's network: its address, and the process that holds its namespace (none: the machine's own network)."""

    address: str
    holder: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """Return the process whose namespace it is."""
        return self.holder.pid if self.holder else None


@dataclass(slots=True)
class Bridge:
    """A node's bridge: 10.244.N.0/24, the node itself at .1."""

    number: int
    taken: set[int] = field(default_factory=set)
    served: set[str] = field(default_factory=set)  # addresses of Services

    @property
    def name(self) -> str:
        """Return the name of the interface."""
        return f"{PREFIX}{self.number}"

    @property
    def address(self) -> str:
        """Return the node's address."""
        return f"10.244.{self.number}.1"

    async def attach(self, hostname: str, log: Path) -> Sandbox:
        """Make a namespace with an address for a pod; NetworkError when there is none left."""
        host = next((each for each in range(FIRST_POD, LAST_POD) if each not in self.taken), None)
        if host is None:
            raise NetworkError(f"{self.name} has no address left")
        self.taken.add(host)
        command = ("--net", "--uts", "--kill-child", "--", "sh", "-c", f"hostname {hostname}; exec sleep infinity")
        holder = await started(Path("/usr/bin/unshare"), *command, log=log)
        try:
            await self._own_namespace(holder.pid)
            veth = f"vp{self.number}p{host}"
            await ip("link", "add", veth, "type", "veth", "peer", "name", "eth0", "netns", str(holder.pid))
            await ip("link", "set", veth, "master", self.name, "up")
            address = f"10.244.{self.number}.{host}"
            for arguments in (
                ("link", "set", "lo", "up"),
                ("addr", "add", f"{address}/24", "dev", "eth0"),
                ("link", "set", "eth0", "up"),
                ("route", "add", "default", "via", self.address),
            ):
                await ip(*arguments, inside=holder.pid)
        except BaseException:
            await self.detach(Sandbox(f"10.244.{self.number}.{host}", holder))
            raise
        return Sandbox(address, holder)

    async def _own_namespace(self, pid: int) -> None:
        """Wait until the process has left our network namespace."""
        ours = os.readlink("/proc/self/ns/net")
        for _ in range(500):
            if os.readlink(f"/proc/{pid}/ns/net") != ours:
                return
            await asyncio.sleep(0.01)
        raise NetworkError(f"process {pid} did not get a network namespace in 5 s")

    async def detach(self, sandbox: Sandbox) -> None:
        """End a pod's network; its address may be given again."""
        if sandbox.holder is not None:
            await ended(sandbox.holder, grace_s=1.0)
            self.taken.discard(int(sandbox.address.rpartition(".")[2]))

    async def serve(self, address: str) -> None:
        """Take a Service's address, so that pods and this machine reach its proxy."""
        if address not in self.served:
            await ip("addr", "add", f"{address}/32", "dev", self.name)
            self.served.add(address)

    async def remove(self) -> None:
        """Remove the bridge with all addresses."""
        await ip("link", "del", self.name)


async def make_bridge() -> Bridge:
    """Make a bridge that no other test uses; what killed tests left is removed first."""
    await _sweep()
    for number in range(BRIDGES):
        bridge = Bridge(number)
        try:
            await ip("link", "add", bridge.name, "type", "bridge")
        except NetworkError:
            continue
        await ip("link", "set", bridge.name, "alias", f"voiceplane test node, pid {os.getpid()}")
        await ip("addr", "add", f"{bridge.address}/24", "dev", bridge.name)
        await ip("link", "set", bridge.name, "up")
        return bridge
    raise NetworkError(f"{BRIDGES} bridges are taken, or this process may make none")


def _runs(pid: str) -> bool:
    return Path(f"/proc/{pid}").exists()


def _sweep_memory() -> None:
    for left in Path("/dev/shm").glob(f"{PREFIX}-*"):
        if not _runs(left.name.split("-")[1]):
            shutil.rmtree(left, ignore_errors=True)


async def _sweep() -> None:
    await asyncio.to_thread(_sweep_memory)
    for link in json.loads(await ip("-json", "link", "show", "type", "bridge") or "[]"):
        alias = str(link.get("ifalias", ""))
        pid = alias.rpartition(" ")[2]
        if link["ifname"].startswith(PREFIX) and pid.isdecimal() and not _runs(pid):
            await ip("link", "del", link["ifname"])
