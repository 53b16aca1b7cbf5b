"""The network policies that a region has once, for the pods of all agents: what they may reach, and media.

They select by the hub's label and the part. Who reaches an agent's pods says its own policy (network): each side of a
connection has to allow it, so that a gateway, which may go to the parts behind any gateway, is let in by its own only.
"""

import hashlib

from voiceplane.contract.region import VoiceRegionSpec
from voiceplane_operator import names
from voiceplane_operator.manifests import common
from voiceplane_operator.manifests.common import GATEWAY_METRICS, PLANNER_GRPC, SIP, SPEECH_GRPC, TOOLS_GRPC, Object

DNS = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
ANY_POD: Object = {"namespaceSelector": {}}
EVERYWHERE: list[Object] = [{"ipBlock": {"cidr": "0.0.0.0/0"}}, {"ipBlock": {"cidr": "::/0"}}]
INNER = ("speech", "planner", "tools")
INNER_PORTS = [{"protocol": "TCP", "port": port} for port in (SPEECH_GRPC, PLANNER_GRPC, TOOLS_GRPC)]


def manifests(spec: VoiceRegionSpec, hub: str, region: str) -> tuple[Object, ...]:
    """Return the policies of the parts behind gateways, of the tools' way out, and of gateways."""
    inner: Object = {
        "matchLabels": {names.HUB: hub},
        "matchExpressions": [{"key": names.COMPONENT, "operator": "In", "values": list(INNER)}],
    }
    names_and_far = [{"to": [ANY_POD], "ports": DNS}, *_far(spec)]
    behind: Object = {"policyTypes": ["Ingress", "Egress"], "ingress": _from_nodes(spec), "egress": names_and_far}
    out: Object = {"policyTypes": ["Egress"], "egress": [{"to": [ANY_POD, *ranges(spec)]}]}
    first, last = common.rtp_ports(spec)
    gateway: Object = {
        "policyTypes": ["Ingress", "Egress"],
        # Metrics hold no personal data; the API server's proxy and scrapers come from addresses that nobody knows.
        "ingress": [
            {"ports": [{"protocol": "UDP", "port": first, "endPort": last}]},
            {"ports": [{"protocol": "TCP", "port": GATEWAY_METRICS}]},
        ],
        # Media goes to whatever address the caller's side names in its SDP: any, but by UDP only.
        "egress": [
            {"to": [{"podSelector": inner}], "ports": INNER_PORTS},
            {
                "to": EVERYWHERE,
                "ports": [{"protocol": "UDP", "port": 1024, "endPort": 65535}, {"protocol": "TCP", "port": SIP}],
            },
            *names_and_far,
        ],
    }
    parts = (("inner", inner, behind), ("tools", _part(hub, "tools"), out), ("gateway", _part(hub, "gateway"), gateway))
    return tuple(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": common.of_region(spec, hub, region, _name(hub, part), "network"),
            "spec": {"podSelector": select, **rules},
        }
        for part, select, rules in parts
    )


def ranges(spec: VoiceRegionSpec) -> list[Object]:
    """Return what the region allows its pods to reach beyond the cluster."""
    if spec.is_open:
        return EVERYWHERE
    return [{"ipBlock": {"cidr": cidr}} for cidr in spec.egress.cidrs]


def _part(hub: str, component: str) -> Object:
    return {"matchLabels": {names.HUB: hub, names.COMPONENT: component}}


def _name(hub: str, part: str) -> str:
    """Return a name that another hub's policies in the same namespace do not have."""
    return f"voiceplane-{part}-{hashlib.sha256(hub.encode()).hexdigest()[:8]}"


def _far(spec: VoiceRegionSpec) -> list[Object]:
    """Return the ways to records and telemetry, which may be in this cluster or beyond."""
    endpoints = {spec.records, common.spans_to(spec)}
    ports = [{"protocol": "TCP", "port": int(one.rpartition(":")[2])} for one in sorted(endpoints)]
    return [{"to": [ANY_POD, *ranges(spec)], "ports": ports}]


def _from_nodes(spec: VoiceRegionSpec) -> list[Object]:
    """Return the way of gateways on the nodes' network; without known addresses of nodes it is open by its ports."""
    if spec.network.exposure != "host":
        return []
    nodes = [{"ipBlock": {"cidr": cidr}} for cidr in spec.network.nodes]
    return [{"ports": INNER_PORTS} | ({"from": nodes} if nodes else {})]
