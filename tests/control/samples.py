"""An agent with its policy, a region of each mode, and the view of a region in which an agent runs, for tests."""

from pathlib import Path

from voiceplane.contract.region import VoiceRegion
from voiceplane_operator import manifests, names
from voiceplane_operator.commands.files import target_of
from voiceplane_operator.decide import plan
from voiceplane_operator.decide.facts import AgentView, Child, Rollout
from voiceplane_operator.manifests.target import Target

AGENT = (Path(__file__).parent / "agent.yaml").read_text()
MODES: dict[str, dict[str, object]] = {
    "cloud": {"planner": {"engine": "kuberay"}, "autoscaling": {"enabled": True}},
    "region-local": {"planner": {"engine": "ray"}, "network": {"exposure": "host"}},
    "on-prem": {
        "planner": {"engine": "ray"},
        "egress": {"cidrs": ["10.0.0.0/8"]},
        "models": {"claim": "models"},
        "records": "records.voiceplane.example:9002",
        "recordsTls": {},
    },
}  # fmt: skip
MODEL = AGENT.replace(
    "planner: {flow: {}}",
    "planner: {model: {endpoint: 'http://models.example/v1', name: m, credentialRef: {name: models-key}}}",
)


def region(mode: str = "cloud", **more: object) -> VoiceRegion:
    spec = {"mode": mode, "location": "US", "inCluster": {}, **MODES[mode], **more}
    document = {
        "apiVersion": "voiceplane.dev/v1alpha1",
        "kind": "VoiceRegion",
        "metadata": {"name": mode},
        "spec": spec,
    }
    return VoiceRegion.model_validate(document)


def target(mode: str = "cloud") -> Target:
    return target_of(AGENT, region(mode))


def view_of(rendered: Target, *, up: bool = True, without: str = "") -> AgentView:
    """Return the view of a region in which everything was applied."""
    view = AgentView()
    for manifest in map(plan.marked, manifests.render(rendered)):
        meta = manifest["metadata"]
        key = (manifest["kind"], meta["name"])
        component, revision = meta["labels"][names.COMPONENT], meta["labels"].get(names.REVISION, "")
        applied = meta["annotations"][names.APPLIED]
        view.children[key] = Child(*key, component, revision, applied, "1", intact=True, deleting=False)
        if manifest["kind"] in ("Deployment", "RayService"):
            good = up and component != without
            view.rollouts[key] = Rollout(good, 1, 1 if good else 0)
    return view
