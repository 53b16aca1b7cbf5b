"""The life of one pod on the test node: network, volumes, init containers, containers, probes, status, end.

Follows the kubelet: docs of Kubernetes, "Pod Lifecycle". A pod is one task; each container is a task below it.
"""

import asyncio
import contextlib
import logging
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from tests.cluster import inputs, status
from tests.cluster.api import Api, ApiError, Object
from tests.cluster.inputs import PodFacts
from tests.cluster.network import Bridge, Sandbox
from tests.cluster.runner import Runner, Surroundings, timestamp

log = logging.getLogger(__name__)

AGAIN_S = 1.0


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What every pod of a node shares."""

    api: Api
    bridge: Bridge
    name: str
    folder: Path
    resolver: Path  # a resolv.conf without its search line
    image_binds: tuple[tuple[Path, str], ...]  # folders of this machine that the "image" has elsewhere
    extra_environment: dict[str, str] = field(default_factory=dict)


class Pod:
    """One pod bound to this node."""

    def __init__(self, manifest: Object, node: NodeFacts) -> None:
        """Prepare; nothing runs before run()."""
        self.manifest, self._node = manifest, node
        self.uid: str = manifest["metadata"]["uid"]
        self._path = f"/api/v1/namespaces/{manifest['metadata']['namespace']}/pods/{manifest['metadata']['name']}"
        self._folder = node.folder / "pods" / self.uid
        self._sandbox: Sandbox | None = None
        self._started = timestamp()
        self.inits: list[Runner] = []
        self.containers: list[Runner] = []
        self._reason = ""
        self._ending = asyncio.Event()
        self._dirty = asyncio.Event()
        self._written: Object = {}

    @property
    def ending(self) -> bool:
        """Say whether the pod is being deleted."""
        return self._ending.is_set()

    def update(self, manifest: Object) -> None:
        """Take a newer version of the pod: its deletion, or somebody else's conditions."""
        self.manifest = manifest
        if manifest["metadata"].get("deletionTimestamp"):
            self._ending.set()
        self._dirty.set()

    def runner(self, name: str) -> Runner | None:
        """Return a container by name."""
        return next((each for each in (*self.inits, *self.containers) if each.name == name), None)

    async def run(self) -> None:
        """Run the pod until it is deleted or all has ended; then tell the API server that nothing is left."""
        writer = asyncio.create_task(self._write_status(), name=f"status of {self._path}")
        living = asyncio.create_task(self._live(), name=f"life of {self._path}")
        try:
            deleted = asyncio.create_task(self._ending.wait())
            await asyncio.wait({living, deleted}, return_when=asyncio.FIRST_COMPLETED)
            if living.done() and living.exception() is not None:
                log.error("pod broke", extra={"pod": self._path}, exc_info=living.exception())
            await deleted  # a pod that has completed stays until somebody deletes it
            await self._end(living)
        finally:
            await self._let_go(living, writer)
        await self._forget()

    async def _live(self) -> None:
        """Bring the pod up and keep it up."""
        spec = self.manifest["spec"]
        if spec.get("hostNetwork"):
            self._sandbox = Sandbox(self._node.bridge.address)
        else:
            self._folder.mkdir(parents=True, exist_ok=True)
            hostname = spec.get("hostname") or self.manifest["metadata"]["name"][:63]
            self._sandbox = await self._node.bridge.attach(hostname, self._folder / "sandbox.log")
        facts = PodFacts(self.manifest, self._sandbox.address, self._node.name, self._node.bridge.address)
        surroundings = Surroundings(
            api=self._node.api,
            facts=facts,
            folder=self._folder,
            network=self._sandbox.pid,
            volumes=await self._volumes(facts),
            files=status.pod_files(facts, self._folder, self._node.resolver.read_text()),
            image_binds=self._node.image_binds,
            environment=self._node.extra_environment,
            changed=self._dirty.set,
        )
        policy = spec.get("restartPolicy", "Always")
        self.inits = [
            Runner(each, surroundings, "Always" if each.get("restartPolicy") == "Always" else "OnFailure")
            for each in spec.get("initContainers") or []
        ]
        self.containers = [Runner(each, surroundings, policy) for each in spec["containers"]]
        self._dirty.set()
        async with asyncio.TaskGroup() as group:
            for runner in self.inits:
                task = group.create_task(runner.run(), name=runner.name)
                await (runner.has_started.wait() if runner.is_sidecar else task)
                if runner.is_sidecar:
                    continue
                if runner.failed_for_good:
                    return
            for runner in self.containers:
                group.create_task(runner.run(), name=runner.name)

    async def _volumes(self, facts: PodFacts) -> dict[str, Path]:
        """Materialize the volumes, however long their sources are missing."""
        while True:
            try:
                return await inputs.volumes(self._node.api, facts, self._folder)
            except (inputs.InputMissingError, ApiError) as error:
                self._reason = str(error)
                self._dirty.set()
                await asyncio.sleep(AGAIN_S)

    async def _end(self, living: "asyncio.Task[None]") -> None:
        """Stop the containers: hooks, SIGTERM, the grace, SIGKILL; sidecars last."""
        grace_s = float(self.manifest["metadata"].get("deletionGracePeriodSeconds") or 0)
        deadline = asyncio.get_running_loop().time() + grace_s
        for group in ([each for each in self.containers], list(reversed(self.inits))):
            left_s = max(0.0, deadline - asyncio.get_running_loop().time())
            await asyncio.gather(*(each.stop(left_s) for each in group))
        living.cancel()
        await asyncio.gather(living, return_exceptions=True)

    async def _let_go(self, *tasks: "asyncio.Task[None]") -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(each.kill() for each in (*self.inits, *self.containers)))
        if self._sandbox is not None:
            await self._node.bridge.detach(self._sandbox)
        await asyncio.to_thread(self._clean)

    def _clean(self) -> None:
        """Remove volumes and descriptions, which may hold secrets; the logs stay."""
        shutil.rmtree(self._folder / "volumes", ignore_errors=True)
        shutil.rmtree(inputs.memory_folder(self._folder), ignore_errors=True)
        for description in self._folder.glob("*.json"):
            description.unlink(missing_ok=True)

    async def _forget(self) -> None:
        """Write the last status, then remove the object: its finalizers, if any, hold it."""
        with contextlib.suppress(ApiError):
            await self._tell(self._status())
        body = {"gracePeriodSeconds": 0, "preconditions": {"uid": self.uid}}
        await self._node.api.delete(self._path, body)

    def _status(self) -> Object:
        seen = status.Seen(
            self.inits,
            self.containers,
            address=self._sandbox.address if self._sandbox else "",
            node_address=self._node.bridge.address,
            started=self._started,
            reason=self._reason,
            written=self._written,
        )
        return status.pod_status(self.manifest, seen)

    async def _tell(self, status: Object) -> None:
        """Write a status, to this pod and not to a later one of the same name."""
        await self._node.api.merge(f"{self._path}/status", {"metadata": {"uid": self.uid}, "status": status})

    async def _write_status(self) -> None:
        """Write the status whenever it changed, at most five times a second."""
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            wanted = self._status()
            if wanted != self._written:
                try:
                    await self._tell(wanted)
                    self._written = wanted
                except ApiError as error:
                    if error.status in (404, 409):  # gone, or another pod of the same name
                        self._ending.set()
                    log.info("status not written", extra={"pod": self._path, "error": str(error)})
                except (aiohttp.ClientError, TimeoutError, OSError) as error:  # an API server that is away ends no pod
                    log.info("status not written", extra={"pod": self._path, "error": str(error)})
                    self._dirty.set()
            await asyncio.sleep(0.2)
