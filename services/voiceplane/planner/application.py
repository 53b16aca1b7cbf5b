"""The planner for a Ray that somebody else runs: KubeRay's RayService names `voiceplane.planner.application:build`."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ray.serve import Application


def build(args: dict[str, Any]) -> "Application":
    """Return the application for the agents given as YAML texts in `args`; Ray Serve calls this.

    The texts are arguments, so that a new revision is an update in place and no replica waits for a file.
    """
    from voiceplane.planner.deployment import PlannerReplica

    agents = tuple(str(text) for text in args["agents"])
    endpoint = args.get("otlp_endpoint")
    return PlannerReplica.bind(agents, endpoint)  # type: ignore[attr-defined,no-any-return]
