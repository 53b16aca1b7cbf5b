"""kopf's part: watch our kinds on the hub and tell what changed. Decides nothing, writes nothing."""

from collections.abc import Callable
from typing import Any

import kopf

from voiceplane_operator.api.cluster import PAGE
from voiceplane_operator.names import DOMAIN

PLURALS = ("voiceagents", "voicepolicies", "voiceregions", "siptrunks")
Tell = Callable[[str, dict[str, Any]], None]  # (type of the event, object)


class _NoMemory(kopf.DiffBaseStorage):
    """Keep no copy of what was seen: nothing here asks what changed, and the copies cost a tenth of the time."""

    def build(self, **_: Any) -> Any:
        """Return nothing of the object."""
        return {}

    def fetch(self, **_: Any) -> Any:
        """Return nothing."""
        return None

    def store(self, **_: Any) -> None:
        """Keep nothing."""


def registry(tell: Tell) -> kopf.OperatorRegistry:
    """Return kopf's handlers: every event of our kinds, and of Secrets, goes to `tell`."""
    handlers = kopf.OperatorRegistry()

    @kopf.on.login(registry=handlers)
    def login(**given: Any) -> kopf.ConnectionInfo | None:
        """Log in as the pod's service account, or by KUBECONFIG."""
        return kopf.login_with_service_account(**given) or kopf.login_with_kubeconfig(**given)

    for plural in PLURALS:

        @kopf.on.event(DOMAIN, "v1alpha1", plural, registry=handlers, id=f"seen-{plural}")
        async def seen(event: Any, **_: Any) -> None:
            tell(event["type"] or "LISTED", dict(event["object"]))

    return handlers


def settings(*, silence_s: float) -> kopf.OperatorSettings:
    """Return kopf's settings: no finalizers, no annotations, no Events of its own; watches that cannot freeze."""
    built = kopf.OperatorSettings()
    built.posting.enabled = False
    built.persistence.diffbase_storage = _NoMemory()
    built.persistence.finalizer = f"{DOMAIN}/unused"
    built.scanning.disabled = True
    built.watching.chunk_size = PAGE
    built.watching.server_timeout = 300
    built.watching.client_timeout = 360
    built.watching.connect_timeout = 10
    built.watching.inactivity_timeout = silence_s
    built.networking.request_timeout = 60
    built.queueing.idle_timeout = (
        1.0  # a task for each object that is not idle: 5,000 objects come at once at the start
    )
    return built
