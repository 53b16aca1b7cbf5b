"""Names, labels and annotations of what the operator makes. Deterministic: the same agent, the same names."""

import functools
import hashlib
import re

PREFIX_CHARS = 24  # with the hash and the longest ending, a name stays under a Service's 63
MANAGER = "voiceplane-operator"  # server-side apply's field manager
HANDOVER = "voiceplane-operator-handover"  # has a Deployment's replicas until an autoscaler takes over
DOMAIN = "voiceplane.dev"
HUB = f"{DOMAIN}/hub"
AGENT = f"{DOMAIN}/agent"
COMPONENT = f"{DOMAIN}/component"
REVISION = f"{DOMAIN}/revision"
ROLE = f"{DOMAIN}/ray-node"  # head or worker, of a planner without KubeRay
SERVES = f"{DOMAIN}/serves"  # names the set of revisions that a head serves
OWNER = f"{DOMAIN}/owner"
APPLIED = f"{DOMAIN}/applied"
BLOCK = f"{DOMAIN}/port-block"
PLANNER = f"{DOMAIN}/planner"  # the engine that a gateway asks
TEST_CALL = f"{DOMAIN}/test-call"  # on the pod of helm test
REGION_MARK = "region"  # the agent label of what a region has once
FINALIZER = f"{DOMAIN}/drain"
RELEASE = f"{DOMAIN}/release-finalizer"  # annotation: break glass


def full_name(namespace: str, name: str) -> str:
    """Return namespace/name, or the name of a cluster-wide object: the key by which the operator knows it."""
    return f"{namespace}/{name}" if namespace else name


@functools.lru_cache(maxsize=16_384)  # asked for some three hundred times for each agent
def prefix(owner: str) -> str:
    """Return the short name of an agent given as namespace/name: readable, and never another agent's."""
    _, _, name = owner.partition("/")
    readable = re.sub(r"[^a-z0-9-]", "-", name)[:PREFIX_CHARS].strip("-") or "agent"
    return f"{readable}-{hashlib.sha256(owner.encode()).hexdigest()[:8]}"


def bundle_name(prefix: str, revision: str) -> str:
    """Return the name of the ConfigMap that holds a revision."""
    return f"{prefix}-b-{revision}"


def credential_name(prefix: str, secret: str) -> str:
    """Return the name of the copy of an agent's Secret; a Secret's name may be as long as its copy's."""
    return f"{prefix}-c-{hashlib.sha256(secret.encode()).hexdigest()[:8]}"


def gateway_name(prefix: str, revision: str) -> str:
    """Return the name of the Deployment that answers calls of a revision."""
    return f"{prefix}-gateway-{revision}"
