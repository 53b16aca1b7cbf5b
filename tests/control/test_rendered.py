"""What `voiceplane render` prints is what the operator applied: same objects, same fields, on a real API server."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cluster.plane import Plane, PlaneOptions, running_plane
from tests.control import controllers, operating
from tests.control.operating import apply, ready, until
from tests.control.samples import MODEL

from voiceplane.cli.__main__ import main
from voiceplane_operator import names
from voiceplane_operator.api.kinds import CHILDREN

pytestmark = pytest.mark.timeout(300)
REGION = """
apiVersion: voiceplane.dev/v1alpha1
kind: VoiceRegion
metadata: {name: %s}
spec: {mode: %s, location: US, namespace: %s, inCluster: {}, planner: {engine: ray}, capacity: 400,
       gateway: {calls: 20}, %s}
"""
EAST = REGION % ("east", "region-local", "east", "network: {exposure: host}")
WEST = REGION % ("west", "cloud", "west", "autoscaling: {enabled: true}, sizes: {planner: {replicas: 3}}")
BESIDE = """
apiVersion: voiceplane.dev/v1alpha1
kind: SIPTrunk
metadata: {name: carrier, namespace: support}
spec: {agentRef: {name: parcel-desk}, sources: [198.51.100.0/24, "2001:db8::/32"], numbers: ["+15550100"]}
---
apiVersion: voiceplane.dev/v1alpha1
kind: SIPTrunk
metadata: {name: another, namespace: support}
spec: {agentRef: {name: parcel-desk}, sources: [203.0.113.7/32]}
---
apiVersion: voiceplane.dev/v1alpha1
kind: SIPTrunk
metadata: {name: of-others, namespace: default}
spec: {agentRef: {name: parcel-desk}, sources: [192.0.2.0/24]}
---
apiVersion: v1
kind: Secret
metadata: {name: models-key, namespace: support}
stringData: {api-key: secret-words}
"""


async def applied(plane: Plane, namespace: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Read all that carries the agent's label, and the region's network policies."""
    kinds = ",".join(api.plural for api in CHILDREN if api.kind not in ("RayService", "ScaledObject"))
    label = f"{names.AGENT} in ({names.prefix('support/parcel-desk')},{names.REGION_MARK})"
    text = await plane.kubectl(
        "get", kinds, "-n", namespace, "-l", f"{label},{names.COMPONENT}!=collector", "-o", "json"
    )
    return {(one["kind"], one["metadata"]["name"]): one for one in json.loads(text)["items"]}


def missing(rendered: Any, live: Any, path: str = "") -> list[str]:
    """Name the fields of a manifest that the object does not hold as they were rendered."""
    if isinstance(rendered, dict) and isinstance(live, dict):
        return [m for key, value in rendered.items() for m in missing(value, live.get(key), f"{path}.{key}")]
    if isinstance(rendered, list) and isinstance(live, list) and len(rendered) == len(live):
        return [m for one, other in zip(rendered, live, strict=True) for m in missing(one, other, f"{path}[]")]
    empty = rendered in ({}, [], "", False) and live is None  # the API server leaves such away
    return [] if rendered == live or empty else [f"{path}: {rendered!r} is {live!r}"]


async def test_render_prints_what_the_operator_applied_with_trunks_secret_and_shares(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {"agent": MODEL, "east": EAST, "west": WEST, "beside": BESIDE}
    for name, text in files.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    async with running_plane(tmp_path / "plane", PlaneOptions(controllers=False)) as plane:
        await operating.prepare(plane)
        for namespace in ("east", "west"):
            await plane.kubectl("create", "namespace", namespace)
        async with (
            controllers.rolling_out(plane, "east"),
            controllers.rolling_out(plane, "west"),
            operating.operating(plane, tmp_path / "operator", "--no-lease"),
        ):
            for text in (BESIDE, EAST, WEST, MODEL):
                await apply(plane, text)
            await until(plane, ("va", "-n", "support", "parcel-desk"), ready)
            found = {name: await applied(plane, name) for name in ("east", "west")}
            asked = ["diff", f"{tmp_path}/agent.yaml", "--region", f"{tmp_path}/east.yaml", "--kubeconfig",
                     str(plane.kubeconfig)]  # fmt: skip
            beside = ["--with", f"{tmp_path}/beside.yaml", "--with", f"{tmp_path}/west.yaml"]
            capsys.readouterr()
            assert await asyncio.to_thread(main, [*asked, *beside]) == 0
            assert capsys.readouterr().out == "no change\n"
            rotated = tmp_path / "rotated.yaml"
            rotated.write_text(
                BESIDE.replace("secret-words", "other-words").replace("203.0.113.7/32", "203.0.113.8/32")
            )
            await asyncio.to_thread(main, [*asked, "--with", str(rotated), *beside[2:]])
            told = capsys.readouterr().out
            assert "203.0.113.8/32" in told and "-  api-key: sha256:" in told and "Deployment" not in told
            assert "b3RoZXItd29yZHM=" not in told, "that a key differs is told, the key is not"
    for name, other in (("east", "west"), ("west", "east")):
        options = ["--region", f"{tmp_path}/{name}.yaml", "--with", f"{tmp_path}/{other}.yaml"]
        assert main(["render", f"{tmp_path}/agent.yaml", *options, "--with", f"{tmp_path}/beside.yaml"]) == 0
        printed = list(yaml.safe_load_all(capsys.readouterr().out))
        rendered = {(one["kind"], one["metadata"]["name"]): one for one in printed}
        assert rendered.keys() == found[name].keys()
        for key, manifest in rendered.items():
            live = found[name][key]
            assert not missing(manifest, live), key
            assert manifest["metadata"]["annotations"][names.APPLIED] == live["metadata"]["annotations"][names.APPLIED]
        scaled = "HorizontalPodAutoscaler" in {kind for kind, _ in rendered}
        assert scaled == (name == "west") and "Secret" in {kind for kind, _ in rendered}
