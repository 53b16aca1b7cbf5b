"""Run the operator as a process against a plane, and wait for what it says. Used by the tests of this folder."""

import asyncio
import base64
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.plane import Plane, ended, started

from voiceplane_operator import names

ROOT = Path(__file__).parents[2]
CRDS = ROOT / "charts" / "voiceplane-crds" / "templates"
MADE = "deployments,services,configmaps,secrets,networkpolicies,poddisruptionbudgets,horizontalpodautoscalers"
AGENT = (Path(__file__).parent / "agent.yaml").read_text()
WITHIN_S = 120.0  # most things take a few seconds; the two cores may be shared, and what never comes is only told later
PRIORITIES = "\n---\n".join(
    f"{{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {{name: voiceplane-{name}}}, value: 1000}}"
    for name in ("media", "inner")
)
REGION = """
apiVersion: voiceplane.dev/v1alpha1
kind: VoiceRegion
metadata: {name: %s}
spec: {mode: cloud, location: US, %s, planner: {engine: ray}, drainTimeout: 60s}
"""


@dataclass(slots=True)
class Operator:
    """A running operator process."""

    process: asyncio.subprocess.Process
    log: Path


@contextlib.asynccontextmanager
async def operating(
    plane: Plane, folder: Path, *options: str, kubeconfig: Path | None = None
) -> AsyncIterator[Operator]:
    """Run the operator until the block ends, with the plane's administrator's kubeconfig or another."""
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240  (a folder of the test)
    log = folder / "operator.log"
    command = (
        "-m",
        "voiceplane_operator",
        "run",
        "--kubeconfig",
        str(kubeconfig or plane.kubeconfig),
        "--metrics-port",
        "0",
    )
    process = await started(Path(sys.executable), *command, "--calls-every", "0", *options, log=log)
    try:
        yield Operator(process, log)
    finally:
        await ended(process)


async def prepare(plane: Plane) -> None:
    """Install what the charts install in a hub that is a region too."""
    await plane.kubectl("apply", "--server-side", "-f", str(CRDS))
    await plane.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
    await prepare_region(plane)
    for namespace in ("support", "voiceplane-system"):
        await plane.kubectl("create", "namespace", namespace)


async def prepare_region(plane: Plane) -> None:
    """Install what a region needs once."""
    await plane.kubectl("create", "namespace", "voiceplane")
    await plane.kubectl("create", "serviceaccount", "-n", "voiceplane", "voiceplane-agent")
    await plane.kubectl("apply", "-f", "-", stdin=PRIORITIES)


def portable_kubeconfig(plane: Plane) -> str:
    """Return a kubeconfig without files, as a Secret holds it."""
    authority = base64.b64encode(plane.ca.read_bytes()).decode()
    server = {"server": plane.server, "certificate-authority-data": authority}
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "far", "cluster": server}],
            "users": [{"name": "far", "user": {"token": plane.token}}],
            "contexts": [{"name": "far", "context": {"cluster": "far", "user": "far"}}],
            "current-context": "far",
        }
    )


async def swept(plane: Plane, *namespaces: str) -> None:
    """Take away every object of ours, and what was made of them, without an operator: the next test begins anew."""
    free = ("--type=merge", "-p", '{"metadata": {"finalizers": null}}')
    for kind in ("va", "vr"):
        for one in (await read(plane, kind, "-A"))["items"]:
            meta = one["metadata"]
            where = ("-n", meta["namespace"]) if "namespace" in meta else ()
            await plane.kubectl("patch", kind, meta["name"], *where, *free, check=False)
            await plane.kubectl("delete", kind, meta["name"], *where, "--ignore-not-found", "--timeout=30s")
    await plane.kubectl("delete", "vp,trunk", "-A", "--all", "--timeout=30s")
    for namespace in namespaces or ("voiceplane",):
        await plane.kubectl("delete", MADE, "-n", namespace, "-l", f"{names.HUB}", "--timeout=60s")


async def apply(plane: Plane, text: str) -> None:
    """Apply a manifest as a person would."""
    await plane.kubectl("apply", "-f", "-", stdin=text)


async def read(plane: Plane, *what: str) -> Any:
    """Read objects as JSON."""
    return json.loads(await plane.kubectl("get", *what, "-o", "json", "--show-managed-fields=false"))


async def pod_of_a_gateway(plane: Plane, name: str = "parcel-desk") -> None:
    """Make a Ready pod of an agent's gateways, named answering, which no controller of this plane does."""
    label = f"{names.COMPONENT}=gateway,{names.AGENT}={names.prefix(f'support/{name}')}"
    (gateway,) = (await read(plane, "deployments", "-n", "voiceplane", "-l", label))["items"]
    labels = gateway["spec"]["template"]["metadata"]["labels"]
    meta = {"name": "answering", "namespace": "voiceplane", "labels": labels}
    spec = {"nodeName": "far", "containers": [{"name": "a", "image": "a"}]}
    await apply(plane, json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}))
    status = {"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}
    patch = ("--subresource=status", "--type=merge", "-p", json.dumps(status))
    await plane.kubectl("patch", "pod", "-n", "voiceplane", "answering", *patch)


async def events(plane: Plane, name: str = "parcel-desk") -> list[tuple[str, str]]:
    """Return type and reason of the Events of an agent, the oldest first."""
    told = await read(plane, "events", "-n", "support", "--field-selector", f"involvedObject.name={name}")
    found = sorted(told["items"], key=lambda one: int(one["metadata"]["resourceVersion"]))
    return [(one["type"], one["reason"]) for one in found]


async def footprint(plane: Plane, name: str = "parcel-desk", namespace: str = "voiceplane") -> dict[str, Any]:
    """Return all that would tell that an agent was touched: what it says of itself, and which objects it has."""
    status = (await read(plane, "va", "-n", "support", name))["status"]
    label = f"{names.AGENT}={names.prefix(f'support/{name}')}"
    found = (await read(plane, MADE, "-n", namespace, "-l", label))["items"]
    made = {
        f"{one['kind']} {one['metadata']['name']}": (one["metadata"]["uid"], one["metadata"].get("generation"))
        for one in found
    }
    assert made
    return made | {"status": status}


def condition(raw: Any, kind: str) -> dict[str, Any]:
    """Return a condition of an object; empty when it is not there."""
    found = [one for one in (raw.get("status") or {}).get("conditions") or () if one["type"] == kind]
    return found[0] if found else {}


async def until(plane: Plane, what: tuple[str, ...], true: Callable[[Any], bool], *, within_s: float = WITHIN_S) -> Any:
    """Read until something holds; AssertionError shows what was there instead."""
    raw: Any = None
    try:
        async with asyncio.timeout(within_s):
            while True:
                with contextlib.suppress(AssertionError):
                    raw = await read(plane, *what)
                    if true(raw):
                        return raw
                await asyncio.sleep(0.3)
    except TimeoutError:
        shown = (raw or {}).get("status", raw)
        raise AssertionError(f"{' '.join(what)} did not become so: {json.dumps(shown)[:3000]}") from None


def ready(raw: Any) -> bool:
    """Say whether an agent is Ready in its newest generation."""
    status = raw.get("status") or {}
    newest = status.get("observedGeneration") == raw["metadata"]["generation"]
    return newest and condition(raw, "Ready").get("status") == "True"
