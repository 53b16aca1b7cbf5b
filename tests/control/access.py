"""A hub, a region that is reached by credentials, and what gives and watches them. Used by test_credentials."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests import waiting
from tests.cluster.plane import Plane
from tests.control import controllers, operating
from tests.control.operating import AGENT, apply, condition

V1 = "client.authentication.k8s.io/v1"
PROFILES = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: clusterprofiles.multicluster.x-k8s.io
  annotations: {api-approved.kubernetes.io: "https://github.com/kubernetes-sigs/cluster-inventory-api/pull/1"}
spec:
  group: multicluster.x-k8s.io
  scope: Namespaced
  names: {kind: ClusterProfile, plural: clusterprofiles, singular: clusterprofile, listKind: ClusterProfileList}
  versions:
    - name: v1alpha1
      served: true
      storage: true
      subresources: {status: {}}
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""


@dataclass(frozen=True, slots=True)
class Planes:
    """The hub, which is a region too, and a region that is reached by credentials."""

    hub: Plane
    far: Plane

    async def account(self, name: str) -> str:
        """Make an account that may do all in the region, and return its token."""
        await self.far.kubectl("create", "serviceaccount", name, "-n", "voiceplane")
        subject = f"--serviceaccount=voiceplane:{name}"
        await self.far.kubectl("create", "clusterrolebinding", name, "--clusterrole=cluster-admin", subject)
        return (await self.far.kubectl("create", "token", name, "-n", "voiceplane")).strip()

    async def revoke(self, name: str) -> None:
        """End an account, and its token with it."""
        await self.far.kubectl("delete", "serviceaccount", name, "-n", "voiceplane")

    async def secret(self, token: str, *, server: str = "") -> None:
        """Write the region's kubeconfig."""
        content = json.loads(operating.portable_kubeconfig(self.far))
        content["users"][0]["user"]["token"] = token
        if server:
            content["clusters"][0]["cluster"] = {"server": server}
        await self.write(json.dumps(content))

    async def write(self, kubeconfig: str) -> None:
        """Write the region's Secret."""
        meta = {"name": "far", "namespace": "voiceplane-system"}
        data = {"kubeconfig": base64.b64encode(kubeconfig.encode()).decode()}
        await apply(self.hub, json.dumps({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": data}))

    async def profile(self, cluster: dict[str, Any]) -> None:
        """Write how the region's ClusterProfile says it is reached."""
        status = {"status": {"accessProviders": [{"name": "allowed", "cluster": cluster}]}}
        patch = ("--subresource=status", "--type=merge", "-p", json.dumps(status))
        await self.hub.kubectl("patch", "clusterprofile", "far", "-n", "support", *patch)


def agent(name: str, location: str) -> str:
    """Return an agent that goes where the location is."""
    found = next(part for part in AGENT.split("\n---") if "kind: VoiceAgent" in part)
    named = found.replace("name: parcel-desk", f"name: {name}")
    return named.replace("residency: [US]", f"residency: [{location}]").replace("capacity: 20", "capacity: 2")


@dataclass(slots=True)
class Seen:
    """Every reason that was ever told of a region and of agents."""

    reasons: dict[str, set[str]] = field(default_factory=dict)
    changes: dict[str, set[str]] = field(default_factory=dict)  # of Ready: its status with the moment of its change

    def take(self, raw: dict[str, Any]) -> None:
        name, status = raw["metadata"]["name"], raw.get("status") or {}
        told = [one for one in status.get("conditions") or () if one["type"] in ("Ready", "Stalled")]
        told += [one["condition"] for one in status.get("regionStates") or ()]
        self.reasons.setdefault(name, set()).update(one["reason"] for one in told)
        found = condition(raw, "Ready")
        if found:
            self.changes.setdefault(name, set()).add(f"{found['status']} {found['lastTransitionTime']}")


@contextlib.asynccontextmanager
async def watching(hub: Plane) -> AsyncIterator[Seen]:
    """Take note of everything that is told until the block ends."""
    seen = Seen()
    async with controllers.session(hub) as opened:

        async def follow(plural: str) -> None:
            async for _, raw in controllers.events(opened, f"/apis/voiceplane.dev/v1alpha1/{plural}"):
                seen.take(raw)

        tasks = [asyncio.create_task(follow(plural)) for plural in ("voiceagents", "voiceregions")]
        try:
            yield seen
            assert not any(task.done() for task in tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def editing(hub: Plane, name: str, location: str) -> AsyncIterator[None]:
    """Edit an agent until the block ends, so that there is always something to reconcile."""

    async def edit() -> None:
        number = 0
        while True:
            number += 1
            await apply(hub, agent(name, location).replace("How can I help you?", f"How can I help, {number}?"))
            await asyncio.sleep(0.3)

    task = asyncio.create_task(edit())
    try:
        yield
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class Plugin:
    """A credential plugin: a real program that gives what a file says, and writes down what it is told."""

    folder: Path

    def options(self) -> tuple[str, ...]:
        """Write the program and the file that allows it; return the operator's options."""
        self.works()
        config = {"apiVersion": V1, "command": str(self.folder / "plugin"), "provideClusterInfo": True}
        path = self.folder / "providers.json"
        path.write_text(json.dumps({"providers": [{"name": "allowed", "execConfig": config}]}))
        return ("--credential-providers", str(path))

    def works(self) -> None:
        """Give a token that is good for 10 s."""
        self._write(f"""echo "$KUBERNETES_EXEC_INFO" >> {self.folder}/told
ends=$(date -u -d '+10 seconds' +%Y-%m-%dT%H:%M:%SZ)
printf '{{"apiVersion":"{V1}","kind":"ExecCredential","status":{{"token":"%s","expirationTimestamp":"%s"}}}}' \\
  "$(cat {self.folder}/token)" "$ends"
""")

    def fails(self) -> None:
        """End without a credential from now on."""
        self._write("echo 'no way in' >&2; exit 7\n")

    def _write(self, text: str) -> None:
        new = self.folder / "plugin.new"
        new.write_text(f"#!/bin/sh\n{text}")
        new.chmod(0o700)
        new.replace(self.folder / "plugin")  # never half of it, nor a program that is being written

    def give(self, token: str) -> None:
        """Give this token from now on."""
        (self.folder / "token").write_text(token)

    def told(self) -> list[dict[str, Any]]:
        """Return the cluster that it was told of each time."""
        path = self.folder / "told"
        lines = path.read_text().splitlines() if path.exists() else []
        return [json.loads(line)["spec"]["cluster"] for line in lines]

    async def asked(self, times: int, server: str) -> None:
        """Wait until it was asked so often for a server."""
        await waiting.until(lambda: sum(one["server"] == server for one in self.told()) >= times, within_s=60)
