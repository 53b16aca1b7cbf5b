"""A region moves from one engine of planners to the other, and no moment has none; what a plain Ray is made of."""

from dataclasses import replace
from typing import Any

import pytest
from tests.control.samples import AGENT, region
from tests.control.test_scaling_and_ways import only

from voiceplane_operator import manifests, names
from voiceplane_operator.commands.files import target_of
from voiceplane_operator.decide import plan
from voiceplane_operator.decide.engines import ENGINES, OTHER
from voiceplane_operator.decide.facts import AgentView, Pod, Rollout, child
from voiceplane_operator.manifests.target import Target

KINDS = {engine: kind for kind, engine in ENGINES.items()}
NAMES = {"kuberay": "planner.", "ray": "planner-ray."}


class Cluster:
    """A region in which plans are carried out; what it has made comes up when the test says so."""

    def __init__(self) -> None:
        self.view = AgentView()

    def step(self, target: Target) -> plan.Plan:
        planned = plan.converge(target, self.view)
        for manifest in planned.apply:
            key = (manifest["kind"], manifest["metadata"]["name"])
            before = self.view.children.get(key)
            raw = {"metadata": {**manifest["metadata"], "generation": 1, "resourceVersion": "1"}}
            self.view.children[key] = replace(child(raw, key[0], before=None), intact=True)
            if key[0] in KINDS.values():
                one = self.view.children[key]
                again = before is not None and one.component != "planner"
                self.view.rollouts[key] = Rollout(again, 1, 1 if again else 0)
        for key in planned.delete:
            self.view.children.pop(key)
            self.view.rollouts.pop(key, None)
        return planned

    def up(self) -> None:
        self.view.rollouts = {key: Rollout(True, 1, 1) for key in self.view.rollouts}

    def settle(self, target: Target) -> None:
        for _ in range(5):
            self.step(target)
            self.up()

    def engines(self) -> set[str]:
        planners = (one for one in self.view.children.values() if one.component == "planner")
        return {ENGINES[one.kind] for one in planners if one.kind in ENGINES}


def wished(engine: str) -> Target:
    return target_of(AGENT, region("cloud", planner={"engine": engine}, autoscaling={}))


def asked(planned: plan.Plan) -> str:
    """Return the planner that a plan has gateways ask, empty when it leaves them as they are."""
    found = [one for one in planned.apply if one["kind"] == "Deployment" and "gateway" in one["metadata"]["name"]]
    if not found:
        return ""
    command: list[str] = found[0]["spec"]["template"]["spec"]["containers"][0]["command"]
    return command[command.index("--planner") + 1]


def gateway(engine: str, *, ending: bool) -> Pod:
    return Pod("g", "gateway", wished(engine).revision.name, ready=not ending, ending=ending, asks=engine)


@pytest.mark.parametrize("old", ["kuberay", "ray"])
def test_gateways_ask_the_old_engine_until_the_new_one_is_up_and_it_goes_after_their_last_call(old: str) -> None:
    new, cluster = OTHER[old], Cluster()
    cluster.settle(wished(old))
    assert cluster.engines() == {old}
    revision = wished(new).revision.name

    begun = cluster.step(wished(new))
    assert (begun.serving, asked(begun), begun.delete) == (revision, "", ()), "calls are answered as before"
    assert cluster.engines() == {old, new}
    waits = cluster.step(wished(new))
    assert (waits.apply, waits.delete) == ((), ()) and f"planners of {old} until" in waits.message

    cluster.up()
    cluster.view.pods = {"g": gateway(old, ending=True)}  # of the old Deployment, with a live call
    moved = cluster.step(wished(new))
    assert NAMES[new] in asked(moved) and cluster.engines() == {old, new}
    assert not cluster.step(wished(new)).delete, "the live call still asks the old engine"

    cluster.view.pods = {"g": gateway(new, ending=False)}
    last = cluster.step(wished(new))
    assert cluster.engines() == {new} and last.serving == revision
    after = cluster.step(wished(new))
    assert after.ready and after.done and not after.apply


def test_a_new_engine_that_is_replaced_sends_gateways_nowhere_else() -> None:
    cluster = Cluster()
    cluster.settle(wished("ray"))
    cluster.settle(wished("kuberay"))
    cluster.view.rollouts["RayService", f"{wished('ray').prefix}-planner"] = Rollout(False, 1, 0)
    assert not cluster.step(wished("kuberay")).apply


def test_a_switch_that_never_comes_up_leaves_the_old_engine_and_knows_new_revisions() -> None:
    cluster = Cluster()
    cluster.settle(wished("ray"))
    edited = target_of(
        AGENT.replace("How can", "Now how can"), region("cloud", planner={"engine": "kuberay"}, autoscaling={})
    )
    cluster.step(wished("kuberay"))
    planned = cluster.step(replace(edited, others=(wished("ray").revision,)))
    heads = [one for one in planned.apply if one["metadata"]["name"].endswith("-planner-head")]
    assert [one["kind"] for one in heads] == ["Deployment"]
    assert edited.revision.name in str(heads) and not planned.delete
    assert NAMES["ray"] in asked(planned)


def node(target: Target, role: str) -> dict[str, Any]:
    spec: dict[str, Any] = only(target, "Deployment", f"-planner-{role}")["spec"]
    return spec


def test_a_plain_ray_is_a_head_with_the_agents_and_workers_that_join_it() -> None:
    wanted = target_of(AGENT, region("on-prem", sizes={"planner": {"replicas": 3}}))
    head, worker = node(wanted, "head"), node(wanted, "worker")
    assert (head["replicas"], worker["replicas"]) == (1, 2)
    (first,), (second,) = (one["template"]["spec"]["containers"] for one in (head, worker))
    assert first["command"][first["command"].index("--replicas") + 1] == "3"
    assert f"{wanted.prefix}-planner-head.voiceplane.svc" in second["command"]
    assert "--agent" in first["command"] and "--agent" not in second["command"]
    alone = [one["metadata"]["name"] for one in manifests.render(target_of(AGENT, region("on-prem")))]
    assert not any(name.endswith("-worker") for name in alone)


def test_a_new_revision_rolls_workers_too_and_they_join_no_head_that_lacks_it() -> None:
    wanted = target_of(AGENT, region("on-prem", sizes={"planner": {"replicas": 2}}))
    edited = replace(
        target_of(AGENT.replace("How can", "Now how can"), wanted_region := region(
            "on-prem", sizes={"planner": {"replicas": 2}})),
        others=(wanted.revision,),
    )  # fmt: skip
    assert wanted_region.spec == wanted.spec
    served = [node(one, role)["template"]["metadata"]["labels"][names.SERVES] for one in (wanted, edited)
              for role in ("head", "worker")]  # fmt: skip
    assert served[0] == served[1] != served[2] == served[3]
    selector = only(edited, "Service", "-planner-head")["spec"]["selector"]
    assert selector[names.SERVES] == served[2] and selector[names.ROLE] == "head"
    assert names.SERVES not in node(edited, "worker")["selector"]["matchLabels"], (
        "a Deployment's selector never changes"
    )
