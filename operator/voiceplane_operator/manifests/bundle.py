"""What the pods of a revision read: its bundle and the trunks, in a ConfigMap that the bundle's digest names.

Gateways check the digest at their start, so the object itself need not be marked immutable, which would make another
version of the operator, that writes the same content in another order, fail. The trunks change in it: a revision that
still has calls follows them too.
"""

from voiceplane_operator import names
from voiceplane_operator.manifests import trunks
from voiceplane_operator.manifests.common import AGENT_FILE, Object, metadata
from voiceplane_operator.manifests.target import Target

POLICY_DIGEST = f"{names.DOMAIN}/policy-digest"


def manifests(target: Target) -> tuple[Object, ...]:
    """Return the ConfigMap of the target's revision."""
    revision = target.revision
    meta = metadata(target, names.bundle_name(target.prefix, revision.name), "bundle", revision=revision.name)
    meta["annotations"][POLICY_DIGEST] = revision.policy_digest
    data = {AGENT_FILE: revision.text, trunks.FILE: trunks.text(target)}
    return ({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data},)
