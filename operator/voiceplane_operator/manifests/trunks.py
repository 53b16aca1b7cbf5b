"""The trunks of the agent as its gateways know them: a ConfigMap that they follow, so that a change rolls no pod."""

import json

from voiceplane_operator.manifests import common
from voiceplane_operator.manifests.common import Object
from voiceplane_operator.manifests.target import Target

PART = "trunks"
FOLDER, FILE = "/etc/voiceplane/trunks", "trunks.json"


def manifests(target: Target) -> tuple[Object, ...]:
    """Return the ConfigMap. A gateway on its node's network keeps unknown sources out itself: no policy holds there."""
    closed = bool(target.trunks) and target.block is not None
    trunks = [one.model_dump(mode="json", by_alias=True) for one in target.trunks]
    told = json.dumps({"closed": closed, "trunks": trunks}, indent=1, sort_keys=True)
    meta = common.metadata(target, f"{target.prefix}-{PART}", PART)
    return ({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {FILE: told}},)


def volume(target: Target) -> tuple[Object, Object, str]:
    """Return the volume, its mount and the path of the file."""
    volume = {"name": PART, "configMap": {"name": f"{target.prefix}-{PART}"}}
    return volume, {"name": PART, "mountPath": FOLDER, "readOnly": True}, f"{FOLDER}/{FILE}"
