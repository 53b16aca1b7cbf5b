"""How gateways are scaled over a rollout, how they learn who may call, and what a larger planner is made of."""

import json
from dataclasses import replace
from typing import Any

import pytest
from tests.control.samples import AGENT, region, target, view_of

from voiceplane.contract.agent import Placement
from voiceplane.contract.trunk import TrunkIdentity, TrunkOfAgent, Trunks, Trust
from voiceplane_operator import manifests, names
from voiceplane_operator.commands.files import target_of
from voiceplane_operator.decide import plan
from voiceplane_operator.decide.facts import Rollout
from voiceplane_operator.decide.placement import Candidate, choose
from voiceplane_operator.decide.shares import Shares
from voiceplane_operator.manifests.target import Target
from voiceplane_operator.reconcile.bundles import trunk

EDITED = AGENT.replace("How can", "Now how can")
CARRIER = TrunkOfAgent(name="support/carrier", sources=("198.51.100.0/24",), numbers=("+15550100",))
KEDA = {"enabled": True, "engine": "keda", "prometheus": "http://prometheus.monitoring:9090", "maxReplicas": 4}


def only(wanted: Target, kind: str, ending: str = "") -> dict[str, Any]:
    found = [
        one for one in manifests.render(wanted) if one["kind"] == kind and one["metadata"]["name"].endswith(ending)
    ]
    assert len(found) == 1, [one["metadata"]["name"] for one in found]
    return found[0]


def test_a_scaled_revision_takes_calls_only_with_as_many_gateways_as_served_before() -> None:
    old = target("cloud")
    new = replace(target_of(EDITED, region("cloud")), others=(old.revision,))
    view, before = view_of(replace(new, serving=old.revision.name)), view_of(old)
    key = ("Deployment", names.gateway_name(old.prefix, old.revision.name))
    fresh = ("Deployment", names.gateway_name(new.prefix, new.revision.name))
    view.children[key], view.rollouts[key] = before.children[key], Rollout(True, 3, 3)
    planned = plan.converge(new, view)
    scaler = next(one for one in planned.apply if one["kind"] == "HorizontalPodAutoscaler")
    assert (planned.serving, scaler["spec"]["minReplicas"]) == (old.revision.name, 3)
    view.rollouts[fresh] = Rollout(True, 3, 3)
    assert plan.converge(new, view).serving == new.revision.name


def test_calls_stay_where_they_came_to_while_a_part_behind_is_replaced() -> None:
    old = target("on-prem")
    new = replace(target_of(EDITED, region("on-prem")), others=(old.revision,))
    key = ("Deployment", names.gateway_name(old.prefix, old.revision.name))
    before = view_of(old)
    for pointed, takes in ((new.revision.name, new.revision.name), (old.revision.name, old.revision.name)):
        view = view_of(replace(new, serving=pointed), without="tools")
        view.children[key], view.rollouts[key] = before.children[key], before.rollouts[key]
        assert plan.converge(new, view).serving == takes


def test_gateways_scale_no_further_than_the_capacity_and_what_served_before() -> None:
    small = only(replace(target(), capacity=25), "HorizontalPodAutoscaler")["spec"]
    large = only(replace(target(), capacity=100_000), "HorizontalPodAutoscaler")["spec"]
    rolling = only(replace(target(), capacity=25, floor=5), "HorizontalPodAutoscaler")["spec"]
    assert [(one["minReplicas"], one["maxReplicas"]) for one in (small, large, rolling)] == [(1, 2), (1, 10), (5, 5)]


def test_keda_asks_prometheus_for_the_calls_of_one_revision() -> None:
    wanted = replace(target_of(AGENT, region("cloud", autoscaling=KEDA)), capacity=1000)
    scaled = only(wanted, "ScaledObject")["spec"]
    (trigger,) = scaled["triggers"]
    assert trigger["metadata"]["query"] == (
        f'sum(voiceplane_calls_active{{voiceplane_dev_agent="{wanted.prefix}",'
        f'voiceplane_dev_revision="{wanted.revision.name}"}})'
    )
    assert trigger["metadata"]["ignoreNullValues"] == "false", "no answer is not no calls"
    assert (scaled["minReplicaCount"], scaled["maxReplicaCount"]) == (1, 4)
    assert "replicas" not in only(wanted, "Deployment", wanted.revision.name)["spec"]
    with pytest.raises(ValueError, match="needs prometheus"):
        region("cloud", autoscaling={"enabled": True, "engine": "keda"})


@pytest.mark.parametrize(("after", "window_s", "period_s"), [("10m", 600, 300), ("1h", 3600, 1800), ("2s", 2, 1)])
def test_gateways_go_one_by_one_after_a_lull_that_the_region_names(after: str, window_s: int, period_s: int) -> None:
    engines: dict[str, dict[str, Any]] = {"HorizontalPodAutoscaler": {"enabled": True}, "ScaledObject": KEDA}
    for kind, more in engines.items():
        wanted = target_of(AGENT, region("cloud", autoscaling=more | {"scaleDownAfter": after}))
        spec = only(wanted, kind)["spec"]
        spec = spec if kind != "ScaledObject" else spec["advanced"]["horizontalPodAutoscalerConfig"]
        one = {"type": "Pods", "value": 1, "periodSeconds": period_s}
        assert spec["behavior"]["scaleDown"] == {"stabilizationWindowSeconds": window_s, "policies": [one]}
    with pytest.raises(ValueError, match="from 2s to 1h"):
        region("cloud", autoscaling={"enabled": True, "scaleDownAfter": "61m"})


@pytest.mark.parametrize(("mode", "closed"), [("cloud", False), ("region-local", True)])
def test_gateways_follow_the_trunks_and_keep_others_out_where_no_policy_holds(mode: str, closed: bool) -> None:
    wanted = replace(target(mode), trunks=(CARRIER,))
    told = json.loads(only(wanted, "ConfigMap")["data"]["trunks.json"])
    assert told == {"closed": closed, "trunks": [{"name": "support/carrier", "sources": ["198.51.100.0/24"],
                                                  "numbers": ["+15550100"]}]}  # fmt: skip
    assert Trunks.model_validate(told).trunks == (CARRIER,), "as a gateway reads it"
    assert not json.loads(only(target(mode), "ConfigMap")["data"]["trunks.json"])["closed"]
    gateway = only(wanted, "Deployment", wanted.revision.name)
    assert gateway == only(target(mode), "Deployment", wanted.revision.name), "a change of trunks rolls no gateway"
    command = gateway["spec"]["template"]["spec"]["containers"][0]["command"]
    assert command[command.index("--trunks") + 1] == f"/etc/voiceplane/agents/{wanted.revision.name}/trunks.json"
    behind = [one for one in manifests.render(wanted) if one["kind"] == "Deployment" and one != gateway]
    assert behind and "trunks.json" not in str(behind), "what is behind the gateways need not know who may call"


def test_a_trust_is_told_the_gateways_as_it_stands_in_the_trunk() -> None:
    spec = {"sources": ["198.51.100.0/24"], "numbers": ["+15550100"], "identity": {"trust": "asserted"}}
    named = {"agentRef": {"name": "parcel-desk"}, **spec}
    trusted = trunk({"metadata": {"name": "carrier", "namespace": "support"}, "spec": named})
    assert trusted == CARRIER.model_copy(update={"identity": TrunkIdentity(trust=Trust.ASSERTED)})
    told = only(replace(target(), trunks=(trusted,)), "ConfigMap")["data"]["trunks.json"]
    assert Trunks.model_validate_json(told).trunks == (trusted,)


@pytest.mark.parametrize(
    ("kind", "trunks", "policy"),
    [("LoadBalancer", (CARRIER,), "Local"), ("LoadBalancer", (), None), ("ClusterIP", (CARRIER,), None)],
)
def test_a_trunks_address_is_seen_by_the_gateways_through_the_service(
    kind: str, trunks: tuple[TrunkOfAgent, ...], policy: str | None
) -> None:
    wanted = target_of(AGENT, region("cloud", network={"serviceType": kind}))
    service = only(replace(wanted, trunks=trunks), "Service", "-sip")["spec"]
    assert service.get("externalTrafficPolicy") == policy


def test_a_gateway_holds_no_more_calls_than_were_measured_in_one() -> None:
    spec = region("cloud").spec
    assert spec.gateway.calls == 20, "docs/kubernetes.md and docs/benchmarks.md say where it comes from"
    assert [replace(target("on-prem"), capacity=calls).gateways for calls in (20, 21, 50)] == [1, 2, 3]


@pytest.mark.parametrize(("calls", "last"), [(50, 20999), (333, 20999), (2000, 25999)])
def test_a_gateway_has_media_ports_for_all_its_calls(calls: int, last: int) -> None:
    wanted = target_of(AGENT, region("cloud", gateway={"calls": calls}))
    command = only(wanted, "Deployment", wanted.revision.name)["spec"]["template"]["spec"]["containers"][0]["command"]
    assert command[command.index("--rtp-ports") + 1] == f"20000-{last}"


def test_a_planner_of_three_is_a_head_and_two_workers() -> None:
    wanted = target_of(AGENT, region("cloud", sizes={"planner": {"replicas": 3}}))
    cluster = only(wanted, "RayService")["spec"]["rayClusterConfig"]
    (workers,) = cluster["workerGroupSpecs"]
    assert (workers["replicas"], workers["minReplicas"], workers["maxReplicas"]) == (2, 2, 2)
    (worker,), (head,) = (one["template"]["spec"]["containers"] for one in (workers, cluster["headGroupSpec"]))
    assert worker["image"] == head["image"] and {one["name"] for one in worker["ports"]} == {"serve", "grpc"}
    assert "workerGroupSpecs" not in only(target(), "RayService")["spec"]["rayClusterConfig"]


def test_gateways_of_one_revision_are_replaced_as_the_agent_allows() -> None:
    spec = only(replace(target(), max_unavailable=2), "Deployment", target().revision.name)["spec"]
    host = only(target("region-local"), "Deployment", target().revision.name)["spec"]
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 2, "maxSurge": 1}
    assert host["strategy"]["rollingUpdate"] == {"maxUnavailable": 1, "maxSurge": 0}, "its ports are taken till then"


def test_agents_share_a_regions_capacity_and_none_loses_what_it_has() -> None:
    shares = Shares()

    def place(agent: str, calls: int) -> tuple[str, int]:
        taken, own = shares.of_others(agent, "r"), shares.own(agent, "r")
        candidate = Candidate("r", region(capacity=100).spec, True, False, own > 0, taken=taken, own=own)
        choice = choose(Placement(modes=("cloud",), capacity=calls), (candidate,))
        shares.put(agent, dict(choice.shares))
        return choice.reason, shares.own(agent, "r")

    assert [place("a", 60), place("b", 40)] == [("", 60), ("", 40)]
    assert place("c", 50) == ("TooFewCalls", 0)
    assert place("a", 80) == ("TooFewCalls", 60), "it keeps what it has"
    assert place("a", 60) == ("", 60)
    shares.put("b", {})
    assert place("c", 50) == ("TooFewCalls", 40)
    assert place("c", 40) == ("", 40)


def test_regions_that_take_nobody_are_told_with_why_and_where_more_is_told() -> None:
    shut, here = region(suspend=True).spec, region().spec
    away = Candidate("b", here, False, False, False, problem="CredentialsRefused")
    told = choose(Placement(modes=("cloud",)), (away, Candidate("a", shut, True, False, False)))
    assert (told.reason, told.shares) == ("NoRegionAnswers", ())
    assert told.message.endswith("a (suspended), b (CredentialsRefused); kubectl describe vr a tells more")
