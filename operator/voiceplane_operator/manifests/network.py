"""Network policies: who may reach an agent's pods, and what they may reach.

A gateway on its node's network is beyond policies, and its packets come from the node: the parts behind it then admit
the region's nodes.
"""

from urllib.parse import urlsplit

from voiceplane_operator import names
from voiceplane_operator.manifests import common
from voiceplane_operator.manifests.common import GATEWAY_METRICS, PLANNER_GRPC, SIP, Object
from voiceplane_operator.manifests.target import Target

DNS = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
ANY_POD: Object = {"namespaceSelector": {}}
TEST_CALL: Object = {"podSelector": {"matchLabels": {names.TEST_CALL: "true"}}}
INNER = ("speech", "planner", "tools")
INNER_PORTS = [{"protocol": "TCP", "port": port} for port in (common.SPEECH_GRPC, PLANNER_GRPC, common.TOOLS_GRPC)]


def manifests(target: Target) -> tuple[Object, ...]:
    """Return the policies of the parts behind the gateway, of the tools' way out, and of the gateway."""
    policies = [_inner(target), _tools(target)]
    if target.revision.model_endpoint:
        policies.append(_planner(target))
    if target.block is None:  # a pod on its node's network is beyond policies: the node's firewall guards it
        policies.append(_gateway(target))
    return tuple(policies)


def _policy(target: Target, name: str, select: Object, spec: Object) -> Object:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": common.metadata(target, f"{target.prefix}-{name}", "network"),
        "spec": {"podSelector": select, **spec},
    }


def _own(target: Target) -> Object:
    return {"podSelector": {"matchLabels": {names.AGENT: target.prefix}}}


def _far(target: Target) -> list[Object]:
    """Return the ways to records and telemetry, which may be in this cluster or beyond."""
    endpoints = {target.spec.records, common.spans_to(target.spec)}
    ports = [{"protocol": "TCP", "port": int(one.rpartition(":")[2])} for one in sorted(endpoints)]
    return [{"to": [ANY_POD, *_ranges(target)], "ports": ports}]


def _ranges(target: Target) -> list[Object]:
    if target.spec.is_open:
        return [{"ipBlock": {"cidr": "0.0.0.0/0"}}, {"ipBlock": {"cidr": "::/0"}}]
    return [{"ipBlock": {"cidr": cidr}} for cidr in target.spec.egress.cidrs]


def _inner(target: Target) -> Object:
    select = {
        "matchLabels": {names.AGENT: target.prefix},
        "matchExpressions": [{"key": names.COMPONENT, "operator": "In", "values": list(INNER)}],
    }
    kuberay = {"namespaceSelector": {}, "podSelector": {"matchLabels": {"app.kubernetes.io/name": "kuberay-operator"}}}
    ingress: list[Object] = [{"from": [_own(target)]}, *_from_nodes(target)]
    if "kuberay" in target.engines:
        ports = [{"protocol": "TCP", "port": port} for port in (8265, 8000)]
        ingress.append({"from": [kuberay], "ports": ports})
    egress = [{"to": [_own(target)]}, {"to": [ANY_POD], "ports": DNS}, *_far(target)]
    return _policy(
        target, "inner", select, {"policyTypes": ["Ingress", "Egress"], "ingress": ingress, "egress": egress}
    )


def _from_nodes(target: Target) -> list[Object]:
    """Return the way of gateways on the nodes' network; without known addresses of nodes it is open by its ports."""
    if target.block is None:
        return []
    nodes = [{"ipBlock": {"cidr": cidr}} for cidr in target.spec.network.nodes]
    return [{"ports": INNER_PORTS} | ({"from": nodes} if nodes else {})]


def _planner(target: Target) -> Object:
    """Return the way of a model planner to its endpoint: in this cluster, or where the region allows."""
    endpoint = urlsplit(target.revision.model_endpoint)
    port = endpoint.port or (443 if endpoint.scheme == "https" else 80)
    return _policy(
        target,
        "planner",
        {"matchLabels": common.selector(target, "planner")},
        {
            "policyTypes": ["Egress"],
            "egress": [{"to": [ANY_POD, *_ranges(target)], "ports": [{"protocol": "TCP", "port": port}]}],
        },
    )


def _tools(target: Target) -> Object:
    """Return the way of the tools to other systems: this cluster's, and what the region allows beyond."""
    select = {"matchLabels": common.selector(target, "tools")}
    return _policy(
        target,
        "tools",
        select,
        {"policyTypes": ["Egress"], "egress": [{"to": [ANY_POD, *_ranges(target)]}]},
    )


def _gateway(target: Target) -> Object:
    sip = [{"protocol": protocol, "port": SIP} for protocol in ("UDP", "TCP")]
    first, last = common.rtp_ports(target.spec)
    media = [{"protocol": "UDP", "port": first, "endPort": last}]
    from_trunks: Object = {"ports": sip}
    if target.sources:
        from_trunks["from"] = [{"ipBlock": {"cidr": cidr}} for cidr in sorted(target.sources)] + [TEST_CALL]
    # Media goes to whatever address the caller's side names in its SDP: any, but by UDP only.
    everywhere = [{"ipBlock": {"cidr": "0.0.0.0/0"}}, {"ipBlock": {"cidr": "::/0"}}]
    egress = [
        {"to": [_own(target)], "ports": INNER_PORTS},
        {"to": [ANY_POD], "ports": DNS},
        {
            "to": everywhere,
            "ports": [{"protocol": "UDP", "port": 1024, "endPort": 65535}, {"protocol": "TCP", "port": SIP}],
        },
        *_far(target),
    ]
    return _policy(
        target,
        "gateway",
        {"matchLabels": common.selector(target, "gateway")},
        {
            "policyTypes": ["Ingress", "Egress"],
            # Metrics hold no personal data; the API server's proxy and scrapers come from addresses that nobody knows.
            "ingress": [from_trunks, {"ports": media}, {"ports": [{"protocol": "TCP", "port": GATEWAY_METRICS}]}],
            "egress": egress,
        },
    )
