"""Who reaches whom: the network policies of a region and of its agents together, as Kubernetes reads them."""

import ipaddress
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from tests.control.samples import AGENT, MODEL, region, target
from tests.control.test_scaling_and_ways import CARRIER

from voiceplane.contract.region import VoiceRegion
from voiceplane_operator import manifests, names
from voiceplane_operator.commands.files import target_of
from voiceplane_operator.manifests import ways
from voiceplane_operator.manifests.target import Target

Object = dict[str, Any]
OTHER = AGENT.replace("parcel-desk", "other-desk")
FAR, NEAR, TRUNK = "203.0.113.9", "10.1.2.3", "198.51.100.7"  # of the internet, of the region's egress, of the carrier


@dataclass(frozen=True, slots=True)
class Peer:
    """An end of a connection: a pod in this namespace or another by its labels, or an address."""

    labels: Object = field(default_factory=dict)
    here: bool = True
    address: str = ""


@dataclass(frozen=True, slots=True)
class Net:
    """Policies of one namespace, and the pods of two agents in it."""

    policies: tuple[Object, ...]
    pods: dict[tuple[str, str], Peer]

    def part(self, name: str, agent: str = "parcel-desk") -> Peer:
        return self.pods[agent, name]

    def opens(self, one: Peer, other: Peer, port: int, protocol: str = "TCP") -> bool:
        """Say whether policies at both ends let a connection through."""
        sends = self._lets("egress", one, other, port, protocol)
        return sends and self._lets("ingress", other, one, port, protocol)

    def _lets(self, way: str, of: Peer, peer: Peer, port: int, protocol: str) -> bool:
        if not of.here or of.address:
            return True
        chosen = [one for one in self.policies if selects(one["podSelector"], of.labels)]
        chosen = [one for one in chosen if way.capitalize() in one["policyTypes"]]
        assert chosen or way == "egress", "the region's default policy lets nothing in"
        side = {"egress": "to", "ingress": "from"}[way]
        rules = [rule for one in chosen for rule in one.get(way, ())]
        lets = any(_ports(rule, port, protocol) and _peers(rule.get(side), peer) for rule in rules)
        return lets or not chosen


def selects(selector: Object, labels: Object) -> bool:
    """Say whether a label selector takes these labels."""
    matches = all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
    expressions = selector.get("matchExpressions", ())
    assert all(one["operator"] == "In" for one in expressions)
    return matches and all(labels.get(one["key"]) in one["values"] for one in expressions)


def _ports(rule: Object, port: int, protocol: str) -> bool:
    ports = rule.get("ports")
    return not ports or any(
        one["protocol"] == protocol and one["port"] <= port <= one.get("endPort", one["port"]) for one in ports
    )


def _peers(peers: list[Object] | None, peer: Peer) -> bool:
    return not peers or any(_peer(one, peer) for one in peers)


def _peer(one: Object, peer: Peer) -> bool:
    if "ipBlock" in one:
        return bool(peer.address) and ipaddress.ip_address(peer.address) in ipaddress.ip_network(one["ipBlock"]["cidr"])
    within = peer.here or "namespaceSelector" in one
    return not peer.address and within and selects(one.get("podSelector", {}), peer.labels)


def net(of: VoiceRegion, *agents: Target) -> Net:
    """Return what a region has of these agents, with a pod of each of their Deployments and of their RayServices."""
    once = ways.manifests(of.spec, "hub", of.metadata.name)
    made = [(agent, one) for agent in agents for one in manifests.render(agent)]
    policies = [*once, *(one for _, one in made if one["kind"] == "NetworkPolicy")]
    pods = {}
    for agent, one in made:
        spec = one.get("spec", {})
        template = spec.get("template") or spec.get("rayClusterConfig", {}).get("headGroupSpec", {}).get("template")
        if template:
            labels = template["metadata"]["labels"]
            pods[agent.owner.partition("/")[2], labels[names.COMPONENT]] = Peer(labels)
    return Net(tuple(one["spec"] for one in policies), pods)


def two_agents(mode: str, text: str = AGENT, **more: object) -> Net:
    of = region(mode, **more)
    return net(of, target_of(text, of), target_of(OTHER, of))


@pytest.mark.parametrize("mode", ["cloud", "on-prem"])
def test_a_gateway_reaches_its_own_parts_at_their_ports_and_nobody_elses(mode: str) -> None:
    here = two_agents(mode)
    gateway = here.part("gateway")
    for part, port in (("speech", 8001), ("planner", 9000), ("tools", 9001)):
        assert here.opens(gateway, here.part(part), port)
        assert not here.opens(gateway, here.part(part, "other-desk"), port), "parts of another agent"
        assert not here.opens(gateway, here.part(part), 8265), "a port that is not the gateways'"
        assert not here.opens(Peer({"app": "of-somebody"}, here=False), here.part(part), port)
        assert not here.opens(here.part(part), gateway, 9003), "what is behind a gateway does not control calls"
        assert not here.opens(here.part(part), here.part(part, "other-desk"), port)
    assert not here.opens(gateway, here.part("gateway", "other-desk"), 9003)


@pytest.mark.parametrize("mode", ["cloud", "on-prem"])
def test_anyone_calls_and_hears_a_gateway_and_its_metrics_are_read(mode: str) -> None:
    here = two_agents(mode)
    gateway, caller = here.part("gateway"), Peer(address=FAR)
    for protocol in ("UDP", "TCP"):
        assert here.opens(caller, gateway, 5060, protocol)
    assert here.opens(caller, gateway, 20500, "UDP") and here.opens(gateway, caller, 40000, "UDP")
    assert here.opens(caller, gateway, 9103) and not here.opens(caller, gateway, 9003)
    assert here.opens(gateway, caller, 5060) and not here.opens(gateway, caller, 443)


def test_a_trunk_closes_the_gateways_to_all_but_its_sources_and_the_test_call() -> None:
    of = region("cloud")
    here = net(of, replace(target_of(AGENT, of), trunks=(CARRIER,)), target_of(OTHER, of))
    gateway, test_call = here.part("gateway"), Peer({names.TEST_CALL: "true"})
    assert here.opens(Peer(address=TRUNK), gateway, 5060, "UDP") and here.opens(test_call, gateway, 5060, "UDP")
    assert not here.opens(Peer(address=FAR), gateway, 5060, "UDP")
    assert here.opens(Peer(address=FAR), here.part("gateway", "other-desk"), 5060, "UDP"), "another agent's stay open"


def test_pods_reach_outside_what_their_part_needs_and_the_region_allows() -> None:
    open_, closed = two_agents("cloud"), two_agents("on-prem")
    records, names_server = Peer({"app": "records"}, here=False), Peer({"k8s-app": "kube-dns"}, here=False)
    for here in (open_, closed):
        for part in ("speech", "planner", "tools", "gateway"):
            assert here.opens(here.part(part), records, 9002) and here.opens(here.part(part), names_server, 53, "UDP")
        assert here.opens(here.part("tools"), Peer({"app": "crm"}, here=False), 8443)
        assert not here.opens(here.part("speech"), Peer({"app": "crm"}, here=False), 8443)
        assert not here.opens(here.part("planner"), Peer(address=FAR), 443)
    assert open_.opens(open_.part("tools"), Peer(address=FAR), 443)
    assert not closed.opens(closed.part("tools"), Peer(address=FAR), 443)
    assert closed.opens(closed.part("tools"), Peer(address=NEAR), 443), "what spec.egress names"


def test_a_model_planner_may_reach_its_endpoint_and_a_flow_planner_nothing_outside() -> None:
    here = two_agents("on-prem", MODEL)
    assert here.opens(here.part("planner"), Peer(address=NEAR), 80)
    assert not here.opens(here.part("planner"), Peer(address=FAR), 80), "not in the region's egress"
    assert not here.opens(here.part("planner"), Peer(address=NEAR), 443), "another port"
    assert not here.opens(here.part("planner", "other-desk"), Peer(address=NEAR), 80)


def test_rays_nodes_talk_at_any_port_with_those_of_their_agent_only() -> None:
    wide = two_agents("on-prem", sizes={"planner": {"replicas": 3}})
    planner = wide.part("planner")
    assert wide.opens(planner, planner, 6379) and wide.opens(planner, planner, 12345)
    assert not wide.opens(planner, wide.part("planner", "other-desk"), 6379)
    assert not wide.opens(wide.part("gateway"), planner, 6379) and wide.opens(wide.part("gateway"), planner, 9000)
    alone = two_agents("on-prem")
    assert not alone.opens(alone.part("tools"), alone.part("planner"), 6379)


def test_kuberay_asks_its_dashboards_and_nobody_else_does() -> None:
    here = two_agents("cloud")
    kuberay = Peer({"app.kubernetes.io/name": "kuberay-operator"}, here=False)
    assert here.opens(kuberay, here.part("planner"), 8265)
    assert not here.opens(Peer({"app": "a"}, here=False), here.part("planner"), 8265)
    without = two_agents("on-prem")
    assert not without.opens(kuberay, without.part("planner"), 8265)


def test_gateways_on_the_nodes_network_reach_the_parts_behind_them() -> None:
    anyone, node = two_agents("region-local"), Peer(address="192.0.2.9")
    named = two_agents("region-local", network={"exposure": "host", "nodes": ["192.0.2.0/24"]})
    for part, port in (("speech", 8001), ("planner", 9000), ("tools", 9001)):
        assert anyone.opens(node, anyone.part(part), port) and named.opens(node, named.part(part), port)
        assert anyone.opens(Peer(address=FAR), anyone.part(part), port), "no address of nodes is known"
        assert not named.opens(Peer(address=FAR), named.part(part), port)
        assert not anyone.opens(node, anyone.part(part), 6379)


def test_two_hubs_policies_in_one_namespace_have_other_names_and_other_pods() -> None:
    one, other = (ways.manifests(region().spec, hub, "r") for hub in ("hub", "hub-2"))
    assert not {each["metadata"]["name"] for each in one} & {each["metadata"]["name"] for each in other}
    labels = net(region(), target()).part("speech").labels
    assert not any(selects(each["spec"]["podSelector"], labels) for each in other)
