"""What a trunk is pointed at: the address that a cloud gave the Service of SIP, in the agent's status."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.plane import PlaneOptions, running_plane
from tests.control import controllers, operating
from tests.control.operating import AGENT as APPLIED_AGENT
from tests.control.operating import REGION, apply, condition, until
from tests.control.samples import AGENT, region, target, view_of

from voiceplane.contract import status as contract
from voiceplane_operator.api.kinds import KINDS
from voiceplane_operator.commands.files import target_of
from voiceplane_operator.decide import plan, status
from voiceplane_operator.decide.facts import child
from voiceplane_operator.decide.status import FALSE, TRUE, UNKNOWN, Outcome
from voiceplane_operator.manifests import gateway
from voiceplane_operator.regions.watch import RegionWatch

DESK = ("va", "-n", "support", "parcel-desk")
BALANCED = {"serviceType": "LoadBalancer"}


def service(version: int = 7, *ingress: dict[str, str], wanted: str = "sip") -> dict[str, Any]:
    told = {"loadBalancer": {"ingress": list(ingress)}} if ingress else {}
    return {"kind": "Service", "metadata": {"name": wanted, "resourceVersion": str(version)}, "status": told}


@pytest.mark.parametrize(
    ("ingress", "at", "told"),
    [
        ((), (), ""),
        (({"ip": "203.0.113.7"},), ("203.0.113.7",), "203.0.113.7:5060"),
        (({"hostname": "sip.elb.example"},), ("sip.elb.example",), "sip.elb.example:5060"),
        (
            ({"ip": "203.0.113.7", "hostname": "a.example"}, {"ip": "2001:db8::7"}, {}),
            ("203.0.113.7", "2001:db8::7"),
            "203.0.113.7:5060, [2001:db8::7]:5060",
        ),
    ],
)
def test_the_address_of_a_load_balancer_is_told_as_a_trunk_takes_it(
    ingress: tuple[dict[str, str], ...], at: tuple[str, ...], told: str
) -> None:
    assert child(service(7, *ingress), "Service", before=None).at == at
    for wanted, expected in (
        (target_of(AGENT, region("on-prem", network=BALANCED)), told),
        (target("on-prem"), ""),  # reached in the cluster
        (target("region-local"), ""),  # on the nodes' network
    ):
        wanted = replace(wanted, serving=wanted.revision.name)
        view, key = view_of(wanted), gateway.address(wanted)
        view.children[key] = replace(view.children[key], at=at)
        planned = plan.converge(wanted, view)
        assert planned.address == expected
        named = f"Service voiceplane/{key[1]}"
        ways = {
            True: f", at {told} ({named})",
            False: f", at {named}, to which no load balancer has given an address yet",
        }
        balanced = wanted.spec.network.service_type == "LoadBalancer"
        assert planned.message.endswith(ways[bool(told)] if balanced else f", at {named}")


def test_the_answer_to_an_own_apply_does_not_take_an_address_away() -> None:
    watch = RegionWatch(None, "voiceplane", "hub", lambda _: None)  # type: ignore[arg-type]
    watch._take(KINDS["Service"], service(7, {"ip": "203.0.113.7"}))
    answer = service(8)
    del answer["status"]  # it is the object's metadata only
    watch.applied(answer)
    assert watch.view("").children["Service", "sip"].at == ("203.0.113.7",)
    assert not watch.view("").rollouts, "a Service is no workload"
    watch._take(KINDS["Service"], service(9))
    assert watch.view("").children["Service", "sip"].at == ()


def test_an_address_is_remembered_while_a_region_is_lost_and_a_column_names_the_first() -> None:
    def states(before: list[dict[str, Any]], *outcomes: Outcome) -> list[dict[str, Any]]:
        return status.region_states(outcomes, before, now="", generation=1)

    known = states([], Outcome("a", TRUE, "Serving", "", address="203.0.113.7:5060"))
    lost = states(known, Outcome("a", UNKNOWN, "RegionLost", ""))
    assert lost[0]["address"] == "203.0.113.7:5060"
    gone = states(lost, Outcome("a", FALSE, "Starting", "", address=""))
    assert "address" not in gone[0] and status.addresses(gone) is None
    many = states([], *(Outcome(f"r{n}", TRUE, "Serving", "", address=f"{n}.example:5060") for n in range(5)))
    assert status.addresses(many) == "0.example:5060, 1.example:5060, 2.example:5060, and 2 more"
    longest = ", ".join([f"{'a' * 253}:5060"] * 3)
    told = status.addresses([{"address": longest}] * 3)
    contract.VoiceAgentStatus.model_validate({"address": told})


@pytest.mark.timeout(300)
async def test_an_agent_tells_the_address_that_a_cloud_gave_its_service(tmp_path: Path) -> None:
    options = PlaneOptions(controllers=False)
    async with running_plane(tmp_path / "plane", options) as plane, controllers.rolling_out(plane):
        await operating.prepare(plane)
        await apply(plane, REGION % ("here", "capacity: 1000, inCluster: {}, network: {serviceType: LoadBalancer}"))
        async with operating.operating(plane, tmp_path, "--no-lease"):
            await apply(plane, APPLIED_AGENT)
            waits = await until(plane, DESK, operating.ready)
            assert "address" not in waits["status"]
            name = (
                waits["status"]["regionStates"][0]["condition"]["message"].partition("voiceplane/")[2].partition(",")[0]
            )
            given = json.dumps({"status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.7"}]}}})
            patch = ("--subresource=status", "--type=merge", "-p", given)
            await plane.kubectl("patch", "service", "-n", "voiceplane", name, *patch)
            told = await until(plane, DESK, lambda raw: "address" in raw["status"])
            (state,) = told["status"]["regionStates"]
            assert state["address"] == told["status"]["address"] == "203.0.113.7:5060"
            assert "at 203.0.113.7:5060 (Service voiceplane/" in state["condition"]["message"]
            assert condition(told, "Ready") == condition(waits, "Ready"), "it is no news of readiness"
            wide = await plane.kubectl("get", *DESK, "-o", "wide")
            assert "ADDRESS" in wide and "203.0.113.7:5060" in wide
            assert "203.0.113.7" not in await plane.kubectl("get", *DESK), "the usual columns stay few"
