"""Run a real Kubernetes control plane on loopback for tests: etcd, API server, controller manager, scheduler.

The binaries come from `.ci/controlplane`. Everything lives in one folder and ends, by process id, with the block;
should the test process be killed, the kernel ends the children (PR_SET_PDEATHSIG). Several planes run side by side.
"""

import asyncio
import contextlib
import json
import os
import random
import secrets
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import yaml
from tests.cluster.certificates import self_signed, service_account_keys

from voiceplane.cli.ports import free_ports

ROOT = Path(__file__).parents[2]
LOOPBACK = "127.0.0.1"
READY_S = 90.0  # the API server needs 5 s on an idle core; the two cores here may be shared
GRACE_S = 10.0
POLL_S = 0.1


class PlaneFailedError(Exception):
    """A part of the control plane did not start; the message has the end of its log."""


@dataclass(frozen=True, slots=True)
class PlaneOptions:
    """What a test may choose. Nodes of several planes share this machine's network: Services must not overlap."""

    name: str = "plane"
    controllers: bool = True  # the controller manager and the scheduler, with ServiceAccount admission
    service_cidr: str = field(default_factory=lambda: f"10.{random.randint(96, 111)}.{random.randint(0, 255)}.0/24")
    feature_gates: str = ""
    gogc: str = ""  # Go's GOGC of etcd and the API server; empty: 100, which costs small heaps much of their time
    aggregation: bool = False  # API servers behind this one, such as KEDA's of metrics; autoscalers look every 2 s


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the processes of a plane listen: etcd's clients and peers as URLs, the rest as ports."""

    etcd: tuple[str, str]
    server: int
    controllers: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Plane:
    """A running control plane."""

    name: str
    server: str
    token: str  # of an administrator
    ca: Path
    kubeconfig: Path
    folder: Path
    bin: Path
    pids: dict[str, int]

    def tls(self) -> ssl.SSLContext:
        """Return a TLS context that trusts this API server."""
        return ssl.create_default_context(cafile=str(self.ca))

    def environment(self) -> dict[str, str]:
        """Return the environment for kubectl and helm."""
        cache = {"HELM_CACHE_HOME": "cache", "HELM_CONFIG_HOME": "config", "HELM_DATA_HOME": "data"}
        homes = {name: str(self.folder / "helm" / value) for name, value in cache.items()}
        return {**os.environ, **homes, "KUBECONFIG": str(self.kubeconfig), "HOME": str(self.folder)}

    async def kubectl(self, *arguments: str, stdin: str = "", check: bool = True) -> str:
        """Run kubectl and return its standard output; AssertionError with standard error when it fails."""
        return await self.tool("kubectl", *arguments, stdin=stdin, check=check)

    async def tool(self, name: str, *arguments: str, stdin: str = "", check: bool = True) -> str:
        """Run one of the binaries against this plane: kubectl, helm3, helm4."""
        process = await asyncio.create_subprocess_exec(
            *(str(self.bin / name), *arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self.environment(),
        )
        try:
            async with asyncio.timeout(180):
                out, errors = await process.communicate(stdin.encode())
        except BaseException:
            if process.returncode is None:
                process.kill()
                await process.wait()
            raise
        if check and process.returncode != 0:
            raise AssertionError(f"{name} {' '.join(arguments)}: {errors.decode()}\n{out.decode()}")
        return out.decode()


async def binaries(*names: str) -> Path:
    """Return the folder of the binaries, building what is missing; PlaneFailedError when they cannot be had."""
    process = await asyncio.create_subprocess_exec(
        *(str(ROOT / ".ci" / "controlplane"), *names), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    if process.returncode != 0:
        raise PlaneFailedError("the control plane's binaries cannot be built: see the lines of .ci/controlplane above")
    return Path(out.decode().strip())


@contextlib.asynccontextmanager
async def running_plane(folder: Path, options: PlaneOptions | None = None) -> AsyncIterator[Plane]:
    """Run a control plane until the block ends; it answers /readyz inside."""
    options = options or PlaneOptions()
    names = ["etcd", "kube-apiserver", "kubectl"]
    names += ["kube-controller-manager", "kube-scheduler"] if options.controllers else []
    bin_folder = await binaries(*names)
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    processes: dict[str, asyncio.subprocess.Process] = {}
    ports = free_ports()
    token = secrets.token_hex(16)
    await service_account_keys(folder)
    if options.aggregation:
        await self_signed(folder, "front", "extendedKeyUsage=clientAuth")
    (folder / "tokens.csv").write_text(f"{token},admin,admin,system:masters\n")
    server_port = next(ports)
    server = f"https://{LOOPBACK}:{server_port}"
    plane = Plane(
        name=options.name,
        server=server,
        token=token,
        ca=folder / "certs" / "apiserver.crt",
        kubeconfig=folder / "kubeconfig",
        folder=folder,
        bin=bin_folder,
        pids={},
    )
    plane.kubeconfig.write_text(yaml.safe_dump(kubeconfig(plane)))
    plane.kubeconfig.chmod(0o600)
    try:
        environment = {**os.environ, "GOGC": options.gogc} if options.gogc else None
        etcd, peers = (f"http://{LOOPBACK}:{next(ports)}" for _ in range(2))
        chosen = Ports((etcd, peers), server_port, (next(ports), next(ports)))
        for name, flags in _commands(folder, options, chosen).items():
            process = await started(bin_folder / name, *flags, log=folder / f"{name}.log", environment=environment)
            processes[name] = process
            plane.pids[name] = process.pid
            if name == "kube-apiserver":
                await _answers(plane, processes, "/readyz")
        if options.controllers:  # a pod is admitted when its namespace has this account
            await _answers(plane, processes, "/api/v1/namespaces/default/serviceaccounts/default")
        yield plane
    finally:
        for process in reversed(processes.values()):
            await ended(process)


def kubeconfig(plane: Plane) -> dict[str, object]:
    """Write a kubeconfig for the administrator of a plane; the name of its context is the plane's."""
    cluster = {"server": plane.server, "certificate-authority": str(plane.ca)}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": plane.name, "cluster": cluster}],
        "users": [{"name": "admin", "user": {"token": plane.token}}],
        "contexts": [{"name": plane.name, "context": {"cluster": plane.name, "user": "admin"}}],
        "current-context": plane.name,
    }


def _commands(folder: Path, options: PlaneOptions, ports: Ports) -> dict[str, tuple[str, ...]]:
    """Write the flags of each process, in the order of their start."""
    client, peers = ports.etcd
    common = (f"--bind-address={LOOPBACK}", f"--kubeconfig={folder / 'kubeconfig'}", "--leader-elect=false")
    commands: dict[str, tuple[str, ...]] = {
        "etcd": (
            f"--data-dir={folder / 'etcd'}",
            *(f"--listen-client-urls={client}", f"--advertise-client-urls={client}"),
            *(f"--listen-peer-urls={peers}", f"--initial-advertise-peer-urls={peers}"),
            *(f"--initial-cluster=default={peers}", "--unsafe-no-fsync"),
        ),
        "kube-apiserver": (
            f"--etcd-servers={client}",
            *(f"--secure-port={ports.server}", f"--bind-address={LOOPBACK}", f"--advertise-address={LOOPBACK}"),
            *(f"--cert-dir={folder / 'certs'}", "--service-account-issuer=https://kubernetes.default.svc"),
            f"--service-account-key-file={folder / 'sa.pub'}",
            f"--service-account-signing-key-file={folder / 'sa.key'}",
            *(f"--service-cluster-ip-range={options.service_cidr}", "--authorization-mode=RBAC"),
            "--kubelet-preferred-address-types=InternalIP",  # a node name is known to no name server here
            f"--token-auth-file={folder / 'tokens.csv'}",
            *(("--disable-admission-plugins=ServiceAccount",) if not options.controllers else ()),
            *((f"--feature-gates={options.feature_gates}",) if options.feature_gates else ()),
            *(_aggregation(folder) if options.aggregation else ()),
        ),
    }
    if options.controllers:
        commands["kube-controller-manager"] = (
            *common,
            f"--secure-port={ports.controllers[0]}",
            f"--service-account-private-key-file={folder / 'sa.key'}",
            f"--root-ca-file={folder / 'certs' / 'apiserver.crt'}",
            "--use-service-account-credentials=true",
            *(("--horizontal-pod-autoscaler-sync-period=2s",) if options.aggregation else ()),
        )
        commands["kube-scheduler"] = (*common, f"--secure-port={ports.controllers[1]}")
    return commands


def _aggregation(folder: Path) -> tuple[str, ...]:
    return (
        f"--requestheader-client-ca-file={folder / 'front.crt'}",
        *("--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group"),
        *("--requestheader-extra-headers-prefix=X-Remote-Extra-", "--requestheader-allowed-names=front"),
        *(f"--proxy-client-cert-file={folder / 'front.crt'}", f"--proxy-client-key-file={folder / 'front.key'}"),
    )


async def started(
    program: Path, *arguments: str, log: Path, environment: dict[str, str] | None = None
) -> asyncio.subprocess.Process:
    """Start a process in a session of its own whose end comes with ours; its output goes to a log file."""
    with log.open("ab") as sink:
        return await asyncio.create_subprocess_exec(
            *("setpriv", "--pdeathsig", "KILL", str(program), *arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
            env=environment,
        )


async def ended(process: asyncio.subprocess.Process, grace_s: float = GRACE_S) -> None:
    """End exactly this process: SIGTERM, then SIGKILL after the grace."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(grace_s):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def _answers(plane: Plane, processes: dict[str, asyncio.subprocess.Process], path: str) -> None:
    """Wait until the API server answers 200; PlaneFailedError with the end of a log when it does not."""
    headers = {"Authorization": f"Bearer {plane.token}"}
    ended = None
    async with aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=5)) as session:
        for _ in range(int(READY_S / POLL_S)):
            ended = next((name for name, process in processes.items() if process.returncode is not None), None)
            if ended is not None:
                break
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
                async with session.get(plane.server + path, ssl=plane.tls()) as response:
                    if response.status == 200:
                        return
            await asyncio.sleep(POLL_S)
    what = f"{ended} ended" if ended else f"the API server did not answer {path}"
    log = plane.folder / f"{ended or 'kube-apiserver'}.log"
    lines = (await asyncio.to_thread(log.read_text, errors="replace")).splitlines()[-8:]
    raise PlaneFailedError("\n  ".join([f"{what}. The end of its log:", *lines]))


async def main(folder: Path, options: PlaneOptions) -> None:
    """Run a plane by hand until interrupted: python -m tests.cluster.plane FOLDER."""
    async with running_plane(folder, options) as plane:
        print(json.dumps({"kubeconfig": str(plane.kubeconfig), "server": plane.server, "pids": plane.pids}), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    import sys

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(Path(sys.argv[1]), PlaneOptions()))
