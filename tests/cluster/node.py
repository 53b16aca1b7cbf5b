"""A node for tests: registers with a real API server and runs the pods bound to it as processes of this machine.

Each pod has its own network namespace and cluster DNS, each container its own file system (this machine's, read-only
below an overlay), process ids, environment and mounts; probes, restarts and grace periods are the kubelet's.
docs/kubernetes.md says what it does not do.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster.api import Api, ApiError, Object, open_api
from tests.cluster.dns import DnsServer
from tests.cluster.inputs import CAPACITY
from tests.cluster.logs import PORT, serving_logs
from tests.cluster.network import Bridge, make_bridge
from tests.cluster.plane import Plane
from tests.cluster.pod import NodeFacts, Pod
from tests.cluster.runner import timestamp
from tests.cluster.services import Directory, Proxies

log = logging.getLogger(__name__)

HEARTBEAT_S = 10.0  # the lease is good for 40 s
END_S = 30.0


@dataclass(frozen=True, slots=True)
class NodeOptions:
    """What a test may choose."""

    name: str = "test-node"
    labels: dict[str, str] = field(default_factory=dict)
    image_binds: tuple[tuple[Path, str], ...] = ()
    environment: dict[str, str] = field(default_factory=dict)


class Node:
    """A registered node with its pods."""

    def __init__(self, api: Api, bridge: Bridge, facts: NodeFacts, options: NodeOptions) -> None:
        """Prepare; run() keeps it alive."""
        self._api, self._bridge, self._facts, self._options = api, bridge, facts, options
        self.pods: dict[str, tuple[Pod, asyncio.Task[None]]] = {}

    @property
    def interface(self) -> str:
        """Return the interface that all packets of pods pass."""
        return self._bridge.name

    @property
    def address(self) -> str:
        """Return the node's address, reached by pods and by this machine."""
        return self._bridge.address

    @property
    def folder(self) -> Path:
        """Return the folder below which each pod has one named by its uid, with its containers' logs."""
        return self._facts.folder

    def log_of(self, namespace: str, pod: str, container: str) -> Path | None:
        """Return the log of a container that is here."""
        for each, _ in self.pods.values():
            metadata = each.manifest["metadata"]
            if (metadata["namespace"], metadata["name"]) == (namespace, pod) and each.runner(container):
                return self.folder / "pods" / each.uid / f"{container}.log"
        return None

    def log_files(self) -> list[Path]:
        """Return the logs of all containers that ran."""
        return sorted((self.folder / "pods").glob("*/*.log"))

    async def register(self) -> None:
        """Create the Node object and its first status."""
        name = self._options.name
        labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
        metadata = {"name": name, "labels": labels | self._options.labels}
        node = {"apiVersion": "v1", "kind": "Node", "metadata": metadata}
        with contextlib.suppress(ApiError):
            await self._api.create("/api/v1/nodes", node)
        await self._beat()

    async def _beat(self) -> None:
        """Say that the node lives: its lease, and its status."""
        name = self._options.name
        lease = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": name, "namespace": "kube-node-lease"},
            "spec": {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": timestamp()[:-1] + ".000000Z"},
        }
        await self._api.apply(
            f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{name}", lease, "test-node"
        )
        capacity = CAPACITY | {"pods": "200"}  # more than the machine has, so that production's requests fit
        ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "the test node is ready"}
        pressures = [
            {"type": kind, "status": "False", "reason": "Enough", "lastHeartbeatTime": timestamp()}
            for kind in ("MemoryPressure", "DiskPressure", "PIDPressure")
        ]
        status: Object = {
            "capacity": capacity,
            "allocatable": capacity,
            "conditions": [ready | {"lastHeartbeatTime": timestamp()}, *pressures],
            "addresses": [
                {"type": "InternalIP", "address": self._bridge.address},
                {"type": "Hostname", "address": name},
            ],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": PORT}},
            "nodeInfo": {
                **dict.fromkeys(("machineID", "systemUUID", "bootID", "kernelVersion", "kubeProxyVersion"), ""),
                "osImage": "this machine",
                "containerRuntimeVersion": "process://1",
                "kubeletVersion": "v1.36.3",
                "operatingSystem": "linux",
                "architecture": "amd64",
            },
        }
        await self._api.merge(f"/api/v1/nodes/{name}/status", {"status": status})

    async def run(self) -> None:
        """Beat and follow the pods; never returns."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._beats(), name="heartbeat")
            group.create_task(
                self._api.follow("/api/v1/pods", f"fieldSelector=spec.nodeName={self._options.name}", self._take_pod)
            )

    async def _beats(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            try:
                await self._beat()
            except (ApiError, OSError, TimeoutError) as error:
                log.info("heartbeat not written", extra={"error": str(error)})

    async def _take_pod(self, kind: str, manifest: Object) -> None:
        uid = manifest["metadata"]["uid"]
        if kind == "DELETED":
            if uid in self.pods:
                self.pods[uid][0].update(manifest | {"metadata": manifest["metadata"] | {"deletionTimestamp": "now"}})
            return
        if uid not in self.pods:
            pod = Pod(manifest, self._facts)
            task = asyncio.create_task(pod.run(), name=f"pod {manifest['metadata']['name']}")
            self.pods[uid] = (pod, task)
            task.add_done_callback(lambda done: self._gone(uid, done))
        self.pods[uid][0].update(manifest)

    def _gone(self, uid: str, task: "asyncio.Task[None]") -> None:
        self.pods.pop(uid, None)
        if not task.cancelled() and task.exception() is not None:
            log.error("pod broke", extra={"uid": uid}, exc_info=task.exception())

    async def stop(self) -> None:
        """End all pods at once, as a machine that loses its power."""
        tasks = [task for _, task in self.pods.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def running_node(plane: Plane, folder: Path, options: NodeOptions | None = None) -> AsyncIterator[Node]:
    """Run a node of a plane until the block ends."""
    options = options or NodeOptions()
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    resolver = folder / "resolv.conf"
    async with open_api(plane) as api:
        bridge = await make_bridge()
        directory = Directory()
        proxies = Proxies(directory, bridge)
        tasks: list[asyncio.Task[None]] = []
        host, _, port = plane.server.removeprefix("https://").rpartition(":")
        directory.fixed["default", "kubernetes"] = (host, int(port))  # loopback cannot stand in an EndpointSlice
        resolver.write_text(f"nameserver {bridge.address}\n")
        kubernetes = (await api.get("/api/v1/namespaces/default/services/kubernetes"))["spec"]["clusterIP"]
        environment = {"KUBERNETES_SERVICE_HOST": kubernetes, "KUBERNETES_SERVICE_PORT": "443"} | options.environment
        facts = NodeFacts(api, bridge, options.name, folder, resolver, options.image_binds, environment)
        node = Node(api, bridge, facts, options)
        try:
            loop = asyncio.get_running_loop()
            dns, _ = await loop.create_datagram_endpoint(
                lambda: DnsServer(directory.resolve), local_addr=(bridge.address, 53)
            )
            tasks.append(asyncio.create_task(proxies.follow(api), name="services"))
            await node.register()
            tasks.append(asyncio.create_task(node.run(), name="node"))
            try:
                async with serving_logs(bridge.address, folder, node.log_of):
                    yield node
            finally:
                dns.close()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await node.stop()
            await proxies.close()
            await bridge.remove()
