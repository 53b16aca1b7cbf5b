"""docs/remote-region.md, step by step on two real API servers with the rights of the charts, and then its errors."""

import asyncio
import base64
import json
import os
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml
from tests.charts.test_hub import as_pod
from tests.cluster.plane import Plane, PlaneOptions, binaries, kubeconfig, running_plane
from tests.control import kubelet, operating
from tests.control.operating import condition, read, ready, until

from voiceplane.runtime import grpc_server, tls, tls_problem
from voiceplane_operator.reconcile import records

pytestmark = [pytest.mark.timeout(900), pytest.mark.asyncio(loop_scope="module")]
ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "remote-region.md"
DESK = ("va", "-n", "support", "parcel-desk")
NEEDS_PODS = ("helm test",)  # which this node only reports on


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a platform engineer types: two clusters by their contexts, and the files of the project."""

    hub: Plane
    far: Plane
    folder: Path

    async def types(self, commands: str) -> None:
        """Run commands in a shell, as they stand on the page."""
        path = f"{self.folder}/bin:{self.hub.bin}:{os.environ['PATH']}"
        homes = {"HELM_CACHE_HOME": "hc", "HELM_CONFIG_HOME": "hf", "HELM_DATA_HOME": "hd"}
        process = await asyncio.create_subprocess_exec(
            "sh", "-ec", commands, cwd=self.folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            env=os.environ | {key: str(self.folder / value) for key, value in homes.items()}
            | {"PATH": path, "KUBECONFIG": str(self.folder / "contexts")},
        )  # fmt: skip
        async with asyncio.timeout(180):
            said, _ = await process.communicate()
        assert process.returncode == 0, said.decode()


def steps() -> list[str]:
    """Return the page's commands, those of each step together."""
    parts = PAGE.read_text().split("\n## ")[1:]
    blocks = ["\n".join(line[4:] for line in part.splitlines() if line.startswith("    ")) for part in parts]
    return [block for block in blocks if block]


def contexts(**planes: Plane) -> str:
    """Return one kubeconfig with a context for each cluster."""
    merged: dict[str, Any] = {"apiVersion": "v1", "kind": "Config", "clusters": [], "users": [], "contexts": []}
    for name, plane in planes.items():
        one: Any = kubeconfig(plane)
        merged["clusters"].append({"name": name, "cluster": one["clusters"][0]["cluster"]})
        merged["users"].append({"name": name, "user": one["users"][0]["user"]})
        merged["contexts"].append({"name": name, "context": {"cluster": name, "user": name}})
    return yaml.safe_dump(merged)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
    tools = await binaries("helm4")
    (folder / "bin").mkdir()
    (folder / "bin" / "helm").symlink_to(tools / "helm4")
    for name in ("charts", "docs"):
        (folder / name).symlink_to(ROOT / name)
    async with (
        running_plane(folder / "hub", PlaneOptions(controllers=False)) as hub,
        running_plane(folder / "far", PlaneOptions(name="far")) as far,
    ):
        (folder / "contexts").write_text(contexts(hub=hub, frankfurt=far))
        yield Desk(hub, far, folder)


async def test_the_page_leads_to_a_ready_agent_and_its_errors_read_as_it_says(desk: Desk, tmp_path: Path) -> None:
    proofs, hub_charts, region_chart, access, objects = steps()
    region, *agent = [line for line in objects.splitlines() if not line.startswith(NEEDS_PODS)]
    await desk.types(proofs)
    await desk.types(hub_charts)
    token = (await desk.hub.kubectl("create", "token", "voiceplane-operator", "-n", "voiceplane-system")).strip()
    as_hub = as_pod(desk.hub, tmp_path / "kubeconfig", token)
    options = ("--namespace", "voiceplane-system", "--identity", "one")
    async with (
        kubelet.reporting(str(desk.far.kubeconfig)),
        operating.operating(desk.hub, tmp_path, *options, kubeconfig=as_hub),
    ):
        await desk.types(region)
        await told(desk, "AccessDenied", "Secret voiceplane-system/frankfurt does not exist")
        await desk.types(region_chart)
        await _until_it_has_a_token(desk.far)
        await desk.types(access)
        await until(desk.hub, ("vr", "frankfurt"), lambda raw: condition(raw, "Ready").get("reason") == "Answers")
        await desk.types("\n".join(agent))
        assert ready(await read(desk.hub, *DESK))
        made = await read(desk.far, "services", "-n", "voiceplane", "-l", "voiceplane.dev/component=gateway")
        assert [one["spec"]["type"] for one in made["items"]] == ["LoadBalancer"]
        await _the_proofs_fit(desk)
        await _records_are_proved(desk)
        await _what_may_go_wrong(desk, region)
        await until(desk.hub, DESK, ready)


async def _the_proofs_fit(desk: Desk) -> None:
    """See that the Secrets of the page, on both clusters, let a region in and let it write as itself."""
    folders = []
    for name, plane, namespace in (("hub", desk.hub, "voiceplane-system"), ("far", desk.far, "voiceplane")):
        data = (await read(plane, "secret", "-n", namespace, "voiceplane-records"))["data"]
        folder = desk.folder / f"mounted-{name}"
        folder.mkdir()
        for key, value in data.items():
            (folder / key).write_bytes(base64.b64decode(value))
        folders.append(folder)
    credentials = tls.server_credentials(folders[0])
    async with grpc_server.serve_proved(lambda _: None, host="127.0.0.1", port=0, credentials=credentials) as server:
        told = await tls_problem.why(f"127.0.0.1:{server.port}", folders[1])
    # All is well but the address of this test, which is not the page's.
    assert (
        told == f"the certificate of 127.0.0.1:{server.port} is for another name: its subjectAltName has no 127.0.0.1"
    )


async def _records_are_proved(desk: Desk) -> None:
    """See that pods have the region's Secret, and that the region says when it is gone."""
    (gateway,) = (await read(desk.far, "deployments", "-n", "voiceplane", "-l", "voiceplane.dev/component=gateway"))[
        "items"
    ]
    mounted = [one["secret"] for one in gateway["spec"]["template"]["spec"]["volumes"] if "secret" in one]
    assert [(one["secretName"], one["optional"]) for one in mounted] == [("voiceplane-records", True)]
    held, place = ("vr", "frankfurt"), ("secret", "-n", "voiceplane", "voiceplane-records")
    await until(desk.hub, held, lambda raw: condition(raw, records.SECRET).get("status") == "True")
    kept = await read(desk.far, *place)
    await desk.far.kubectl("delete", *place)
    await desk.hub.kubectl("annotate", "vr", "frankfurt", "look=again")
    await until(desk.hub, held, _says("RecordsSecretMissing"))
    halved = {key: value for key, value in kept["data"].items() if key != "ca.crt"}
    for data, reason in ((halved, "RecordsSecretIncomplete"), (kept["data"], "Present")):
        meta = {"name": "voiceplane-records", "namespace": "voiceplane"}
        secret = {"apiVersion": "v1", "kind": "Secret", "type": kept["type"], "metadata": meta, "data": data}
        await desk.far.kubectl("apply", "-f", "-", stdin=json.dumps(secret))
        await until(desk.hub, held, _says(reason))


def _says(reason: str) -> Callable[[Any], bool]:
    return lambda raw: bool(condition(raw, records.SECRET).get("reason") == reason)


async def _what_may_go_wrong(desk: Desk, region: str) -> None:
    good = (desk.folder / "frankfurt.kubeconfig").read_text()
    await desk.hub.kubectl("delete", "vr", "frankfurt", "--wait=false")
    await desk.hub.kubectl("annotate", "vr", "frankfurt", "voiceplane.dev/release-finalizer=true")
    await until(desk.hub, ("vr",), lambda raw: raw["items"] == [])
    await rewritten(desk, good, key="frankfurt.kubeconfig")
    await desk.types(region)
    await told(desk, "AccessDenied", "has no key 'kubeconfig'")
    await rewritten(desk, re.sub("server: .*", "server: https://127.0.0.1:1", good))
    await told(desk, "NoAnswer", "Cannot connect to host 127.0.0.1:1")
    await rewritten(desk, re.sub("server: .*", f"server: {desk.hub.server}", good))
    await told(desk, "CertificateRefused", "not of the authority or name")
    await rewritten(desk, re.sub("token: .*", "token: of-nobody", good))
    await told(desk, "CredentialsRefused", "401: Unauthorized: the credentials have ended")
    await rewritten(desk, good)
    await until(desk.hub, ("vr", "frankfurt"), lambda raw: condition(raw, "Ready").get("reason") == "Answers")


async def _until_it_has_a_token(plane: Plane) -> None:
    held = ("secret", "-n", "voiceplane", "voiceplane-hub-token")
    await until(plane, held, lambda raw: "token" in (raw.get("data") or {}))


async def told(desk: Desk, reason: str, words: str) -> None:
    """Wait until the region says so, though its reason may be the one of before."""

    def says(raw: Any) -> bool:
        found = condition(raw, "Ready")
        return bool(found.get("status") == "Unknown" and found["reason"] == reason and words in found["message"])

    await until(desk.hub, ("vr", "frankfurt"), says, within_s=60)


async def rewritten(desk: Desk, content: str, *, key: str = "kubeconfig") -> None:
    """Write the region's Secret anew."""
    meta = {"name": "frankfurt", "namespace": "voiceplane-system"}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": {key: content}}
    await desk.hub.kubectl("delete", "secret", "-n", "voiceplane-system", "frankfurt", "--ignore-not-found")
    await desk.hub.kubectl("create", "-f", "-", stdin=json.dumps(secret))
