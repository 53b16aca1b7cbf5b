"""The trunks of the agent as its gateways know them: a file that they follow, so that a change rolls no pod."""

import json

from voiceplane_operator.manifests.target import Target

FILE = "trunks.json"  # beside the agent's, in the ConfigMap of each revision: see bundle


def text(target: Target) -> str:
    """Return the file. A gateway on its node's network keeps unknown sources out itself: no policy holds there."""
    closed = bool(target.trunks) and target.block is not None
    trunks = [one.model_dump(mode="json", by_alias=True) for one in target.trunks]
    return json.dumps({"closed": closed, "trunks": trunks}, indent=1, sort_keys=True)
