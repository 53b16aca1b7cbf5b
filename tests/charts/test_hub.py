"""The hub as its chart installs it: two operators of which one works, with the rights of the chart and no others."""

import asyncio
import json
import re
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
import yaml
from tests import waiting
from tests.charts.test_charts import CHARTS, SYSTEM, get, render
from tests.cluster.plane import Plane, PlaneOptions, binaries, kubeconfig, running_plane
from tests.control import controllers, operating
from tests.control.operating import AGENT, REGION, Operator, apply, ready, until

from voiceplane_operator.regions import plugins

pytestmark = [pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="module")]
DESK = ("va", "-n", "support", "parcel-desk")
LEASE = ("lease", "voiceplane-operator", "-n", "voiceplane-system")
PROVIDER = {
    "name": "eks",
    "execConfig": {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "/plugins/eks",
        "args": ["get-token"],
        "env": [{"name": "AWS_REGION", "value": "eu-west-1"}],
        "installHint": "mount the plugins",
        "provideClusterInfo": True,
        "interactiveMode": "Never",
    },
    "profileSourcedCLIArgsPolicy": "Append",
    "profileSourcedEnvVarsPolicy": "Ignore",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plane(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Plane]:
    """Have the three charts installed on a plane whose Deployments are reported as rolled out."""
    await binaries("helm4")
    async with running_plane(tmp_path_factory.mktemp("plane"), PlaneOptions(controllers=False)) as running:
        for chart in ("voiceplane-crds", "voiceplane", "voiceplane-region"):
            await running.tool("helm4", "install", chart, str(CHARTS / chart), *SYSTEM)
        await running.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
        await running.kubectl("create", "namespace", "support")
        async with controllers.rolling_out(running):
            yield running


async def deployment(plane: Plane) -> Any:
    """Return the operator's Deployment."""
    return (await get(plane, "deployment", "voiceplane-operator", "-n", "voiceplane-system"))[0]


def as_pod(plane: Plane, path: Path, token: str) -> Path:
    """Write a kubeconfig with the token that a pod of the chart has."""
    content: Any = kubeconfig(plane)
    content["users"][0]["user"] = {"token": token}
    path.write_text(yaml.safe_dump(content))
    return path


async def port(one: Operator) -> int:
    """Return where a replica answers its probes."""
    found = await waiting.until(lambda: re.search(r"ready metrics=(\d+)", one.log.read_text()), within_s=30)
    return int(found[1])


async def answers(one: Operator, path: str) -> tuple[int, str]:
    """Ask a replica as a probe does."""
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as opened,
        opened.get(f"http://127.0.0.1:{await port(one)}{path}") as answer,
    ):
        return answer.status, await answer.text()


async def leads(one: Operator) -> bool:
    """Say whether a replica works."""
    return "voiceplane_operator_leading 1.0" in (await answers(one, "/metrics"))[1]


async def test_of_two_replicas_one_works_and_the_other_takes_over_with_the_rights_of_the_chart(
    plane: Plane, tmp_path: Path
) -> None:
    installed = await deployment(plane)
    (container,) = installed["spec"]["template"]["spec"]["containers"]
    budget = (await get(plane, "pdb", "voiceplane-operator", "-n", "voiceplane-system"))[0]["spec"]
    assert installed["spec"]["replicas"] == 2 and budget["maxUnavailable"] == 1
    assert budget["selector"] == installed["spec"]["selector"]
    path = as_pod(
        plane,
        tmp_path / "kubeconfig",
        (await plane.kubectl("create", "token", "voiceplane-operator", "-n", "voiceplane-system")).strip(),
    )
    own = [one for one in container["args"] if not one.startswith(("--host", "--metrics-port"))]
    assert "--no-lease" not in own

    def replica(name: str) -> Any:
        options = (*own, "--namespace", "voiceplane-system", "--identity", name)
        return operating.operating(plane, tmp_path / name, *options, kubeconfig=path)

    async with replica("one") as one:
        await until(plane, LEASE, lambda raw: raw["spec"]["holderIdentity"] == "one")
        async with replica("two") as two:
            probes = [container[f"{name}Probe"]["httpGet"]["path"] for name in ("liveness", "readiness", "startup")]
            for each in (one, two):  # the one that waits is well too: it is what a disruption leaves
                assert [(await answers(each, path))[0] for path in probes] == [200, 200, 200]
            assert [await leads(one), await leads(two)] == [True, False]
            await apply(plane, REGION % ("here", "inCluster: {}"))
            await apply(plane, AGENT)
            await until(plane, DESK, ready)
            one.process.send_signal(signal.SIGKILL)
            await until(plane, LEASE, lambda raw: raw["spec"]["holderIdentity"] == "two")
            await apply(plane, AGENT.replace("How can I help you?", "What is it?"))
            await until(plane, DESK, lambda raw: ready(raw) and "What is it?" in json.dumps(raw["spec"]))
            assert await leads(two)
            denied = [line for line in two.log.read_text().splitlines() if "403" in line and "secrets" not in line]
            assert denied == [], "the chart gives what the operator asks for"
            two.process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(20):
                assert await two.process.wait() == 0
    assert (await get(plane, *LEASE))[0]["spec"]["holderIdentity"] == ""


async def test_credential_plugins_are_given_as_the_operator_reads_them(plane: Plane, tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    mount = {"name": "plugins", "mountPath": "/plugins"}
    volume = {"name": "plugins", "image": {"reference": "registry.example/plugins:1"}}
    values.write_text(
        yaml.safe_dump(
            {
                "credentialProviders": [PROVIDER],
                "operator": {"extraVolumes": [volume], "extraVolumeMounts": [mount]},
            }
        )
    )
    objects = await render(plane, "voiceplane", "--values", str(values))
    (config,) = (one for one in objects if one["metadata"]["name"] == "voiceplane-credential-providers")
    read = plugins.Providers.model_validate_json(config["data"]["providers.json"])
    assert read == plugins.Providers.model_validate({"providers": [PROVIDER]})
    (pod,) = (
        one["spec"]["template"]["spec"]
        for one in objects
        if one["kind"] == "Deployment" and one["metadata"]["name"] == "voiceplane-operator"
    )
    (container,) = pod["containers"]
    (folder,) = (one["mountPath"] for one in container["volumeMounts"] if one["name"] == "credential-providers")
    assert f"--credential-providers={folder}/providers.json" in container["args"]
    assert mount in container["volumeMounts"] and volume in pod["volumes"]
    values.write_text(yaml.safe_dump({"credentialProviders": [{**PROVIDER, "policy": "Append"}]}))
    with pytest.raises(AssertionError, match="policy"):
        await render(plane, "voiceplane", "--values", str(values))
