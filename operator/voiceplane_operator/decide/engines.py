"""Move a region from one engine of planners to the other without a moment that has none. Read by plan. Pure.

The new engine starts beside the old one, and both know every revision. Gateways ask the old one until the new one is
up; then their Deployment names the new one, and the old goes when no gateway is left that asks it, with its last call.
"""

from voiceplane_operator.decide.facts import AgentView, Rollout

ENGINES = {"RayService": "kuberay", "Deployment": "ray"}  # by the kind that tells how far it is
OTHER = {"kuberay": "ray", "ray": "kuberay"}


def asked(view: AgentView, current: str, wanted: str) -> str:
    """Return the engine that gateways of the current revision are to ask."""
    gateways = [one for one in view.children.values() if one.kind == "Deployment" and one.component == "gateway"]
    if any(one.revision == current and one.asks == wanted for one in gateways):
        return wanted  # moved already: a planner that is being replaced moves nobody back
    new, old = _rollouts(view, wanted), _rollouts(view, OTHER[wanted])
    if (new and all(one.current for one in new)) or not any(one.available for one in old):
        return wanted
    return OTHER[wanted]


def leaving(view: AgentView, wanted: str, asked_now: str) -> str:
    """Return the engine that is wanted no more and that a gateway asks, or may ask; empty when there is none."""
    old = OTHER[wanted]
    asking = {one.asks for one in view.children.values()} | {one.asks for one in view.pods.values()}
    return old if old in asking | {asked_now} and _rollouts(view, old) else ""


def _rollouts(view: AgentView, engine: str) -> list[Rollout]:
    return [
        rollout
        for key, rollout in view.rollouts.items()
        if ENGINES[key[0]] == engine and key in view.children and view.children[key].component == "planner"
    ]
