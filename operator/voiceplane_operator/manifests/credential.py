"""The credential of a model planner: a copy of the agent's own Secret, where the planner reads it."""

from voiceplane_operator import names
from voiceplane_operator.manifests import common
from voiceplane_operator.manifests.common import Object
from voiceplane_operator.manifests.target import Target

PART = "credential"
FOLDER = "/var/run/voiceplane/credentials"  # the planner's default place: FOLDER/<name>/api-key
KEY = "api-key"


def manifests(target: Target) -> tuple[Object, ...]:
    """Return the Secret, when the agent names one and it was read; its value is in no log and no status."""
    name = target.revision.credential
    if not name or not target.credential:
        return ()
    copy = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": common.metadata(target, names.credential_name(target.prefix, name), PART),
        "type": "Opaque",
        "data": {KEY: target.credential},
    }
    return (copy,)


def volumes(target: Target) -> tuple[tuple[Object, ...], tuple[Object, ...]]:
    """Return volumes and mounts for every revision that a call may have; rotated in place, no pod is restarted."""
    used = sorted({one.credential for one in target.revisions if one.credential})
    found = tuple(
        {
            "name": f"credential-{number}",
            "secret": {
                "secretName": names.credential_name(target.prefix, name),
                "optional": True,  # a planner without it answers by the flow
                "items": [{"key": KEY, "path": KEY}],
            },
        }
        for number, name in enumerate(used)
    )
    mounts = tuple(
        {"name": f"credential-{number}", "mountPath": f"{FOLDER}/{name}", "readOnly": True}
        for number, name in enumerate(used)
    )
    return found, mounts
