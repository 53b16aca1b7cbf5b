"""The bundle of a revision as a ConfigMap, named by its digest.

Gateways check the digest at their start, so the object itself need not be marked immutable, which would make another
version of the operator, that writes the same content in another order, fail.
"""

from voiceplane_operator import names
from voiceplane_operator.manifests.common import Object, metadata
from voiceplane_operator.manifests.target import Target

FILE = "agent.yaml"
POLICY_DIGEST = f"{names.DOMAIN}/policy-digest"


def manifests(target: Target) -> tuple[Object, ...]:
    """Return the ConfigMap of the current revision; older ones exist already and never change."""
    revision = target.revision
    meta = metadata(target, names.bundle_name(target.prefix, revision.name), "bundle", revision=revision.name)
    meta["annotations"][POLICY_DIGEST] = revision.policy_digest
    return ({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {FILE: revision.text}},)
