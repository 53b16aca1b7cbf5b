"""An agent's network policies: who may reach its pods. What all agents of a region have in common is in ways.

A gateway on its node's network is beyond policies: the node's firewall guards it.
"""

from urllib.parse import urlsplit

from voiceplane_operator import names
from voiceplane_operator.manifests import common, ways
from voiceplane_operator.manifests.common import SIP, Object
from voiceplane_operator.manifests.target import Target

TEST_CALL: Object = {"podSelector": {"matchLabels": {names.TEST_CALL: "true"}}}
KUBERAY: Object = {
    "namespaceSelector": {},
    "podSelector": {"matchLabels": {"app.kubernetes.io/name": "kuberay-operator"}},
}


def manifests(target: Target) -> tuple[Object, ...]:
    """Return the policy of all the agent's pods and, where its planners talk to more than its gateways, theirs."""
    every = {"matchLabels": {names.AGENT: target.prefix}}
    # One for all parts: behind the gateway nobody answers SIP, and the gateway answers at no port of those behind it.
    from_trunks: Object = {"ports": [{"protocol": protocol, "port": SIP} for protocol in ("UDP", "TCP")]}
    if target.sources:
        from_trunks["from"] = [{"ipBlock": {"cidr": cidr}} for cidr in target.sources] + [TEST_CALL]
    ingress: list[Object] = [{"from": [{"podSelector": every}], "ports": ways.INNER_PORTS}, from_trunks]
    if "kuberay" in target.engines:
        ingress.append({"from": [KUBERAY], "ports": [{"protocol": "TCP", "port": port} for port in (8265, 8000)]})
    return (_policy(target, "agent", every, {"policyTypes": ["Ingress"], "ingress": ingress}), *_planner(target))


def _policy(target: Target, name: str, select: Object, spec: Object) -> Object:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": common.metadata(target, f"{target.prefix}-{name}", "network"),
        "spec": {"podSelector": select, **spec},
    }


def _planner(target: Target) -> tuple[Object, ...]:
    """Return the ways of planners: of a model's to its endpoint, here or where the region allows; of Ray's nodes."""
    select = {"matchLabels": common.selector(target, "planner")}
    egress: list[Object] = []
    if target.revision.model_endpoint:
        endpoint = urlsplit(target.revision.model_endpoint)
        port = endpoint.port or (443 if endpoint.scheme == "https" else 80)
        to = [ways.ANY_POD, *ways.ranges(target.spec)]
        egress.append({"to": to, "ports": [{"protocol": "TCP", "port": port}]})
    if target.spec.sizes.planner.replicas == 1:
        return (_policy(target, "planner", select, {"policyTypes": ["Egress"], "egress": egress}),) if egress else ()
    each: Object = {"podSelector": select}  # head and workers, at any port
    both = {"policyTypes": ["Ingress", "Egress"], "ingress": [{"from": [each]}], "egress": [*egress, {"to": [each]}]}
    return (_policy(target, "planner", select, both),)
