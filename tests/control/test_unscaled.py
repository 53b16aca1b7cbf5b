"""Autoscalers in trouble: what is told of them, when, and how often. The decisions alone, then on a real API server."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.plane import Plane, PlaneOptions, running_plane
from tests.control import controllers, operating
from tests.control.operating import AGENT, REGION, apply, condition, events, read, ready, until
from tests.control.samples import view_of
from tests.control.test_autoscaling import scaled

from voiceplane_operator import names
from voiceplane_operator.decide import autoscalers
from voiceplane_operator.decide.autoscalers import HORIZONTAL, KEDA, LASTED_S
from voiceplane_operator.decide.facts import AgentView, Rollout, Scaler
from voiceplane_operator.decide.placement import Choice
from voiceplane_operator.decide.status import FALSE, TRUE, UNKNOWN, Outcome, Scaling, agent_conditions
from voiceplane_operator.hub.shared import changed

MADE, MADE_S = "2026-01-01T00:00:00Z", 1767225600.0
DESK = ("va", "-n", "support", "parcel-desk")
BAD = {"type": "ScalingActive", "status": "False", "reason": "FailedGetExternalMetric", "message": "no such metric"}
GOOD = {"type": "ScalingActive", "status": "True", "reason": "ValidMetricFound", "message": "found"}
ABLE = {"type": "AbleToScale", "status": "True", "reason": "ReadyForNewScale"}
TRIGGER = {"type": "Ready", "status": "False", "reason": "TriggerError", "message": "Triggers are not working"}
READY = {"type": "Ready", "status": "True", "reason": "ScaledObjectReady"}


def raw(*conditions: dict[str, str]) -> dict[str, Any]:
    return {"metadata": {"creationTimestamp": MADE}, "status": {"conditions": list(conditions)}}


@pytest.mark.parametrize(
    ("kind", "conditions", "reason"),
    [
        (HORIZONTAL, (ABLE, GOOD), ""),
        (HORIZONTAL, (), "AutoscalerIgnored"),
        (HORIZONTAL, (ABLE, BAD), "MetricMissing"),
        (HORIZONTAL, (ABLE, BAD | {"reason": "ScalingDisabled"}), "AutoscalerStuck"),
        (HORIZONTAL, (ABLE | {"status": "False", "reason": "FailedUpdateScale"}, GOOD), "AutoscalerStuck"),
        (KEDA, (READY, {"type": "Active", "status": "False", "reason": "ScalerNotActive"}), ""),
        (KEDA, (), "AutoscalerIgnored"),
        (KEDA, ({"type": "Ready", "status": "Unknown"},), "AutoscalerIgnored"),
        (KEDA, (TRIGGER,), "MetricMissing"),
        (KEDA, (READY, {"type": "Fallback", "status": "True", "reason": "FallbackExists"}), "MetricMissing"),
        (KEDA, (READY, BAD | {"type": "HPAActive"}), "MetricMissing"),
        (KEDA, (READY, {"type": "Paused", "status": "True", "reason": "ScaledObjectPaused"}), "AutoscalerPaused"),
        (KEDA, (TRIGGER | {"reason": "ScaledObjectCheckFailed"},), "AutoscalerStuck"),
    ],
)
def test_an_autoscalers_own_words_become_a_reason_to_act_on(
    kind: str, conditions: tuple[dict[str, str], ...], reason: str
) -> None:
    assert autoscalers.read(raw(*conditions), kind, before=None, now=MADE_S).reason == reason
    assert not reason or autoscalers.ADVICE[kind, reason]


def _region(engine: str, scaler: Scaler, *, up_since: float = 0.0) -> tuple[AgentView, str]:
    """Return a region whose autoscaler stands so, and the revision that takes calls there."""
    wanted = scaled(engine)
    view, revision = view_of(replace(wanted, serving=wanted.revision.name)), wanted.revision.name
    name = names.gateway_name(wanted.prefix, revision)
    view.scalers[HORIZONTAL if engine == "hpa" else KEDA, name] = scaler
    view.rollouts["Deployment", name] = Rollout(True, 1, 1, up_since=up_since)
    return view, revision


def _told(engine: str, scaler: Scaler, at: float, *, up_since: float = 0.0) -> tuple[str, str]:
    view, revision = _region(engine, scaler, up_since=up_since)
    found = autoscalers.judge(view, revision, at)
    assert found is not None
    return found.status, found.reason


def test_a_new_autoscaler_is_unknown_until_its_trouble_has_lasted() -> None:
    fresh = autoscalers.read(raw(BAD | {"lastTransitionTime": MADE}), HORIZONTAL, before=None, now=MADE_S + 5)
    assert (fresh.since, fresh.worked) == (MADE_S, False)
    assert _told("hpa", fresh, MADE_S + LASTED_S - 1) == (UNKNOWN, "Settling")
    assert _told("hpa", fresh, MADE_S + LASTED_S + 1) == (FALSE, "MetricMissing")
    late = MADE_S + 600  # pulling the gateways' image took so long, and without them there was no metric
    assert _told("hpa", fresh, late + 1, up_since=late) == (UNKNOWN, "Settling")
    assert _told("hpa", fresh, late + LASTED_S + 1, up_since=late) == (FALSE, "MetricMissing")
    view, revision = _region("hpa", fresh)
    found = autoscalers.judge(view, revision, MADE_S + 100)
    assert found is not None and found.again_s == LASTED_S - 100, "somebody looks when it has lasted"


def test_one_that_worked_is_well_over_a_short_trouble_and_again_at_once() -> None:
    well = autoscalers.read(raw(READY), KEDA, before=None, now=MADE_S)
    ill = autoscalers.read(raw(TRIGGER), KEDA, before=well, now=MADE_S + 1000)
    still = autoscalers.read(raw(TRIGGER | {"message": "other words"}), KEDA, before=ill, now=MADE_S + 1030)
    assert still.since == ill.since == MADE_S + 1000, "KEDA tells no times"
    assert _told("keda", still, MADE_S + 1000 + LASTED_S - 1) == (TRUE, "FollowsCalls")
    assert _told("keda", still, MADE_S + 1000 + LASTED_S + 1) == (FALSE, "MetricMissing")
    again = autoscalers.read(raw(READY), KEDA, before=still, now=MADE_S + 2000)
    assert _told("keda", again, MADE_S + 2000) == (TRUE, "FollowsCalls")


def test_what_an_operator_finds_in_trouble_when_it_starts_is_told_at_once() -> None:
    found = autoscalers.read(raw(TRIGGER), KEDA, before=None, now=MADE_S + 1000)
    assert _told("keda", found, MADE_S + 1000) == (FALSE, "MetricMissing")


def test_a_pause_that_somebody_wants_is_told_at_once() -> None:
    paused = Scaler("AutoscalerPaused", "ScaledObject is paused", MADE_S, worked=True)
    assert _told("keda", paused, MADE_S) == (FALSE, "AutoscalerPaused")


def test_only_the_autoscaler_of_the_gateways_that_take_calls_is_judged() -> None:
    view, revision = _region("hpa", Scaler("MetricMissing", "", MADE_S))
    assert autoscalers.judge(view, "another", MADE_S + 1000) is None
    found = autoscalers.judge(view, revision, MADE_S + 1000)
    assert autoscalers.told("Serving", "calls are answered", found)[0] == "ServingUnscaled"
    assert autoscalers.told("Starting", "waiting", found) == ("Starting", "waiting"), "something worse is told"
    assert autoscalers.told("Serving", "calls are answered", None) == ("Serving", "calls are answered")


def test_an_agent_tells_the_worst_of_its_regions_and_nothing_without_autoscalers() -> None:
    def judged(*found: Scaling | None) -> list[tuple[str, str, str]]:
        outcomes = tuple(Outcome(f"r{number}", TRUE, "Serving", "", scaling=one) for number, one in enumerate(found))
        told = agent_conditions(Choice((("r0", 1),)), outcomes, "r")
        return [(one.status, one.reason, one.message) for one in told if one.type == "AutoscalingActive"]

    good, bad = Scaling(TRUE, "FollowsCalls", "good"), Scaling(FALSE, "MetricMissing", "none")
    assert judged(good, None, bad, Scaling(UNKNOWN, "Settling", "new")) == [(FALSE, "MetricMissing", "r2: none")]
    assert judged(good, good) == [(TRUE, "FollowsCalls", "r0: good; r1: good")]
    assert judged(None, None) == []


@pytest.mark.parametrize(
    ("before", "after", "news"),
    [("", TRUE, 0), ("", UNKNOWN, 0), ("", FALSE, 1), (UNKNOWN, TRUE, 0), (TRUE, UNKNOWN, 0), (TRUE, FALSE, 1),
     (FALSE, FALSE, 0), (FALSE, TRUE, 1), (FALSE, UNKNOWN, 0)],
)  # fmt: skip
def test_an_event_tells_when_autoscaling_is_in_trouble_and_when_it_is_well_again(
    before: str, after: str, news: int
) -> None:
    def of(status: str) -> list[dict[str, str]]:
        return [{"type": "AutoscalingActive", "status": status, "reason": "Any"}] if status else []

    assert len(changed(of(before), of(after))) == news


async def _say(plane: Plane, hpa: str, condition: dict[str, str]) -> None:
    """Say of an autoscaler, as its controller would, how it has been for long."""
    status = {"conditions": [condition | {"lastTransitionTime": MADE}], "desiredReplicas": 1}
    patch = ("--subresource=status", "--type=merge", "-p", json.dumps({"status": status}))
    await plane.kubectl("patch", "hpa", "-n", "voiceplane", hpa, *patch)


@pytest.mark.timeout(300)
async def test_a_region_tells_of_its_autoscaler_and_goes_on_answering(tmp_path: Path) -> None:
    options = PlaneOptions(controllers=False)
    async with running_plane(tmp_path / "plane", options) as plane, controllers.rolling_out(plane):
        await operating.prepare(plane)
        await apply(plane, REGION % ("here", "capacity: 1000, inCluster: {}, autoscaling: {enabled: true}"))
        async with operating.operating(plane, tmp_path, "--no-lease", "--resync", "1"):
            await apply(plane, AGENT)
            new = await until(plane, DESK, ready)
            assert condition(new, "AutoscalingActive")["status"] == "Unknown", "nobody has looked at it yet"
            (hpa,) = [one["metadata"]["name"] for one in (await read(plane, "hpa", "-n", "voiceplane"))["items"]]
            begun = await events(plane)

            await _say(plane, hpa, BAD)
            told = await until(plane, DESK, lambda raw: condition(raw, "AutoscalingActive")["status"] == "False")
            (state,) = told["status"]["regionStates"]
            assert condition(told, "AutoscalingActive")["reason"] == "MetricMissing"
            assert state["ready"] and state["condition"]["reason"] == "ServingUnscaled"
            assert "voiceplane_calls_active" in state["condition"]["message"] and BAD["message"] in str(state)
            assert condition(told, "Ready") == condition(new, "Ready"), "calls are answered"

            await _say(plane, hpa, GOOD)
            await until(plane, DESK, lambda raw: condition(raw, "AutoscalingActive")["status"] == "True")
            assert await events(plane) == [*begun, ("Warning", "MetricMissing"), ("Normal", "FollowsCalls")]
