"""What a region can carry of an agent: its calls, its gateways under an autoscaler, its speech; and who is told."""

from pathlib import Path

import pytest
from tests.control.samples import AGENT, region

from voiceplane.cli.__main__ import main
from voiceplane.contract.agent import Placement
from voiceplane_operator import manifests
from voiceplane_operator.commands.files import target_of
from voiceplane_operator.decide import status
from voiceplane_operator.decide.placement import Candidate, Choice, choose

SCALED = {"enabled": True, "maxReplicas": 10}


def placed(calls: int, **regions: dict[str, object]) -> Choice:
    candidates = (Candidate(name, region(**more).spec, True, False, False) for name, more in regions.items())  # type: ignore[arg-type]
    return choose(Placement(modes=("cloud",), capacity=calls), tuple(candidates))


def speech_pods(calls: int, sizes: dict[str, object]) -> int:
    wanted = target_of(AGENT, region(autoscaling={}, sizes={"speech": sizes}), calls=calls)
    (pods,) = {
        one["spec"]["replicas"]
        for one in manifests.render(wanted)
        if one["kind"] == "Deployment" and one["metadata"]["name"].endswith("-speech")
    }
    return int(pods)


def test_calls_that_an_autoscaler_may_not_start_gateways_for_are_told_with_the_field_to_raise() -> None:
    choice = placed(1000, east={"capacity": 2000, "autoscaling": SCALED})
    assert choice.shares == (("east", 200),)
    (capacity,) = (one for one in status.agent_conditions(choice, (), "r") if one.type == "CapacityAvailable")
    assert (capacity.status, capacity.reason) == ("False", "TooFewCalls")
    assert capacity.message == (
        "1000 calls are asked for (spec.placement.capacity), 200 can be carried; VoiceRegion east has room for 2000,"
        " but 10 gateways of 20 calls carry 200: raise its spec.autoscaling.maxReplicas to 50"
    )
    raised = {"enabled": True, "maxReplicas": 50}
    assert placed(1000, east={"capacity": 2000, "autoscaling": raised}).reason == ""


def test_a_region_that_may_start_more_gateways_takes_the_calls_of_one_that_may_not() -> None:
    scaled, counted = {"capacity": 2000, "autoscaling": SCALED}, {"capacity": 2000, "autoscaling": {}}
    choice = placed(1000, east=dict(scaled), west=dict(counted))
    assert (choice.shares, choice.reason) == ((("east", 200), ("west", 800)), "")


def test_regions_that_are_too_small_beside_an_autoscaler_that_may_do_too_little_are_both_told() -> None:
    choice = placed(1000, east={"capacity": 500, "autoscaling": SCALED}, west={"capacity": 100, "autoscaling": {}})
    assert choice.shares == (("east", 200), ("west", 100))
    assert "300 can be carried; VoiceRegion east has room for 500" in choice.message
    assert "maxReplicas to 25; the regions that fit hold 600: add regions" in choice.message


@pytest.mark.parametrize(
    ("calls", "sizes", "pods"),
    [
        (7, {}, 1),  # 10 calls for each 1.4 cores, of which a pod asks for 1
        (8, {}, 2),
        (100, {}, 15),
        (100, {"cpu": "2800m"}, 5),
        (100, {"cpu": "50m"}, 15),
        (100, {"calls": 50}, 2),
        (100, {"replicas": 3}, 3),
        (100, {"gpu": 1}, 1),
        (100, {"gpu": 1, "calls": 40}, 3),
    ],
)
def test_a_region_has_as_many_pods_of_speech_as_an_agents_calls_need(
    calls: int, sizes: dict[str, object], pods: int
) -> None:
    assert speech_pods(calls, sizes) == pods


def test_too_few_pods_of_speech_are_told_where_somebody_has_said_their_number() -> None:
    choice = placed(50, east={"sizes": {"speech": {"replicas": 2}}})
    assert (choice.shares, choice.reason) == ((("east", 50),), "TooLittleSpeech")
    assert "sizes.speech.replicas 2 of VoiceRegion east is enough for 14 of 50 calls" in choice.message
    assert "raise it to 8, leave it out" in choice.message
    for enough in ({"replicas": 8}, {"replicas": 2, "calls": 25}, {"replicas": 2, "gpu": 1}, {}):
        assert placed(50, east={"sizes": {"speech": enough}}).reason == ""


def test_render_tells_what_a_region_cannot_carry(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    agent, file = tmp_path / "agent.yaml", tmp_path / "region.yaml"
    agent.write_text(AGENT.replace("capacity: 20", "capacity: 300"))
    spec = "mode: cloud, location: US, inCluster: {}, capacity: 1000, autoscaling: {enabled: true}"
    file.write_text(
        f"{{apiVersion: voiceplane.dev/v1alpha1, kind: VoiceRegion, metadata: {{name: east}}, spec: {{{spec}}}}}"
    )
    assert main(["render", str(agent), "--region", str(file)]) == 0
    told = capsys.readouterr()
    assert "maxReplicas: 10" in told.out
    assert told.err.startswith("CapacityAvailable will be False: 300 calls are asked for")
    assert "raise its spec.autoscaling.maxReplicas to 15" in told.err
    assert main(["render", str(agent), "--region", str(file), "--calls", "200"]) == 0
    assert capsys.readouterr().err == ""
