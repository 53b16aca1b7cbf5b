"""The operator as a process on a real API server with its controllers; its node only reports on pods."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.cluster.plane import Plane, PlaneOptions, running_plane
from tests.control import kubelet, operating
from tests.control.operating import AGENT, REGION, apply, condition, footprint, read, ready, until

from voiceplane_operator import errors, names
from voiceplane_operator.api import clients

pytestmark = pytest.mark.timeout(900)
DESK = ("va", "-n", "support", "parcel-desk")
GATEWAYS = ("deployments", "-n", "voiceplane", "-l", "voiceplane.dev/component=gateway")
BAD = {
    "a tool that is nowhere": ("tool: parcel-status", "tool: lost-status", "a tool that is not in spec.tools"),
    "two intents of one name": ("name: opening-hours", "name: track-parcel", "Duplicate value"),
    "a tool with two backends": (
        "requires: none\n      timeout: 2s", "mcp: {url: 'http://x', tool: t1}\n      timeout: 2s", "one backend",
    ),
    "no planner": ("planner: {flow: {}}", "planner: {}", "exactly one planner"),
    "a duration without unit": ("timeout: 2s", "timeout: '2'", "should match"),
    "a duration of more than a day": ("timeout: 2s", "timeout: 30h", "from 1ms to 24h"),
    "shares that fall": ("steps: [5, 25, 100]", "steps: [25, 5]", "rise"),
    "a brace that stays open": ("arrive {eta}.", "arrive {eta.", "a brace is open or closed alone"),
    "a name that is none": ("to {day}?", "to {the day}?", "holds no plain name"),
    "a brace in an address": ("parcels/{parcel_number}\"", "parcels/parcel_number}\"", "a brace is open or closed"),
    "an answer of a caller as his number": ("name: parcel_number,", "name: caller_number,", "no answer of a caller"),
    "half slower than nearly all": ("turnP50: 300ms", "turnP50: 900ms", "turnP50 is above turnP95"),
    "a target that is no address": ("sip:queue@pbx.example", "tel:operator", "spec.escalation.target"),
    "a field that is misspelt": ("opening:", "openning:", "unknown field"),
}  # fmt: skip


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def hub(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Plane]:
    async with running_plane(tmp_path_factory.mktemp("plane")) as running:
        await operating.prepare(running)
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def plane(hub: Plane) -> Plane:
    """Have the plane without what another test has left."""
    await operating.swept(hub)
    return hub


@pytest.mark.parametrize("name", BAD)
@pytest.mark.asyncio(loop_scope="module")
async def test_the_api_server_refuses_what_cannot_run_and_says_why(hub: Plane, name: str) -> None:
    old, new, said = BAD[name]
    assert old in AGENT
    with pytest.raises(AssertionError, match=said):
        await apply(hub, AGENT.replace(old, new).replace("name: parcel-desk", "name: bad"))


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("inCluster: {}, kubeConfig: {name: x}", "exactly one access"),
        ("inCluster: {}, autoscaling: {enabled: true, scaleDownAfter: 2h}", "from 2s to 1h"),
        ("kubeConfig: {name: x}, records: 'records.example:9443'", "name recordsTls"),
        ("kubeConfig: {name: x}, recordsTls: {}, telemetry: {collector: false}", "name telemetry.endpoint"),
    ],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_a_region_that_cannot_be_is_refused(hub: Plane, spec: str, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        await apply(hub, REGION % ("two", spec))


@pytest.mark.parametrize(
    ("sources", "identity", "said"),
    [
        ("'300.0.0.0/8'", "{}", "not a range of addresses"),
        ("198.51.100.0/24, '::/0'", "{trust: asserted}", "a range of /0 is everybody's"),
        ("198.51.100.0/24", "{trust: blindly}", "Unsupported value"),
    ],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_a_trunk_whose_sources_or_trust_cannot_be_is_refused(
    hub: Plane, sources: str, identity: str, said: str
) -> None:
    trunk = (
        "{apiVersion: voiceplane.dev/v1alpha1, kind: SIPTrunk, metadata: {name: t, namespace: support}, "
        f"spec: {{agentRef: {{name: parcel-desk}}, sources: [{sources}], identity: {identity}}}}}"
    )
    with pytest.raises(AssertionError, match=said):
        await apply(hub, trunk)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_field_that_a_kind_does_not_have_is_refused_in_an_apply_though_no_warnings_are_asked_for(
    plane: Plane,
) -> None:
    api, meta = await clients.from_file(str(plane.kubeconfig)), {"name": "misspelt", "namespace": "voiceplane"}
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"language": "Español"}}
    try:
        with pytest.raises(errors.ClusterError, match=r"\.dataa: field not declared in schema"):
            await api.apply({**manifest, "dataa": {}})
        await api.apply(manifest)
        assert (await api.get("ConfigMap", "misspelt", "voiceplane"))["data"] == manifest["data"]
    finally:
        await api.close()


@pytest.mark.asyncio(loop_scope="module")
async def test_an_agent_is_answered_edited_drifts_and_goes(plane: Plane, tmp_path: Path) -> None:
    async with kubelet.reporting(str(plane.kubeconfig)) as node, operating.operating(plane, tmp_path) as operator:
        await apply(plane, REGION % ("here", "inCluster: {}"))
        await apply(plane, AGENT)
        first = await until(plane, DESK, ready)
        old = first["status"]["revision"]
        assert first["status"]["regions"] == "1/1" and condition(first, "PolicyVerified")["status"] == "True"
        await _an_edit_keeps_the_old_revision_while_it_has_calls(plane, node, old)
        await _what_somebody_changes_is_put_right(plane)
        os.kill(operator.process.pid, signal.SIGSTOP)  # and what happens while the operator is away
        await plane.kubectl("delete", "deployment", "-n", "voiceplane", "-l", "voiceplane.dev/component=tools")
        os.kill(operator.process.pid, signal.SIGCONT)
        await until(plane, ("deployments", "-n", "voiceplane", "-l", "voiceplane.dev/component=tools"), _one)
        await plane.kubectl("delete", "va", "-n", "support", "parcel-desk", "--wait=false")
        await until(plane, ("va", "-n", "support"), _none)
        ours = ("-n", "voiceplane", "-l", f"{names.AGENT}!={names.REGION_MARK}")
        left = await read(plane, "deployments,services,networkpolicies", *ours)
        assert [one["metadata"]["name"] for one in left["items"]] == []


async def _an_edit_keeps_the_old_revision_while_it_has_calls(
    plane: Plane, node: kubelet.ReportingNode, old: str
) -> None:
    node.busy.add(old)  # a call is live
    await apply(plane, AGENT.replace("How can I help you?", "What can I do for you?"))
    second = await until(plane, DESK, lambda raw: ready(raw) and raw["status"]["revision"] != old)
    new = second["status"]["revision"]
    service = await read(plane, "service", "-n", "voiceplane", "-l", "voiceplane.dev/component=gateway")
    assert service["items"][0]["spec"]["selector"]["voiceplane.dev/revision"] == new
    pods = await read(plane, "pods", "-n", "voiceplane", "-l", f"voiceplane.dev/revision={old}")
    assert len(pods["items"]) == 1, "the pod with the live call is there"
    tools = await read(plane, "deployments", "-n", "voiceplane", "-l", "voiceplane.dev/component=tools")
    command = " ".join(tools["items"][0]["spec"]["template"]["spec"]["containers"][0]["command"])
    assert old in command and new in command, "its tools still know the revision of the live call"
    node.busy.clear()
    await until(plane, DESK, lambda raw: raw["status"].get("rollout") == "complete")
    await until(
        plane,
        ("deployments", "-n", "voiceplane", "-l", "voiceplane.dev/component=tools"),
        lambda raw: old not in str(raw["items"][0]["spec"]),
    )


async def _what_somebody_changes_is_put_right(plane: Plane) -> None:
    await plane.kubectl("delete", "networkpolicy", "-n", "voiceplane", "--all")
    await until(plane, ("networkpolicies", "-n", "voiceplane"), lambda raw: len(raw["items"]) == 4)
    (gateway,) = (await read(plane, *GATEWAYS))["items"]
    name = gateway["metadata"]["name"]
    await plane.kubectl("scale", "deployment", "-n", "voiceplane", name, "--replicas=0")
    await until(plane, GATEWAYS, lambda raw: raw["items"][0]["spec"]["replicas"] == 1)


def _one(raw: dict[str, list[object]]) -> bool:
    return len(raw["items"]) == 1


def _none(raw: dict[str, list[object]]) -> bool:
    return not raw["items"]


UNABLE = {
    "no-policy": ("policyRef: {name: retail}", "policyRef: {name: none}", "Ready", "PolicyNotFound"),
    "far-away": ("residency: [US]", "residency: [DE]", "Ready", "NoRegionFits"),
    "too-big": ("capacity: 20", "capacity: 5000", "CapacityAvailable", "TooFewCalls"),
    "said-twice": ('"track my package"', '"When are you open?"', "Ready", "Invalid"),
    "names-nothing": ("Our parcel shops", "Our {parcel} shops", "Ready", "Invalid"),
}  # fmt: skip


def named(name: str, old: str = "", new: str = "") -> str:
    """Return the agent under another name, changed, without its policy."""
    text: str = AGENT.split("\n---")[0]
    assert old in text
    return text.replace(old, new).replace("name: parcel-desk", f"name: {name}")


@pytest.mark.asyncio(loop_scope="module")
async def test_what_cannot_run_is_a_condition_or_a_refusal_and_touches_no_other_agent(
    plane: Plane, tmp_path: Path
) -> None:
    async with kubelet.reporting(str(plane.kubeconfig)), operating.operating(plane, tmp_path):
        await apply(plane, REGION % ("here", "inCluster: {}"))
        await apply(plane, AGENT)
        await until(plane, DESK, ready)
        before = await footprint(plane)
        for name, (old, new, _, _) in UNABLE.items():
            await apply(plane, named(name, old, new))
        long = "x" * 253
        await apply(plane, named(long))
        for old, new, said in list(BAD.values())[:2]:  # an edit that is refused, too
            with pytest.raises(AssertionError, match=said):
                await apply(plane, AGENT.replace(old, new))
        for name, (_, _, kind, reason) in UNABLE.items():
            await until(
                plane,
                ("va", "-n", "support", name),
                lambda raw, k=kind, r=reason: condition(raw, k).get("reason") == r,  # type: ignore[misc]
            )
        await until(plane, ("va", "-n", "support", long), ready)
        assert await footprint(plane) == before


@pytest.mark.asyncio(loop_scope="module")
async def test_a_lost_region_is_unknown_keeps_its_pods_and_converges_on_return(plane: Plane, tmp_path: Path) -> None:
    options = PlaneOptions(name="far", controllers=False)
    async with (
        kubelet.reporting(str(plane.kubeconfig)),
        running_plane(tmp_path / "far", options) as far,
        operating.operating(plane, tmp_path) as operator,
    ):
        await operating.prepare_region(far)
        await plane.kubectl(
            "create", "secret", "generic", "-n", "voiceplane-system", "far",
            f"--from-literal=kubeconfig={operating.portable_kubeconfig(far)}",
        )  # fmt: skip
        await apply(plane, REGION % ("far", "kubeConfig: {name: far}"))
        await until(plane, ("vr", "far"), lambda raw: condition(raw, "Ready").get("status") == "True")
        held = ("deployments", "-n", "voiceplane", "-l", "voiceplane.dev/component=speech")
        await apply(plane, AGENT)
        await until(far, held, lambda raw: len(raw["items"]) >= 1)
        os.kill(far.pids["kube-apiserver"], signal.SIGSTOP)
        lost = await until(plane, ("vr", "far"), lambda raw: condition(raw, "Ready").get("status") == "Unknown")
        since = lost["status"]["lostSince"]
        os.kill(operator.process.pid, signal.SIGKILL)  # lostSince is kept over a restart
        await operator.process.wait()
        async with operating.operating(plane, tmp_path / "again", "--identity", "second"):
            await asyncio.sleep(25)  # the lease of the killed one runs out, the new one looks
            again = await read(plane, "vr", "far")
            assert again["status"]["lostSince"] == since
            await plane.kubectl("delete", "va", "-n", "support", "parcel-desk", "--wait=false")
            os.kill(far.pids["kube-apiserver"], signal.SIGCONT)
            back = await until(plane, ("vr", "far"), lambda raw: condition(raw, "Ready").get("status") == "True")
            assert "lostSince" not in back["status"]
            await until(
                far, held, lambda raw: all("parcel-desk" not in one["metadata"]["name"] for one in raw["items"])
            )


@pytest.mark.asyncio(loop_scope="module")
async def test_an_operator_killed_again_and_again_converges(plane: Plane, tmp_path: Path) -> None:
    async with kubelet.reporting(str(plane.kubeconfig)):
        await apply(plane, REGION % ("here", "inCluster: {}"))
        await apply(plane, AGENT.replace("name: parcel-desk", "name: crash"))
        for number in range(8):  # each time a little later in its first passes
            async with operating.operating(plane, tmp_path / str(number), "--no-lease") as operator:
                await until(plane, ("va", "-n", "support", "crash"), lambda raw: bool(raw))
                await asyncio.sleep(1.2 + 0.15 * number)
                os.kill(operator.process.pid, signal.SIGKILL)
                await operator.process.wait()
        async with operating.operating(plane, tmp_path / "last", "--no-lease"):
            await until(plane, ("va", "-n", "support", "crash"), ready)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("not a kubeconfig", "not a kubeconfig"),
        ("{clusters: [], users: [{name: x, user: {exec: {command: sh}}}]}", "exec is not allowed"),
    ],
)
async def test_a_bad_kubeconfig_is_a_condition_of_its_region_only(
    plane: Plane, tmp_path: Path, content: str, said: str
) -> None:
    async with kubelet.reporting(str(plane.kubeconfig)), operating.operating(plane, tmp_path, "--no-lease"):
        secret = (
            "create",
            "secret",
            "generic",
            "-n",
            "voiceplane-system",
            "bad",
            f"--from-literal=kubeconfig={content}",
        )
        await apply(plane, REGION % ("here", "inCluster: {}"))
        await apply(plane, AGENT)
        await until(plane, DESK, ready)
        before = await footprint(plane)
        await plane.kubectl("delete", "secret", "-n", "voiceplane-system", "bad", check=False)
        await plane.kubectl(*secret)
        await apply(plane, REGION % ("bad", "kubeConfig: {name: bad}"))
        await until(plane, ("vr", "bad"), lambda raw: said in condition(raw, "Ready").get("message", ""))
        await until(plane, ("vr", "here"), lambda raw: condition(raw, "Ready").get("status") == "True")
        assert await footprint(plane) == before
        await plane.kubectl("annotate", "vr", "bad", "voiceplane.dev/release-finalizer=true")
        await plane.kubectl("delete", "vr", "bad", "--timeout=30s")
