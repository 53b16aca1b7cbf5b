"""The trunks of the agent as its gateways know them: a file that they follow, so that a change rolls no pod."""

import json

from voiceplane.contract.trunk import TrunkOfAgent, Trust
from voiceplane_operator.manifests.common import Object
from voiceplane_operator.manifests.target import Target

FILE = "trunks.json"  # beside the agent's, in the ConfigMap of each revision: see bundle


def text(target: Target) -> str:
    """Return the file. A gateway on its node's network keeps unknown sources out itself: no policy holds there."""
    closed = bool(target.trunks) and target.block is not None
    trunks = [_told(one) for one in target.trunks]
    return json.dumps({"closed": closed, "trunks": trunks}, indent=1, sort_keys=True)


def _told(trunk: TrunkOfAgent) -> Object:
    """Write a trunk; a gateway of a version that knows no identity refuses the field, and needs none without trust."""
    left_out = {"identity"} if trunk.identity.trust is Trust.NONE else None
    told: Object = trunk.model_dump(mode="json", by_alias=True, exclude=left_out)
    return told
