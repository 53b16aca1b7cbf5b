"""Services on the test node: cluster DNS and, for each ClusterIP, a small proxy in place of kube-proxy.

The node takes each Service's address itself and passes every TCP connection, and every UDP flow, to one ready endpoint.
Unlike kube-proxy it hides the sender's address, and a node port or a load balancer is not made.
"""

import asyncio
import contextlib
import logging
import random
from collections import deque
from dataclasses import dataclass, field
from typing import cast

from tests.cluster.api import Api, Object
from tests.cluster.network import Bridge

log = logging.getLogger(__name__)

CHUNK = 65536
CONNECT_S = 5.0
FLOW_S = 120.0  # a UDP flow without a packet for so long is forgotten, as conntrack does
MOST_WAITING = 16  # datagrams while a flow is being opened, which takes a round of the loop
MOST_FLOWS = 1024  # for each port; the oldest goes


@dataclass(slots=True)
class Directory:
    """All Services and their endpoints, kept current by watches."""

    services: dict[tuple[str, str], Object] = field(default_factory=dict)
    slices: dict[str, Object] = field(default_factory=dict)
    fixed: dict[tuple[str, str], tuple[str, int]] = field(default_factory=dict)  # endpoints outside of the cluster

    def endpoints(self, namespace: str, name: str, port: str | None = None) -> list[tuple[str, int]]:
        """Return the ready addresses of a Service, for one of its ports by name; port 0 where any will do."""
        if (namespace, name) in self.fixed:
            return [self.fixed[namespace, name]]
        found = []
        for each in self.slices.values():
            metadata = each["metadata"]
            if metadata["namespace"] != namespace:
                continue
            if (metadata.get("labels") or {}).get("kubernetes.io/service-name") != name:
                continue
            ports = [p["port"] for p in each.get("ports") or [] if port is None or (p.get("name") or "") == port]
            for endpoint in each.get("endpoints") or []:
                if (endpoint.get("conditions") or {}).get("ready", True):
                    found += [(address, ports[0] if ports else 0) for address in endpoint["addresses"]]
        return [each for each in found if each[1] or port is None]

    def hosts(self, namespace: str, name: str) -> dict[str, str]:
        """Return the addresses of endpoints that have a host name (of StatefulSets)."""
        return {
            endpoint["hostname"]: endpoint["addresses"][0]
            for each in self.slices.values()
            if each["metadata"]["namespace"] == namespace
            and (each["metadata"].get("labels") or {}).get("kubernetes.io/service-name") == name
            for endpoint in each.get("endpoints") or []
            if endpoint.get("hostname")
        }

    def resolve(self, name: str) -> list[str] | None:
        """Resolve a name below svc.cluster.local; None when there is no such name."""
        labels = name.rstrip(".").lower().split(".")
        if labels[-3:] != ["svc", "cluster", "local"] or len(labels) not in (5, 6):
            return None
        namespace, service = labels[-4], labels[-5]
        known = self.services.get((namespace, service))
        if known is None:
            return None
        if len(labels) == 6:
            address = self.hosts(namespace, service).get(labels[0])
            return [address] if address else None
        if known["spec"].get("clusterIP") not in (None, "", "None"):
            return [str(known["spec"]["clusterIP"])]
        return sorted({address for address, _ in self.endpoints(namespace, service)})

    async def take_service(self, kind: str, service: Object) -> None:
        """Take a change of a Service."""
        key = (service["metadata"]["namespace"], service["metadata"]["name"])
        self.services[key] = service
        if kind == "DELETED":
            del self.services[key]

    async def take_slice(self, kind: str, endpoints: Object) -> None:
        """Take a change of an EndpointSlice."""
        uid = endpoints["metadata"]["uid"]
        self.slices[uid] = endpoints
        if kind == "DELETED":
            del self.slices[uid]


class Proxies:
    """A listener for each port of each ClusterIP."""

    def __init__(self, directory: Directory, bridge: Bridge) -> None:
        """Prepare; follow() opens and closes listeners as Services come and go."""
        self._directory, self._bridge = directory, bridge
        self._open: dict[tuple[str, str], list[tuple[asyncio.AbstractServer | asyncio.DatagramTransport, str]]] = {}
        self._known: dict[tuple[str, str], tuple[str, list[Object]]] = {}
        self._pumps: set[asyncio.Task[None]] = set()

    async def follow(self, api: Api) -> None:
        """Keep directory and listeners current; never returns."""
        async with asyncio.TaskGroup() as group:
            group.create_task(
                api.follow("/apis/discovery.k8s.io/v1/endpointslices", "limit=0", self._directory.take_slice)
            )
            group.create_task(api.follow("/api/v1/services", "limit=0", self._take_service))

    async def close(self) -> None:
        """Close every listener and connection."""
        for key in list(self._open):
            self._close(key)
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    async def _take_service(self, kind: str, service: Object) -> None:
        await self._directory.take_service(kind, service)
        key = (service["metadata"]["namespace"], service["metadata"]["name"])
        address, ports = service["spec"].get("clusterIP"), service["spec"].get("ports") or []
        if kind != "DELETED" and self._known.get(key) == (address, ports):
            return  # its selector or labels: flows go on
        self._known.pop(key, None)
        self._close(key)
        await asyncio.sleep(0)  # asyncio closes a socket in the loop's next round
        if kind == "DELETED" or address in (None, "", "None") or ":" in address:
            return
        await self._bridge.serve(address)
        self._known[key] = (address, ports)
        self._open[key] = []
        for port in ports:
            try:
                await self._listen(key, address, port)
            except OSError as error:
                log.error("no listener", extra={"service": f"{key}", "port": port["port"], "error": str(error)})

    async def _listen(self, key: tuple[str, str], address: str, port: Object) -> None:
        name, number = str(port.get("name") or ""), int(port["port"])
        if port.get("protocol") == "UDP":
            loop = asyncio.get_running_loop()
            transport, _ = await loop.create_datagram_endpoint(
                lambda: UdpProxy(self._directory, key, name), local_addr=(address, number)
            )
            self._open[key].append((transport, name))
            return

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(self._connect(key, name, (reader, writer)), name=f"proxy {key[1]}")
            self._pumps.add(task)
            task.add_done_callback(self._pumps.discard)

        server = await asyncio.start_server(accept, address, number)
        self._open[key].append((server, name))

    def _close(self, key: tuple[str, str]) -> None:
        for each, _ in self._open.pop(key, []):
            each.close()

    async def _connect(
        self, key: tuple[str, str], port: str, client: tuple[asyncio.StreamReader, asyncio.StreamWriter]
    ) -> None:
        """Pass one connection to a ready endpoint; without one it is reset."""
        candidates = self._directory.endpoints(*key, port=port)
        if not candidates:
            client[1].transport.abort()
            return
        try:
            async with asyncio.timeout(CONNECT_S):
                reader, writer = await asyncio.open_connection(*random.choice(candidates))
        except (OSError, TimeoutError):
            client[1].transport.abort()
            return
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_pump(client[0], writer))
                group.create_task(_pump(reader, client[1]))
        finally:
            for each in (writer, client[1]):
                each.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass bytes on until one side ends, then the end."""
    with contextlib.suppress(OSError, TimeoutError, RuntimeError):  # either side may be gone
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


class UdpProxy(asyncio.DatagramProtocol):
    """Pass the datagrams of each sender to one endpoint, and what that answers back."""

    def __init__(self, directory: Directory, key: tuple[str, str], port: str) -> None:
        """Serve one port of a Service."""
        self._directory, self._key, self._port = directory, key, port
        self._flows: dict[tuple[str, int], asyncio.DatagramTransport] = {}
        self._last: dict[tuple[str, int], float] = {}
        self._waiting: dict[tuple[str, int], deque[bytes]] = {}
        self._transport: asyncio.DatagramTransport | None = None
        self._opening: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the socket of the Service."""
        self._transport = cast(asyncio.DatagramTransport, transport)  # asyncio does not subclass it in 3.11

    def connection_lost(self, exc: Exception | None) -> None:
        """End every flow with the Service."""
        for flow in self._flows.values():
            flow.close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Pass a datagram on; the first of a flow opens it."""
        now = asyncio.get_running_loop().time()
        for old in [each for each, seen in self._last.items() if now - seen > FLOW_S]:
            self._forget(old)
        self._last[addr] = now
        if addr in self._flows:
            self._flows[addr].sendto(data)
            return
        if addr in self._waiting:
            self._waiting[addr].append(data)
            return
        if len(self._flows) >= MOST_FLOWS:
            self._forget(min(self._last, key=lambda each: self._last[each]))
        self._waiting[addr] = deque([data], maxlen=MOST_WAITING)
        task = asyncio.create_task(self._begin(addr))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    def _forget(self, sender: tuple[str, int]) -> None:
        self._last.pop(sender, None)
        if flow := self._flows.pop(sender, None):
            flow.close()

    async def _begin(self, sender: tuple[str, int]) -> None:
        """Open a flow to one ready endpoint and pass on what has come since; without one it is lost, as UDP may be."""
        candidates = self._directory.endpoints(*self._key, port=self._port)
        try:
            if candidates and self._transport is not None:
                back = Backward(self._transport, sender)
                loop = asyncio.get_running_loop()
                flow, _ = await loop.create_datagram_endpoint(lambda: back, remote_addr=random.choice(candidates))
                self._flows[sender] = flow
                for data in self._waiting[sender]:
                    flow.sendto(data)
        finally:
            del self._waiting[sender]


class Backward(asyncio.DatagramProtocol):
    """Pass what an endpoint answers to the sender of a flow."""

    def __init__(self, transport: asyncio.DatagramTransport, sender: tuple[str, int]) -> None:
        """Answer through the Service's own socket."""
        self._transport, self._sender = transport, sender

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Pass an answer back."""
        if not self._transport.is_closing():
            self._transport.sendto(data, self._sender)
