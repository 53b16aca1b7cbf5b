"""Credentials of regions that change, end and come on two real API servers: nothing else changes by that."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.cluster.plane import Plane, PlaneOptions, running_plane
from tests.control import controllers, operating
from tests.control.access import PROFILES, Planes, Plugin, agent, editing, watching
from tests.control.faults import way_to
from tests.control.operating import AGENT, REGION, apply, condition, read, ready, until

from voiceplane_operator import names

pytestmark = [pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="module")]
TROUBLE = {"Connecting", "RegionLost", "NoAnswer", "AccessDenied", "CredentialsRefused", "TriedAgain", "Slow"}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def planes(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Planes]:
    folder = tmp_path_factory.mktemp("planes")
    async with (
        running_plane(folder / "hub", PlaneOptions(controllers=False)) as hub,
        running_plane(folder / "far", PlaneOptions(name="far", controllers=False)) as far,
        controllers.rolling_out(hub),
        controllers.rolling_out(far),
    ):
        await operating.prepare(hub)
        await operating.prepare_region(far)
        await apply(hub, PROFILES)
        await apply(hub, "\n---\n".join(AGENT.split("\n---")[1:]))
        await hub.kubectl("delete", "va", "-n", "support", "--all")
        yield Planes(hub, far)


def far_region(access: str) -> str:
    """Return the region, in a country of its own."""
    return (REGION % ("far", access)).replace("location: US", "location: DE").replace("60s", "1s")


def va(name: str) -> tuple[str, ...]:
    return ("va", "-n", "support", name)


def up(raw: Any) -> bool:
    """Say whether a region answers."""
    return condition(raw, "Ready").get("status") == "True"


def current(raw: Any, status: str, reason: str = "") -> bool:
    """Say whether the newest credentials of a region that answers are in use, or why not."""
    found = condition(raw, "CredentialsCurrent")
    return up(raw) and found.get("status") == status and reason in ("", found.get("reason"))


async def emptied(hub: Plane) -> None:
    """Remove the agents and the region."""
    await hub.kubectl("delete", "va", "-n", "support", "--all", "--timeout=60s")
    await hub.kubectl("delete", "vr", "--all", "--timeout=60s")


async def test_new_credentials_are_taken_up_without_a_transition_while_agents_are_reconciled(
    planes: Planes, tmp_path: Path
) -> None:
    tokens = [await planes.account(name) for name in ("one", "two", "three")]
    await planes.secret(tokens[0])
    await apply(planes.hub, far_region("kubeConfig: {name: far}"))
    async with operating.operating(planes.hub, tmp_path, "--no-lease"), way_to(planes.far) as way:
        await until(planes.hub, ("vr", "far"), up)
        for name in ("still", "busy"):
            await apply(planes.hub, agent(name, "DE"))
            await until(planes.hub, va(name), ready)
        async with watching(planes.hub) as seen:
            async with editing(planes.hub, "busy", "DE"):
                await planes.secret(tokens[1])
                await asyncio.sleep(3)
                await planes.revoke("one")  # what uses it from now on is told so
                await asyncio.sleep(15)  # the API server remembers for 10 s whom it knows
                await planes.secret(tokens[2], server=f"http://127.0.0.1:{way.port}")  # another endpoint
                await asyncio.sleep(8)
            await until(planes.hub, va("busy"), ready)
        policy = f"{names.prefix('support/still')}-agent"
        await planes.far.kubectl("delete", "networkpolicy", "-n", "voiceplane", policy)
        await until(planes.far, ("networkpolicy", "-n", "voiceplane", policy), lambda _: True)
        await until(planes.hub, ("vr", "far"), lambda raw: current(raw, "True"))
    for name, reasons in seen.reasons.items():
        assert not reasons & TROUBLE, (name, reasons)
    assert [len(seen.changes[name]) for name in ("still", "far")] == [1, 1], seen.changes
    await planes.secret(tokens[2])
    async with operating.operating(planes.hub, tmp_path / "again", "--no-lease"):
        await emptied(planes.hub)


async def test_credentials_that_cannot_be_used_are_told_and_the_former_ones_go_on(
    planes: Planes, tmp_path: Path
) -> None:
    token = await planes.account("former")
    await planes.secret(token)
    await apply(planes.hub, far_region("kubeConfig: {name: far}"))
    async with operating.operating(planes.hub, tmp_path, "--no-lease"):
        await until(planes.hub, ("vr", "far"), lambda raw: current(raw, "True"))
        await apply(planes.hub, agent("still", "DE"))
        await until(planes.hub, va("still"), ready)
        async with watching(planes.hub) as seen:
            await planes.write("nonsense")
            told = await until(planes.hub, ("vr", "far"), lambda raw: current(raw, "False", "AccessDenied"))
            assert "not a kubeconfig" in condition(told, "CredentialsCurrent")["message"]
            await planes.secret("of-nobody")
            await until(planes.hub, ("vr", "far"), lambda raw: current(raw, "False", "CredentialsRefused"))
            await planes.hub.kubectl("delete", "secret", "-n", "voiceplane-system", "far")
            await until(
                planes.hub,
                ("vr", "far"),
                lambda raw: "does not exist" in condition(raw, "CredentialsCurrent").get("message", ""),
            )
            await apply(planes.hub, agent("still", "DE").replace("How can I help you?", "What is it?"))
            await planes.secret(token)
            await until(planes.hub, ("vr", "far"), lambda raw: current(raw, "True"))
            await until(planes.hub, va("still"), ready)
        assert len(seen.changes["far"]) == 1 and not seen.reasons["still"] & TROUBLE, seen
        await emptied(planes.hub)


async def test_credentials_that_end_are_told_harm_no_other_agent_and_new_ones_bring_the_region_back(
    planes: Planes, tmp_path: Path
) -> None:
    tokens = [await planes.account(name) for name in ("ends", "comes")]
    await planes.secret(tokens[0])
    for region in (far_region("kubeConfig: {name: far}"), REGION % ("here", "inCluster: {}")):
        await apply(planes.hub, region)
    async with operating.operating(planes.hub, tmp_path, "--no-lease") as operator:
        for name, location in (("there", "DE"), ("here-one", "US")):
            await apply(planes.hub, agent(name, location))
            await until(planes.hub, va(name), ready)
        uids = await deployments(planes.far)
        async with watching(planes.hub) as seen:
            await planes.revoke("ends")
            told = await until(
                planes.hub,
                ("vr", "far"),
                lambda raw: condition(raw, "Ready").get("reason") == "CredentialsRefused",
                within_s=60,
            )
            assert condition(told, "Ready")["status"] == "Unknown" and told["status"]["lostSince"]
            assert condition(told, "CredentialsCurrent")["status"] == "False"
            await until(planes.hub, va("there"), lambda raw: condition(raw, "Ready").get("reason") == "RegionLost")
            await apply(planes.hub, agent("here-two", "US"))
            await until(planes.hub, va("here-two"), ready)
            await planes.secret(tokens[1])
            await until(planes.hub, ("vr", "far"), up)
            await until(planes.hub, va("there"), ready)
        assert len(seen.changes["here-one"]) == 1 and not seen.reasons["here-one"] & TROUBLE
        assert operator.process.returncode is None and await deployments(planes.far) == uids
        await emptied(planes.hub)


async def deployments(plane: Plane) -> set[str]:
    """Return which Deployments are there; one that was made anew is another."""
    return {one["metadata"]["uid"] for one in (await read(plane, "deployments", "-n", "voiceplane"))["items"]}


async def test_a_cluster_profile_is_followed_and_its_plugin_asked_again_before_the_credential_ends(
    planes: Planes, tmp_path: Path
) -> None:
    plugin = Plugin(tmp_path)
    tokens = [await planes.account(name) for name in ("early", "late")]
    plugin.give(tokens[0])
    authority = base64.b64encode(planes.far.ca.read_bytes()).decode()
    known = {"name": "client.authentication.k8s.io/exec", "extension": {"clusterName": "far"}}
    where = {"server": planes.far.server, "certificate-authority-data": authority, "extensions": [known]}
    meta = {"name": "far", "namespace": "support"}
    profile = {"apiVersion": "multicluster.x-k8s.io/v1alpha1", "kind": "ClusterProfile", "metadata": meta}
    await apply(planes.hub, json.dumps(profile))
    await apply(planes.hub, far_region("clusterProfile: {name: far, namespace: support}"))
    options = ("--no-lease", *plugin.options())
    async with operating.operating(planes.hub, tmp_path, *options) as operator, way_to(planes.far) as way:
        denied = await until(
            planes.hub, ("vr", "far"), lambda raw: condition(raw, "Ready").get("reason") == "AccessDenied"
        )
        assert "no credential provider that is allowed" in condition(denied, "Ready")["message"]
        await planes.profile(where)
        await until(planes.hub, ("vr", "far"), lambda raw: current(raw, "True"))
        assert plugin.told()[0] == {
            **{key: where[key] for key in ("server", "certificate-authority-data")},
            "config": {"clusterName": "far"},
        }
        await apply(planes.hub, agent("still", "DE"))
        await until(planes.hub, va("still"), ready)
        async with watching(planes.hub) as seen:
            plugin.give(tokens[1])
            await plugin.asked(len(plugin.told()) + 2, planes.far.server)  # the token of before has ended
            await planes.revoke("early")
            await asyncio.sleep(15)  # the API server remembers for 10 s whom it knows
            plugin.fails()
            told = await until(planes.hub, ("vr", "far"), lambda raw: current(raw, "False", "PluginFailed"))
            assert "status 7" in condition(told, "CredentialsCurrent")["message"]
            plugin.works()
            await until(planes.hub, ("vr", "far"), lambda raw: current(raw, "True"))
            elsewhere = f"http://127.0.0.1:{way.port}"
            await planes.profile({"server": elsewhere})  # a change of the object is heard of
            await plugin.asked(1, elsewhere)
            await asyncio.sleep(5)
        assert len(seen.changes["far"]) == len(seen.changes["still"]) == 1, seen.changes
        plugin.fails()
        await planes.revoke("late")
        await until(
            planes.hub,
            ("vr", "far"),
            lambda raw: condition(raw, "Ready").get("reason") == "PluginFailed",
            within_s=60,
        )
        plugin.give(await planes.account("last"))
        plugin.works()
        await until(planes.hub, ("vr", "far"), lambda raw: current(raw, "True"))
        assert operator.process.returncode is None
        await emptied(planes.hub)
