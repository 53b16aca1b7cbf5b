"""The charts, installed, upgraded and removed on a real API server with helm 3 and helm 4."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml
from tests.cluster.plane import Plane, binaries, running_plane
from tests.control.samples import MODES
from tests.control.samples import target as agent_target

from voiceplane.cli import images
from voiceplane.contract.region import Images
from voiceplane_operator import manifests

pytestmark = [pytest.mark.timeout(900), pytest.mark.asyncio(loop_scope="module")]

CHARTS = Path(__file__).parents[2] / "charts"
ALL = ("voiceplane-crds", "voiceplane", "voiceplane-region")
HELMS = ("helm3", "helm4")
FAR, TLS = "voiceplane-records-regions", "grpc-tls"
SYSTEM = ("--namespace", "voiceplane-system", "--create-namespace")

AGENT = """
apiVersion: voiceplane.dev/v1alpha1
kind: VoiceAgent
metadata: {name: kept, namespace: default}
spec:
  language: en-US
  opening: "Hello."
  planner: {flow: {}}
  intents: [{name: hours, examples: ["when are you open"], reply: "From eight to eight."}]
  policyRef: {name: retail}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plane(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Plane]:
    await binaries(*HELMS)
    async with running_plane(tmp_path_factory.mktemp("plane")) as running:
        yield running


async def get(plane: Plane, *what: str) -> list[dict[str, Any]]:
    found: dict[str, Any] = json.loads(await plane.kubectl("get", *what, "-o", "json"))
    return list(found["items"]) if "items" in found else [found]


async def render(plane: Plane, chart: str, *values: str) -> list[dict[str, Any]]:
    text = await plane.tool("helm4", "template", "voiceplane", str(CHARTS / chart), *values)
    return [each for each in yaml.safe_load_all(text) if each]


def pod_specs(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    specs = {o["metadata"]["name"]: o["spec"]["template"]["spec"] for o in objects if o["kind"] == "Deployment"}
    return specs | {o["metadata"]["name"]: o["spec"] for o in objects if o["kind"] == "Pod"}


def agent_pods(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the pods of an agent's parts; the command of Ray's head is KubeRay's."""
    heads = {
        o["metadata"]["name"]: o["spec"]["rayClusterConfig"]["headGroupSpec"]["template"]["spec"]
        for o in objects
        if o["kind"] == "RayService"
    }
    return pod_specs(objects) | heads


@pytest.mark.parametrize("helm", HELMS)
@pytest.mark.parametrize("chart", ALL)
async def test_a_chart_is_clean_to_the_linter(plane: Plane, helm: str, chart: str) -> None:
    await plane.tool(helm, "lint", "--strict", str(CHARTS / chart))


@pytest.mark.parametrize("helm", HELMS)
@pytest.mark.parametrize(
    ("chart", "value", "said"),
    [
        ("voiceplane", "operator.replica=3", "replica"),
        ("voiceplane", "records.image.digest=latest", "digest"),
        ("voiceplane", "operator.logLevel=LOUD", "logLevel"),
        ("voiceplane", "image.registry=https://mirror.example", "registry"),
        ("voiceplane", "operator.resources.request=1", "request"),
        ("voiceplane", "records.service.type=Balancer", "service/type"),
        ("voiceplane-region", "namespace.name=Voice_Agents", "namespace/name"),
        ("voiceplane-region", "hub.remote.token=true", "remote/create"),
        ("voiceplane-region", "collector.resources.limit=1", "limit"),
        ("voiceplane-region", "test.target=parcel-desk", "target"),
        ("voiceplane-region", "podMonitor.enable=true", "enable"),
        ("voiceplane-region", "hub.serviceAccounts[0].name=only", "namespace"),
    ],
)
async def test_a_value_that_cannot_be_meant_is_refused_by_name(
    plane: Plane, helm: str, chart: str, value: str, said: str
) -> None:
    with pytest.raises(AssertionError, match=said):
        await plane.tool(helm, "template", "voiceplane", str(CHARTS / chart), "--set", value)


async def applied(plane: Plane, page: str) -> set[str]:
    """Apply what a page tells to, line by line as a person does; return the kinds that it brings for us."""
    lines = [line.strip() for line in page.splitlines() if line.strip().startswith("kubectl apply ")]
    kinds: set[str] = set()
    for line in lines:
        words = [str(CHARTS.parent / word) if word.startswith("docs/") else word for word in line.split("#")[0].split()]
        await plane.kubectl(*words[1:])
        files = [Path(word) for word in words if word.endswith(".yaml")]
        kinds |= {one["kind"] for file in files for one in yaml.safe_load_all(file.read_text())}
    return kinds - {"Deployment", "Service"}


@pytest.mark.parametrize("helm", HELMS)
async def test_install_upgrade_and_uninstall_leave_kinds_and_agents(plane: Plane, helm: str) -> None:
    notes = [await plane.tool(helm, "install", chart, str(CHARTS / chart), *SYSTEM) for chart in ALL]
    await plane.kubectl("wait", "--for=condition=Established", "crd/voiceagents.voiceplane.dev", "--timeout=30s")
    assert "There is no KubeRay in this cluster" in notes[-1]
    for page in (notes[-1], (CHARTS.parent / "docs" / "kubernetes.md").read_text().partition("| chart |")[0]):
        assert await applied(plane, page) == {"VoiceRegion", "VoiceAgent", "VoicePolicy", "Namespace"}
    await plane.kubectl("apply", "-f", "-", stdin=AGENT)
    before = (await get(plane, "deployment", "voiceplane-operator", "-n", "voiceplane-system"))[0]
    changes = ("--set", "operator.replicas=3", "--set", "operator.logLevel=DEBUG")
    await plane.tool(helm, "upgrade", "voiceplane", str(CHARTS / "voiceplane"), *SYSTEM, *changes)
    after = (await get(plane, "deployment", "voiceplane-operator", "-n", "voiceplane-system"))[0]
    assert (before["spec"]["replicas"], after["spec"]["replicas"]) == (2, 3)
    assert "--log-level=DEBUG" in after["spec"]["template"]["spec"]["containers"][0]["args"]
    for chart in ("voiceplane-region", "voiceplane-crds"):  # the same again changes nothing and conflicts with nobody
        await plane.tool(helm, "upgrade", chart, str(CHARTS / chart), *SYSTEM)
    for chart in reversed(ALL):
        await plane.tool(helm, "uninstall", chart, "--namespace", "voiceplane-system")
    assert (await get(plane, "voiceagents", "kept"))[0]["spec"]["opening"] == "Hello."
    assert await get(plane, "namespace", "voiceplane")  # it may hold live calls
    assert not await get(plane, "deployments", "-n", "voiceplane-system")
    left = await get(plane, "clusterroles,clusterrolebindings", "-l", "app.kubernetes.io/part-of=voiceplane")
    assert not left
    for kept in ("namespace/voiceplane", "priorityclass/voiceplane-media", "priorityclass/voiceplane-inner"):
        await plane.kubectl("delete", kept, "--timeout=40s")
    claim = ("pvc/voiceplane-records", "-n", "voiceplane-system")
    await plane.kubectl("delete", *claim, "--timeout=20s")
    await plane.kubectl("delete", "crd", "-l", "app.kubernetes.io/part-of=voiceplane", "--timeout=40s")


async def test_the_api_server_admits_every_pod_under_the_restricted_standard(plane: Plane) -> None:
    await plane.kubectl("create", "namespace", "strict")
    label = "pod-security.kubernetes.io/enforce=restricted"
    await plane.kubectl("label", "namespace", "strict", label)
    await plane.kubectl("create", "serviceaccount", "any", "-n", "strict")
    objects = await render(plane, "voiceplane") + await render(plane, "voiceplane-region")
    specs = pod_specs(objects)
    assert len(specs) == 5  # operator, records, collector, and the two tests
    for name, spec in specs.items():
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "strict"}}
        wanted = {**spec, "serviceAccountName": "any"}
        await plane.kubectl("apply", "--dry-run=server", "-f", "-", stdin=json.dumps(pod | {"spec": wanted}))
    for mode in MODES:
        if mode == "region-local":  # on the nodes' own network, which only a privileged namespace allows
            continue
        agents = agent_pods(list(manifests.render(agent_target(mode))))
        assert len(agents) == 4, sorted(agents)
        for name, spec in agents.items():
            pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "strict"}}
            plain = {key: value for key, value in spec.items() if key != "priorityClassName"}
            pod["spec"] = {**plain, "serviceAccountName": "any"}
            await plane.kubectl("apply", "--dry-run=server", "-f", "-", stdin=json.dumps(pod))
    bare = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bare", "namespace": "strict"}}
    bare["spec"] = {"containers": [{"name": "bare", "image": "none"}]}
    with pytest.raises(AssertionError, match="violates PodSecurity"):
        await plane.kubectl("apply", "--dry-run=server", "-f", "-", stdin=json.dumps(bare))


async def test_every_process_has_probes_and_no_limit_on_cpu(plane: Plane) -> None:
    objects = await render(plane, "voiceplane") + await render(plane, "voiceplane-region")
    for each in (o for o in objects if o["kind"] == "Deployment"):
        for container in each["spec"]["template"]["spec"]["containers"]:
            assert {"livenessProbe", "readinessProbe"} <= set(container), each["metadata"]["name"]
            assert "cpu" not in container["resources"].get("limits", {})
            assert container["resources"]["requests"]["cpu"]
    budgets = {o["metadata"]["name"] for o in objects if o["kind"] == "PodDisruptionBudget"}
    assert budgets == {"voiceplane-operator", "voiceplane-records", "voiceplane-collector"}


async def test_the_hub_may_do_what_it_must_in_a_region_and_nothing_beside_it(plane: Plane) -> None:
    await plane.tool("helm4", "install", "rights-crds", str(CHARTS / "voiceplane-crds"), *SYSTEM)
    await plane.tool("helm4", "install", "voiceplane", str(CHARTS / "voiceplane"), *SYSTEM)
    await plane.tool("helm4", "install", "region", str(CHARTS / "voiceplane-region"), *SYSTEM)
    hub = "system:serviceaccount:voiceplane-system:voiceplane-operator"

    async def may(verb: str, what: str, namespace: str) -> bool:
        out = await plane.kubectl("auth", "can-i", verb, what, "--as", hub, "-n", namespace, check=False)
        return out.strip() == "yes"

    verbs = ("get", "list", "watch", "create", "update", "patch", "delete")
    kinds: tuple[str, ...] = ("configmaps", "services", "deployments.apps", "networkpolicies.networking.k8s.io")
    kinds = (*kinds, "poddisruptionbudgets.policy", "horizontalpodautoscalers.autoscaling")
    asked = [(verb, kind, "voiceplane") for kind in kinds for verb in verbs]
    asked += [("get", "pods/proxy", "voiceplane"), ("list", "voiceagents.voiceplane.dev", "support")]
    asked += [("patch", "voiceagents.voiceplane.dev/status", "support"), ("get", "secrets", "voiceplane-system")]
    answers = [await may(*each) for each in asked]
    assert not [each for each, allowed in zip(asked, answers, strict=True) if not allowed]
    refused = [("get", "secrets", "voiceplane"), ("create", "deployments.apps", "default")]
    refused += [("get", "secrets", "support"), ("delete", "voiceagents.voiceplane.dev", "support")]
    refused += [("create", "pods", "voiceplane"), ("create", "pods/exec", "voiceplane")]
    assert not [each for each in refused if await may(*each)]


async def test_a_remote_cluster_gives_the_hub_a_token_for_its_kubeconfig(plane: Plane) -> None:
    await plane.kubectl("create", "namespace", "far")
    values = "namespace.name=far,namespace.create=false,priorityClasses.create=false,kuberay=false"
    values += ",hub.remote.create=true,hub.remote.token=true,collector.enabled=false"
    objects = await render(plane, "voiceplane-region", "--set", values)
    kinds = ("ServiceAccount", "Secret", "Role", "RoleBinding")
    wanted = [o for o in objects if o["kind"] in kinds and "helm.sh/hook" not in o["metadata"].get("annotations", {})]
    await plane.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(wanted))
    for _ in range(100):
        secret = (await get(plane, "secret", "voiceplane-hub-token", "-n", "far"))[0]
        if "token" in secret.get("data", {}):
            break
        await asyncio.sleep(0.2)
    assert {"token", "ca.crt"} <= set(secret["data"])


async def test_other_clusters_reach_records_over_tls_only_at_an_address_that_tells_who_sends(plane: Plane) -> None:
    values = r"records.service.type=LoadBalancer,records.service.annotations.example\.com/internal=yes"
    values += ",records.tls.secretName=proof,networkPolicy.recordsFrom={10.20.0.0/16}"
    inner = {"grpc", "otlp-http", "metrics"}
    for given, opened in (
        ((), {"voiceplane-records": inner}),
        (("--set", values), {"voiceplane-records": inner, FAR: {TLS}}),
    ):
        objects = await render(plane, "voiceplane", *given)
        services = {one["metadata"]["name"]: one for one in objects if one["kind"] == "Service"}
        ports = {name: {each["name"] for each in one["spec"]["ports"]} for name, one in services.items()}
        assert {name: found for name, found in ports.items() if "records" in name} == opened
        assert services["voiceplane-records"]["spec"].get("type", "ClusterIP") == "ClusterIP"
    with pytest.raises(AssertionError, match=r"over TLS only, so name records\.tls\.secretName"):
        await render(plane, "voiceplane", "--set", "records.service.type=LoadBalancer")
    far = services[FAR]
    assert (far["spec"]["type"], far["spec"]["externalTrafficPolicy"]) == ("LoadBalancer", "Local")
    assert far["metadata"]["annotations"] == {"example.com/internal": "yes"}
    policies = {one["metadata"]["name"]: one["spec"] for one in objects if one["kind"] == "NetworkPolicy"}
    ways = {rule["ports"][0]["port"]: rule.get("from", []) for rule in policies["voiceplane-records"]["ingress"]}
    assert [port for port, senders in ways.items() if any("ipBlock" in one for one in senders)] == [TLS]
    pod = pod_specs(objects)["voiceplane-records"]
    assert {"--tls=/etc/voiceplane/tls", "--tls-port=9443"} <= set(pod["containers"][0]["args"])
    assert [one["secret"]["secretName"] for one in pod["volumes"] if "secret" in one] == ["proof"]
    dry = ("apply", "--dry-run=server", "-f", "-")
    for one in (
        far,
        next(one for one in objects if one["metadata"]["name"] == "voiceplane-records" and one["kind"] == "Deployment"),
    ):
        there = {**one, "metadata": {**one["metadata"], "name": "r", "namespace": "default"}}
        await plane.kubectl(*dry, stdin=yaml.safe_dump(there))


async def test_the_images_to_mirror_are_those_that_the_charts_run(plane: Plane) -> None:
    specs = pod_specs(await render(plane, "voiceplane") + await render(plane, "voiceplane-region"))
    run = {container["image"] for spec in specs.values() for container in spec["containers"]}
    assert run == {*images.BESIDE.values(), Images().gateway}
