"""Everything of the end-to-end demonstration: control plane, node, KubeRay, the three charts, a region, an agent.

The steps of demo.py and of test_demo.py; each says what it does and is bounded in time.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.kuberay import running_kuberay
from tests.cluster.node import Node, NodeOptions, running_node
from tests.cluster.plane import ROOT, Plane, binaries, running_plane

from voiceplane.contract.agent import Mode
from voiceplane.runtime.models import cache_root

EXAMPLES = ROOT / "docs" / "examples"
AGENT = EXAMPLES / "parcel-desk.yaml"
SYSTEM = "voiceplane-system"
READY_S = 300.0  # Triton loads its models and Ray starts on two busy cores
POLL_S = 0.5
STILL_S = 10.0

Say = Callable[[str], None]
Object = dict[str, Any]


class StageError(AssertionError):
    """Something did not get ready; the message has the state of the pods and the ends of their logs."""


@dataclass(slots=True)
class Stage:
    """A cluster with voiceplane in it."""

    plane: Plane
    node: Node
    say: Say

    async def get(self, *what: str) -> Object:
        """Read an object or a list."""
        text = await self.plane.kubectl("get", *what, "-o", "json", "--ignore-not-found")
        return dict(json.loads(text)) if text.strip() else {}

    async def install(self, helm: str) -> None:
        """Install the three charts."""
        place = ("--namespace", SYSTEM, "--create-namespace")
        here = {  # no volumes are provisioned here
            "voiceplane-crds": "",
            "voiceplane": "records.persistence.enabled=false",
            "voiceplane-region": f"collector.command={{{self.plane.bin / 'otelcol'}}}",
        }
        for chart, values in here.items():
            await self.plane.tool(helm, "install", chart, str(ROOT / "charts" / chart), *place, "--set", values)
            self.say(f"{helm} install {chart}")
        kinds = [f"crd/{kind}.voiceplane.dev" for kind in ("voiceagents", "voicepolicies", "voiceregions", "siptrunks")]
        await self.plane.kubectl("wait", "--for=condition=Established", *kinds, "--timeout=60s")

    async def apply(self, *files: Path) -> None:
        """Apply files."""
        for file in files:
            await self.plane.kubectl("apply", "-f", str(file))
            self.say(f"kubectl apply -f {file.relative_to(ROOT)}")

    async def region(self, folder: Path, mode: Mode) -> None:
        """Apply the example region in a mode."""
        text = await asyncio.to_thread((EXAMPLES / "kubernetes" / "region.yaml").read_text)
        assert "mode: cloud" in text
        file = folder / "region.yaml"
        await asyncio.to_thread(file.write_text, text.replace("mode: cloud", f"mode: {mode}"))
        await self.plane.kubectl("apply", "-f", str(file))
        self.say(f"kubectl apply -f region.yaml (mode {mode})")

    async def agent(self) -> Object:
        """Return the VoiceAgent."""
        return await self.get("voiceagent", "parcel-desk", "-n", "support")

    async def until(self, what: str, true: Callable[[], Awaitable[bool]], seconds: float = READY_S) -> float:
        """Wait, telling what the pods do; return the seconds it took. StageError when it takes too long."""
        loop = asyncio.get_running_loop()
        began = told = loop.time()
        while not await true():
            now = loop.time()
            if now - began > seconds:
                raise StageError(f"{what}: not within {seconds:.0f} s\n{await self.explain()}")
            if now - told > STILL_S:
                told = now
                self.say(f"waiting for {what}, {now - began:.0f} s: {await self.unready() or 'all pods are ready'}")
            await asyncio.sleep(POLL_S)
        return loop.time() - began

    async def unready(self) -> str:
        """Name the pods that are not ready, with their reasons."""
        reasons = []
        for pod in (await self.get("pods", "-A"))["items"]:
            ready = any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions") or [])
            if not ready and pod["status"].get("phase") != "Succeeded":
                states = [next(iter(c["state"].items())) for c in pod["status"].get("containerStatuses") or []]
                said = ", ".join(str(state.get("reason") or kind) for kind, state in states) or "unscheduled"
                reasons.append(f"{pod['metadata']['name']} ({said})")
        return "; ".join(reasons)

    async def explain(self) -> str:
        """Write what helps to see why something did not get ready."""
        parts = [await self.plane.kubectl("get", "pods", "-A", "-o", "wide", check=False)]
        parts.append(await self.plane.kubectl("describe", "voiceagents,voiceregions", "-A", check=False))
        parts += await asyncio.to_thread(self._ends)
        return "\n".join(parts)

    def _ends(self) -> list[str]:
        return [
            f"== {log.parent.name[:8]} {log.name}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-5:])
            for log in self.node.log_files()
            if log.stat().st_size
        ]

    async def ready(self, *, other_than: str = "") -> str:
        """Wait until the agent is Ready in a revision other than one; return the revision."""
        revision = ""

        async def there() -> bool:
            nonlocal revision
            found = await self.agent()
            status = found.get("status") or {}
            revision = str(status.get("revision") or "")
            current = status.get("observedGeneration") == found["metadata"]["generation"]
            conditions = {each["type"]: each["status"] for each in status.get("conditions") or []}
            return bool(current and conditions.get("Ready") == "True" and revision not in ("", other_than))

        took_s = await self.until("the agent", there)
        self.say(f"the agent is Ready in revision {revision} after {took_s:.0f} s")
        return revision

    async def settled(self) -> float:
        """Wait until nothing is left of earlier revisions; return the seconds it took."""

        async def there() -> bool:
            conditions = {each["type"]: each["status"] for each in (await self.agent())["status"]["conditions"]}
            return conditions.get("Reconciling") == "False" and len(await self.pods("gateway", ending=True)) == 1

        return await self.until("the end of the earlier revision", there, 60.0)

    async def sip(self) -> str:
        """Return the agent's SIP address."""
        services = (await self.get("services", "-n", "voiceplane", "-l", "voiceplane.dev/agent"))["items"]
        (found,) = [each for each in services if any(p["port"] == 5060 for p in each["spec"]["ports"])]
        return f"sip:parcel-desk@{found['spec']['clusterIP']}:5060"

    async def pods(self, component: str, *, ending: bool = False) -> list[Object]:
        """Return the agent's pods of a part, without those that are ending unless these are asked for."""
        label = f"voiceplane.dev/component={component}"
        pods = (await self.get("pods", "-n", "voiceplane", "-l", label))["items"]
        return [pod for pod in pods if ending or not pod["metadata"].get("deletionTimestamp")]

    async def speech(self) -> str:
        """Return the address of the agent's Triton, for the caller's voice and ears."""
        return f"{(await self.pods('speech'))[0]['status']['podIP']}:8001"

    async def edit(self, folder: Path, *changes: tuple[str, str]) -> None:
        """Apply the agent with some of its words changed."""
        text = await asyncio.to_thread(AGENT.read_text)
        for old, new in changes:
            assert old in text, f"the example does not say {old!r}"
            text = text.replace(old, new)
        edited = folder / "edited.yaml"
        await asyncio.to_thread(edited.write_text, text)
        await self.plane.kubectl("apply", "-f", str(edited))


@contextlib.asynccontextmanager
async def running_stage(folder: Path, say: Say) -> AsyncIterator[Stage]:
    """Run a cluster without voiceplane yet: control plane, node, KubeRay's operator."""
    await binaries("helm3", "helm4", "otelcol")
    options = NodeOptions(image_binds=((cache_root(), "/var/cache/voiceplane"),))
    async with (
        running_plane(folder / "plane") as plane,
        running_node(plane, folder / "node", options) as node,
        running_kuberay(plane, folder),
    ):
        say(f"Kubernetes 1.36 with one node and KubeRay 1.6.1; KUBECONFIG={plane.kubeconfig}")
        yield Stage(plane, node, say)
