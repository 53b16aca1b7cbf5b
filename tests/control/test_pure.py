"""The pure parts: queue, placement, plan, manifests against golden files, modes, bundles, port blocks, definitions."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from tests.control.samples import AGENT, MODEL, MODES, region, target, view_of

from voiceplane.contract.load import load_bundle
from voiceplane.contract.region import VoiceRegionSpec
from voiceplane_operator import manifests, names
from voiceplane_operator.api.kinds import KINDS
from voiceplane_operator.commands.files import target_of
from voiceplane_operator.decide import facts, plan, steps
from voiceplane_operator.decide.facts import Child, Pod
from voiceplane_operator.decide.placement import Candidate, choose
from voiceplane_operator.definitions import crds
from voiceplane_operator.definitions.plain_yaml import as_yaml
from voiceplane_operator.errors import InvalidObjectError
from voiceplane_operator.hub.queue import Key, KeyedQueue, Urgency
from voiceplane_operator.manifests import ways
from voiceplane_operator.reconcile import bundles
from voiceplane_operator.reconcile.leaving import Time, time_of
from voiceplane_operator.regions.watch import RegionWatch

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("kind", crds.KINDS, ids=lambda kind: kind.plural)
def test_the_charts_definitions_are_what_the_models_say(kind: crds.Kind) -> None:
    committed = (ROOT / "charts" / "voiceplane-crds" / "templates" / f"{kind.plural}.yaml").read_text()
    assert committed == crds.as_yaml(kind), (
        "run: python -m voiceplane_operator crds --out charts/voiceplane-crds/templates"
    )


@pytest.mark.parametrize("mode", MODES)
def test_manifests_are_the_golden_ones(mode: str) -> None:
    once = ways.manifests(region(mode).spec, "hub", mode)  # what a region has for all its agents
    text = "---\n".join(as_yaml(one) for one in (*once, *manifests.render(target(mode))))
    golden = GOLDEN / f"{mode}.yaml"
    if not golden.exists():
        golden.write_text(text)
        pytest.fail(f"{golden} was not there; it is written now: read it")
    assert text == golden.read_text(), f"if this is meant, remove {golden} and run again"


def test_modes_differ_by_profile_only_and_have_the_same_policy_and_words() -> None:
    rendered = {mode: target(mode) for mode in MODES}
    assert len({one.revision for one in rendered.values()}) == 1
    bundle = {mode: manifests.render(one)[0]["data"] for mode, one in rendered.items()}
    assert bundle["cloud"] == bundle["region-local"] == bundle["on-prem"]
    kinds = {mode: [one["kind"] for one in manifests.render(each)] for mode, each in rendered.items()}
    assert "RayService" in kinds["cloud"] and "RayService" not in kinds["on-prem"]


def test_no_replicas_where_a_scaler_owns_them() -> None:
    (gateway,) = [
        one
        for one in manifests.render(target("cloud"))
        if one["metadata"]["name"].startswith("parcel-desk-6a8daa8d-gateway-") and one["kind"] == "Deployment"
    ]
    assert "replicas" not in gateway["spec"]


def test_a_bundle_is_read_back_as_the_same_revision() -> None:
    one = target().revision
    bundle = load_bundle(one.text)
    assert (bundle.revision, bundle.policy_digest) == (one.name, one.policy_digest)


def test_where_and_how_widely_an_agent_runs_is_no_new_revision_but_its_policy_is() -> None:
    wider = target_of(AGENT.replace("capacity: 20", "capacity: 30"), region())
    stricter = target_of(AGENT.replace("showArguments: [day]", "showArguments: []"), region())
    assert wider.revision.name == target().revision.name != stricter.revision.name


def test_an_agent_too_large_for_a_region_is_told_so() -> None:
    raw = next(one for one in yaml.safe_load_all(AGENT) if one["kind"] == "VoiceAgent")
    raw["spec"]["policyRef"] = None
    raw["spec"]["intents"][2]["examples"] = [f"{number} " + "x" * 1900 for number in range(200)]
    with pytest.raises(InvalidObjectError, match="split it"):
        bundles.revision(bundles.parse_agent(raw), None)


def test_names_of_any_agent_fit_and_differ() -> None:
    owners = [f"a/{'x' * 253}", f"a/{'x' * 252}y", "a/b.c", "a/b-c", "b/b-c"]
    prefixes = [names.prefix(owner) for owner in owners]
    assert len(set(prefixes)) == len(owners)
    assert all(len(f"{one}-gateway-{'f' * 12}") <= 63 for one in prefixes)


@pytest.mark.parametrize("mode", ["cloud", "on-prem"])
def test_a_model_planner_finds_its_credential_where_it_reads_it(mode: str) -> None:
    wanted = replace(target_of(MODEL, region(mode)), credential="c2VjcmV0")
    rendered = manifests.render(wanted)
    (secret,) = [one for one in rendered if one["kind"] == "Secret"]
    assert secret["data"] == {"api-key": "c2VjcmV0"}
    (planner,) = [one for one in rendered if one["kind"] in ("RayService", "Deployment")
                  and one["metadata"]["labels"][names.COMPONENT] == "planner"]  # fmt: skip
    text = str(planner)
    assert "'mountPath': '/var/run/voiceplane/credentials/models-key'" in text
    assert secret["metadata"]["name"] in text and "c2VjcmV0" not in str([one for one in rendered if one != secret])
    assert "credential" not in str(manifests.render(target(mode)))
    assert "c2VjcmV0" not in repr(wanted)


def test_an_older_revision_knows_its_credential_from_its_text() -> None:
    revision = target_of(MODEL, region()).revision
    assert bundles.revision_of_text(revision.name, revision.text, "").credential == "models-key"


def test_a_rollout_enters_so_many_whole_regions_as_its_step_needs() -> None:
    shares = tuple((name, 10) for name in "abcd")

    def entered(done: str, away: str = "") -> str:
        return "".join(sorted(steps.admitted((5, 50, 100), shares, done=set(done), away=set(away))))

    assert [entered(""), entered("a"), entered("ab"), entered("abcd")] == ["a", "ab", "abcd", "abcd"]
    assert entered("", away="a") == "ab", "a lost region holds nobody up"
    assert steps.admitted((100,), shares, done=set(), away=set()) == set("abcd")
    assert steps.admitted((5,), shares[:1], done=set(), away=set()) == {"a"}


def test_a_second_pass_changes_nothing() -> None:
    wanted = target()
    planned = plan.converge(wanted, view_of(wanted))
    assert (planned.apply, planned.delete, planned.ready, planned.done) == ((), (), True, True)


@pytest.mark.parametrize("behind", ["speech", "planner", "tools", "gateway"])
def test_new_calls_stay_with_the_old_revision_until_all_of_the_new_one_is_up(behind: str) -> None:
    old = target("on-prem")
    new = replace(target_of(AGENT.replace("How can", "Now how can"), region("on-prem")), others=(old.revision,))
    view = view_of(replace(new, serving=old.revision.name), without=behind)
    before = view_of(old)
    key = ("Deployment", names.gateway_name(old.prefix, old.revision.name))
    bundle = ("ConfigMap", names.bundle_name(old.prefix, old.revision.name))
    view.children[key], view.rollouts[key] = before.children[key], before.rollouts[key]
    planned = plan.converge(new, view)
    assert planned.serving == old.revision.name and key not in planned.delete
    up = view_of(replace(new, serving=new.revision.name))
    up.children[key], up.rollouts[key] = before.children[key], before.rollouts[key]
    assert [one["metadata"]["name"] for one in plan.converge(new, up).apply] == [bundle[1]], "what old calls read"
    up.children[bundle] = before.children[bundle]
    assert plan.converge(new, up).delete == (key,), "only the old gateways go; what their calls need stays"


def test_what_a_live_call_needs_stays_until_its_pod_is_gone() -> None:
    old = target("on-prem").revision
    new = replace(target_of(AGENT.replace("How can", "Now how can"), region("on-prem")), others=(old,))
    view = view_of(replace(new, serving=new.revision.name))
    view.pods["p"] = Pod("p", "gateway", old.name, ready=False, ending=True)
    bundle = ("ConfigMap", names.bundle_name(new.prefix, old.name))
    view.children[bundle] = Child(*bundle, "bundle", old.name, "x", "1", intact=True, deleting=False)
    assert bundle not in plan.converge(new, view).delete
    del view.pods["p"]
    alone = replace(new, others=())
    assert bundle in plan.converge(alone, view).delete


def test_removal_takes_gateways_first_and_the_rest_when_the_last_call_has_ended() -> None:
    view = view_of(target())
    assert {kind for kind, _ in plan.remove(view).delete} == {"Deployment", "HorizontalPodAutoscaler"}
    view.children = {
        key: one for key, one in view.children.items() if not (one.component == "gateway" and key[0] == "Deployment")
    }
    view.pods["p"] = Pod("p", "gateway", "r", ready=False, ending=True)
    assert plan.remove(view).delete == ()
    view.pods.clear()
    assert len(plan.remove(view).delete) == len(view.children)


def test_at_the_end_of_its_time_everything_goes_and_a_pod_on_a_dead_node_holds_nothing_up() -> None:
    view = view_of(target())
    view.pods["p"] = Pod("p", "gateway", "r", ready=False, ending=True, ends=1000.0)
    assert len(plan.remove(view, late=True).delete) == len(view.children)
    assert facts.holding(view, 1050.0).pods and not facts.holding(view, 1061.0).pods
    view.children.clear()
    assert plan.remove(view, late=True).done and not plan.remove(view).done
    assert plan.remove(facts.holding(view, 1061.0)).done


def test_time_to_leave_is_bounded() -> None:
    begun = facts.seconds("2026-01-01T00:00:00Z")
    times = [time_of("2026-01-01T00:00:00Z", 100.0, begun + after) for after in (0, 159, 161, 219, 221)]
    assert times == [Time.DRAINING, Time.DRAINING, Time.LATE, Time.LATE, Time.OVER]
    assert time_of("", 1.0, begun) is Time.DRAINING


def test_somebody_elses_write_is_seen_after_a_restart() -> None:
    ours = {"manager": names.MANAGER, "operation": "Apply", "time": "2026-01-01T00:00:00Z"}
    theirs = {"manager": "kubectl", "operation": "Update", "time": "2026-01-02T00:00:00Z"}
    scaler = {"manager": "hpa", "operation": "Update", "time": "2026-01-02T00:00:00Z", "subresource": "scale"}
    assert facts.untouched({"managedFields": [ours, scaler]})
    assert not facts.untouched({"managedFields": [ours, theirs]})


def test_an_answer_that_comes_after_the_watch_takes_nothing_back() -> None:
    watch, told = RegionWatch(None, "voiceplane", "hub", lambda _: None), target("on-prem")  # type: ignore[arg-type]
    deployment = next(one for one in map(plan.marked, manifests.render(told)) if one["kind"] == "Deployment")
    key = ("Deployment", deployment["metadata"]["name"])

    def seen(version: int, available: int) -> dict[str, object]:
        meta = {**deployment["metadata"], "resourceVersion": str(version), "generation": 1}
        there = available * deployment["spec"]["replicas"]
        counts = dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas"), there)
        return {**deployment, "metadata": meta, "status": {"observedGeneration": 1, **counts}}

    for version, available in ((11, 0), (12, 1)):
        watch._take(KINDS["Deployment"], seen(version, available))
    watch.applied(seen(11, 0))
    view = watch.view(told.prefix)
    assert view.rollouts[key].current and view.children[key].intact
    watch._take(KINDS["Deployment"], seen(11, 0))
    assert view.rollouts[key].current, "an older event neither"
    watch._forget(KINDS["Deployment"], told.prefix, key[1], 10)
    assert key in view.children, "it was made again"


def test_a_key_waits_once_and_comes_back_when_named_during_its_pass() -> None:
    now = [0.0]
    queue = KeyedQueue(lambda: now[0])
    one, two = Key("VoiceAgent", "a/b"), Key("VoiceAgent", "a/c")
    queue.add(one, Urgency.RESYNC)
    queue.add(two, Urgency.DELETED)
    queue.add(one, Urgency.RESYNC)
    assert [queue._pop(), queue._pop(), queue._pop()] == [two, one, None]
    queue.add(one, Urgency.CHANGED)
    queue.done(one)
    queue.failed(two)
    assert [queue._pop(), queue._pop()] == [one, None]
    now[0] = 0.3
    assert queue._pop() == two
    queue.failed(two)
    now[0] = 0.5
    assert queue._pop() is None, "the second failure waits longer"


def test_a_key_named_for_later_during_its_pass_comes_back_then() -> None:
    now = [0.0]
    queue, one = KeyedQueue(lambda: now[0]), Key("VoiceAgent", "a/b")
    queue.add(one, Urgency.CHANGED)
    assert queue._pop() == one
    queue.add(one, Urgency.OBSERVED, delay_s=0.2)
    queue.done(one)
    assert queue._pop() is None
    now[0] = 0.25
    assert queue._pop() == one


def candidate(
    name: str, capacity: int, *, answers: bool = True, holds: bool = False, location: str = "US"
) -> Candidate:
    spec = VoiceRegionSpec.model_validate(
        {"mode": "cloud", "location": location, "inCluster": {}, "capacity": capacity}
    )
    return Candidate(name, spec, answers, leaving=False, holds=holds)


def test_placement_spreads_calls_and_gives_a_lost_region_nothing_new() -> None:
    placement = load_bundle(AGENT).agent.spec.placement
    regions = (
        candidate("a", 100),
        candidate("b", 5),
        candidate("c", 100, answers=False),
        candidate("d", 9, location="DE"),
    )
    assert choose(placement, regions).shares == (("a", 15), ("b", 5))
    held = (*regions[:2], candidate("c", 100, answers=False, holds=True))
    assert [name for name, _ in choose(placement, held).shares] == ["a", "b", "c"]
    assert choose(placement, (regions[3],)).reason == "NoRegionFits"
