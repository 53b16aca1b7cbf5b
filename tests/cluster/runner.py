"""Keep one container of a pod running: start it, probe it, restart it with back-off, stop it within its grace."""

import asyncio
import datetime
import logging
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.cluster import inputs, probes
from tests.cluster.api import Api, ApiError, Object
from tests.cluster.container import Bind, Container, ContainerSpec, image_environment, start
from tests.cluster.inputs import PodFacts
from tests.cluster.probes import ProbeCount

log = logging.getLogger(__name__)

FIRST_BACKOFF_S = 1.0  # the kubelet's is 10 s; tests have less time
LONGEST_BACKOFF_S = 20.0
STEADY_S = 60.0
LAST_WORDS_BYTES = 2048


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the containers of a pod share."""

    api: Api
    facts: PodFacts
    folder: Path
    network: int | None
    volumes: dict[str, Path]
    files: tuple[Bind, ...]
    image_binds: tuple[tuple[Path, str], ...]
    environment: dict[str, str]
    changed: Callable[[], None]


def timestamp() -> str:
    """Return the time as the API writes it."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Runner:
    """One container and its restarts."""

    def __init__(self, manifest: Object, around: Surroundings, policy: str) -> None:
        """Prepare; run() starts it."""
        self.manifest, self._around, self._policy = manifest, around, policy
        self.name: str = manifest["name"]
        self.is_sidecar = manifest.get("restartPolicy") == "Always"
        self.has_started = asyncio.Event()  # the startup probe succeeded, or there is none
        self.ready = False
        self.failed_for_good = False
        self.restarts = 0
        self.state: Object = {"waiting": {"reason": "PodInitializing"}}
        self.last_state: Object = {}
        self._container: Container | None = None
        self._stopping = False
        self._why = ""

    @property
    def log(self) -> Path:
        """Return the file with the container's output, of all its runs."""
        return self._around.folder / f"{self.name}.log"

    @property
    def identity(self) -> str:
        """Name this run of the container."""
        return f"process://{self._container.init}" if self._container else ""

    async def run(self) -> None:
        """Run until the restart policy says that it is over, or until stopped."""
        loop, backoff_s = asyncio.get_running_loop(), FIRST_BACKOFF_S
        while not self._stopping:
            began = loop.time()
            code = await self._once()
            if self._stopping or self._policy == "Never" or (self._policy == "OnFailure" and code == 0):
                self.failed_for_good = code != 0
                break
            if loop.time() - began > STEADY_S:
                backoff_s = FIRST_BACKOFF_S
            self.last_state, self.restarts = self.state, self.restarts + 1
            self._say({"waiting": {"reason": "CrashLoopBackOff", "message": f"back-off {backoff_s:.0f}s"}})
            await asyncio.sleep(backoff_s)
            backoff_s = min(backoff_s * 2, LONGEST_BACKOFF_S)

    async def _once(self) -> int:
        """Run the container once; return its exit code."""
        self.ready = False
        try:
            spec = await self._resolve()
            self._container = await start(spec, self._around.folder, self.log, self._around.network)
        except (inputs.InputMissingError, ApiError, OSError, TimeoutError) as error:
            self._say({"waiting": {"reason": "CreateContainerConfigError", "message": str(error)}})
            self.last_state = {}
            await asyncio.sleep(FIRST_BACKOFF_S)
            return 1
        container, began = self._container, timestamp()
        self._say({"running": {"startedAt": began}})
        watching = asyncio.create_task(self._probe(container), name=f"probes of {self.name}")
        try:
            await container.process.wait()
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        code = container.exit_code()
        ended = {"exitCode": code, "reason": "Completed" if code == 0 else "Error", "startedAt": began}
        ended |= {"finishedAt": timestamp(), "containerID": self.identity}
        self.ready = False
        why = self._why or (self._last_words() if code else "")
        self._say({"terminated": ended | ({"message": why} if why else {})})
        self._why = ""
        return code

    def _last_words(self) -> str:
        """Return the end of the log where the container asks for it, as much as a kubelet takes."""
        if self.manifest.get("terminationMessagePolicy") != "FallbackToLogsOnError" or not self.log.exists():
            return ""
        with self.log.open("rb") as file:
            file.seek(max(0, self.log.stat().st_size - LAST_WORDS_BYTES))
            return file.read().decode(errors="replace")

    async def _resolve(self) -> ContainerSpec:
        """Resolve everything the container refers to."""
        around, manifest = self._around, self.manifest
        base = image_environment() | around.environment
        environment = await inputs.environment(around.api, around.facts, manifest, base)
        words = [*(manifest.get("command") or []), *(manifest.get("args") or [])]
        if not manifest.get("command"):
            raise inputs.InputMissingError("the test node runs no images: the container needs a command")
        read_only = bool((manifest.get("securityContext") or {}).get("readOnlyRootFilesystem"))
        image = tuple(Bind(source, target, read_only) for source, target in around.image_binds)
        mounts = inputs.binds(manifest, around.volumes, environment)
        return ContainerSpec(
            name=self.name,
            argv=tuple(inputs.expand(word, environment) for word in words),
            environment=environment,
            binds=(*image, *around.files, *mounts),
            working_dir=manifest.get("workingDir") or "/",
            read_only_root=read_only,
        )

    def _say(self, state: Object) -> None:
        self.state = state
        self._around.changed()

    async def _probe(self, container: Container) -> None:
        """Ask the startup probe until it succeeds, then the others side by side."""
        manifest = self.manifest
        if (startup := manifest.get("startupProbe")) and not await self._startup(startup, container):
            return
        self.has_started.set()
        readiness, liveness = manifest.get("readinessProbe"), manifest.get("livenessProbe")
        if not readiness:
            self.ready = True
        self._around.changed()
        async with asyncio.TaskGroup() as group:
            if readiness:
                group.create_task(self._readiness(readiness, container))
            if liveness:
                group.create_task(self._liveness(liveness, container))

    async def _ask(self, probe: Object, container: Container) -> tuple[bool, str]:
        return await probes.ask(probe, self.manifest, container, self._around.facts.address)

    async def _startup(self, probe: Object, container: Container) -> bool:
        count = ProbeCount(probe, passing=False)
        await asyncio.sleep(float(probe.get("initialDelaySeconds", 0)))
        while True:
            success, why = await self._ask(probe, container)
            count.take(success)
            if count.passing:
                return True
            if count.exhausted:
                self._fail(container, f"startup probe failed: {why}")
                return False
            await asyncio.sleep(float(probe.get("periodSeconds", 10)))

    async def _readiness(self, probe: Object, container: Container) -> None:
        count = ProbeCount(probe, passing=False)
        await asyncio.sleep(float(probe.get("initialDelaySeconds", 0)))
        while True:
            success, _ = await self._ask(probe, container)
            if count.take(success):
                self.ready = count.passing
                self._around.changed()
            # The kubelet asks at once when a container starts and then each period; a starting one we ask more often.
            period_s = float(probe.get("periodSeconds", 10))
            await asyncio.sleep(period_s if count.passing else min(period_s, 1.0))

    async def _liveness(self, probe: Object, container: Container) -> None:
        count = ProbeCount(probe, passing=True)
        await asyncio.sleep(float(probe.get("initialDelaySeconds", 0)))
        while not self._stopping:
            success, why = await self._ask(probe, container)
            count.take(success)
            if not count.passing:
                self._fail(container, f"liveness probe failed: {why}")
                return
            await asyncio.sleep(float(probe.get("periodSeconds", 10)))

    def _fail(self, container: Container, why: str) -> None:
        """End a container whose probe failed; the restart policy says what comes then."""
        self._why = why
        grace_s = float(self._around.facts.pod["spec"].get("terminationGracePeriodSeconds", 30))
        container.signal(signal.SIGTERM)
        asyncio.get_running_loop().call_later(grace_s, container.signal, signal.SIGKILL)

    async def stop(self, grace_s: float) -> None:
        """Stop it: preStop hook, SIGTERM, and SIGKILL when the grace is over."""
        self._stopping = True
        container = self._container
        if container is None or not container.running:
            return
        try:
            async with asyncio.timeout(grace_s):
                await self._pre_stop(container, grace_s)
                container.signal(signal.SIGTERM)
                await container.process.wait()
        except TimeoutError:
            self._why = f"killed: it did not end in {grace_s:.0f} s"
        await container.kill()

    async def _pre_stop(self, container: Container, grace_s: float) -> None:
        hook = (self.manifest.get("lifecycle") or {}).get("preStop") or {}
        if "sleep" in hook:
            await asyncio.sleep(float(hook["sleep"]["seconds"]))
        elif "exec" in hook:
            await container.execute(hook["exec"]["command"], timeout_s=grace_s)
        elif "httpGet" in hook:
            await probes.ask({**hook, "timeoutSeconds": grace_s}, self.manifest, container, self._around.facts.address)

    async def kill(self) -> None:
        """End it at once."""
        self._stopping = True
        if self._container is not None:
            await self._container.kill()
