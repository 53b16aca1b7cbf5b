"""The manifests of one agent in one region, and of a region: pure functions from a Target to Kubernetes objects."""

from typing import Any

from voiceplane_operator.manifests import (
    bundle,
    collector,
    credential,
    gateway,
    network,
    planner,
    speech,
    tools,
)
from voiceplane_operator.manifests.target import Target

Manifest = dict[str, Any]
__all__ = ["Manifest", "collector", "render", "render_gateway", "render_inner"]


def render(target: Target) -> tuple[Manifest, ...]:
    """Return everything of the agent's current revision, in the order in which it is applied."""
    return (*render_inner(target), *render_gateway(target))


def render_inner(target: Target) -> tuple[Manifest, ...]:
    """Return what all revisions share: it is up to date before a new gateway takes a call."""
    return (
        *bundle.manifests(target),
        *credential.manifests(target),
        *network.manifests(target),
        *speech.manifests(target),
        *tools.manifests(target),
        *planner.manifests(target),
    )


def render_gateway(target: Target, *, begin: bool = True) -> tuple[Manifest, ...]:
    """Return the address that calls come to and, unless they must wait, the gateways of the current revision."""
    return (*(gateway.manifests(target) if begin else ()), *gateway.shared(target))
