"""Slow tools while the conversation goes on: the real flow planner, turn machine and talk on virtual time."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from tests.call.talking import Tools, talking
from tests.call.virtual import virtually

from voiceplane.call.late import PAUSE_S
from voiceplane.contract.agent import Objectives
from voiceplane.contract.load import Bundle, load_bundle
from voiceplane.planner.embed import Embedder
from voiceplane.planner.flow import FlowPlanner
from voiceplane.planner.intents import Understanding

EXAMPLE = Path(__file__).parents[2] / "docs/examples/parcel-desk.yaml"
OPENING = "agent: Northwind parcels, this is the automated assistant. How can I help you?"
MORE = "Is there anything else I can help with?"
BRIDGE, PROGRESS, LATE = (
    "One moment, please.",
    "I am still waiting for the answer.",
    "I have the answer to your earlier question now.",
)
RESULTS = {"parcel-status": '{"status": "on its way", "eta": "tomorrow"}', "reschedule": "{}"}
ANSWER = f"Parcel 4 5 7 7 2 0 is on its way and should arrive tomorrow. {MORE}"
HOURS = f"Our parcel shops are open from eight in the morning until eight in the evening, Monday to Saturday. {MORE}"
TRACK = "where is my parcel 457720"
MOVE = "I want to change the delivery day of parcel 457720 to Friday"


@pytest.fixture(scope="module")
def understanding() -> Callable[[Bundle], FlowPlanner]:
    embedder = Embedder()
    return lambda bundle: FlowPlanner(bundle.agent.spec, Understanding(bundle.agent.spec, embedder))


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle(EXAMPLE.read_text())


@pytest.fixture(scope="module")
def planner(bundle: Bundle, understanding: Callable[[Bundle], FlowPlanner]) -> FlowPlanner:
    return understanding(bundle)


def test_a_slow_tool_is_bridged_then_reported_on_then_answered(bundle: Bundle, planner: FlowPlanner) -> None:
    async def conversation() -> None:
        async with talking(bundle, planner, Tools({"parcel-status": 8.0}, RESULTS)) as call:
            await call.says(TRACK)
            await call.waits(30.0)
            assert call.lines == [OPENING, f"caller: {TRACK}", f"agent: {BRIDGE} {PROGRESS} {ANSWER}"]

    virtually(conversation())


def test_what_the_caller_said_its_tool_and_its_answer_have_one_index(bundle: Bundle, planner: FlowPlanner) -> None:
    async def conversation() -> None:
        async with talking(bundle, planner, Tools({}, RESULTS)) as call:
            await call.says(TRACK)
            await call.waits(10.0)
            assert [(turn.speaker, turn.index) for turn in call.recorder.turns] == [
                ("agent", 0),
                ("caller", 1),
                ("agent", 1),
            ]
            assert [asked.turn_index for asked in call.tools.asked] == [1]

    virtually(conversation())


def test_a_caller_who_hangs_up_while_a_tool_runs_leaves_his_words_and_what_he_heard(
    bundle: Bundle, planner: FlowPlanner
) -> None:
    async def conversation() -> None:
        async with talking(bundle, planner, Tools({"parcel-status": 12.0}, RESULTS)) as call:
            await call.says(TRACK)
            await call.waits(8.0)
        assert call.lines == [OPENING, f"caller: {TRACK}", f"agent: {BRIDGE} {PROGRESS}"]
        assert [(turn.index, turn.intent) for turn in call.recorder.turns] == [(0, ""), (1, "track-parcel"), (1, "")]

    virtually(conversation())


def test_a_caller_who_hangs_up_in_a_sentence_leaves_what_he_heard_of_it(bundle: Bundle, planner: FlowPlanner) -> None:
    async def conversation() -> None:
        async with talking(bundle, planner, Tools({}, RESULTS)) as call:
            await call.says("when are you open")
            await call.until(call.speaks)
            await call.waits(2.0)
        assert call.lines[:-1] == [OPENING, "caller: when are you open"]
        heard = call.lines[-1].removeprefix("agent: ")
        assert heard and HOURS.startswith(heard) and heard != HOURS

    virtually(conversation())


def late(objective: str) -> float:
    return REGISTRY.get_sample_value("voiceplane_turns_late_total", {"objective": objective}) or 0.0


def test_a_turn_that_is_slower_than_the_agents_objective_is_counted(bundle: Bundle, planner: FlowPlanner) -> None:
    objectives = Objectives.model_validate({"turnP50": "10ms", "turnP95": "20s"})
    spec = bundle.agent.spec.model_copy(update={"objectives": objectives})
    strict = replace(bundle, agent=bundle.agent.model_copy(update={"spec": spec}))
    before = late("p50"), late("p95")

    async def conversation() -> None:
        async with talking(strict, planner, Tools({}, RESULTS)) as call:
            await call.says(TRACK)
            await call.waits(10.0)

    virtually(conversation())
    assert (late("p50") - before[0], late("p95") - before[1]) == (1.0, 0.0)


def test_a_late_answer_comes_after_the_conversation_has_moved_on(bundle: Bundle, planner: FlowPlanner) -> None:
    async def conversation() -> None:
        async with talking(bundle, planner, Tools({"parcel-status": 12.0}, RESULTS)) as call:
            await call.says(TRACK)
            await call.waits(3.0)
            await call.says("when are you open")
            await call.waits(40.0)
            assert call.lines == [
                OPENING,
                f"caller: {TRACK}",
                f"agent: {BRIDGE}",
                "caller: when are you open",
                f"agent: {HOURS}",
                f"agent: {LATE} {ANSWER}",
            ]
            await call.says("say that again")
            await call.waits(20.0)
            assert call.lines[-1] == f"agent: {ANSWER}"

    virtually(conversation())


@pytest.mark.parametrize("seconds", [5.0 + 0.05 * step for step in range(0, 120, 7)])
def test_a_late_answer_keeps_a_pause_from_what_was_said_before(
    bundle: Bundle, planner: FlowPlanner, seconds: float
) -> None:
    """Whenever it comes: in the middle of another reply, or right after it."""

    async def conversation() -> None:
        async with talking(bundle, planner, Tools({"parcel-status": seconds}, RESULTS)) as call:
            await call.says(TRACK)
            await call.waits(3.0)
            await call.says("when are you open")
            await call.waits(40.0)
            assert call.lines[-2:] == [f"agent: {HOURS}", f"agent: {LATE} {ANSWER}"]
            before, late = call.recorder.turns[-2:]
            assert late.started_ns - before.ended_ns >= (PAUSE_S - 0.001) * 1e9

    virtually(conversation())


def test_a_lookup_that_is_cancelled_is_recorded_and_not_spoken(bundle: Bundle, planner: FlowPlanner) -> None:
    async def conversation() -> None:
        async with talking(bundle, planner, Tools({"parcel-status": 9.0}, RESULTS)) as call:
            await call.says(TRACK)
            await call.waits(3.0)
            await call.says("never mind, forget it")
            await call.waits(40.0)
            assert call.lines[-1] == f"agent: All right, I have stopped looking. {MORE}"
            assert call.tools.audited == ['{"parcel_number": "457720"}'] and not call.ending.settled
            assert "tool-dropped" in call.told

    virtually(conversation())


def test_a_lookup_that_is_taken_back_before_a_word_was_said_was_never_asked_for(
    bundle: Bundle, planner: FlowPlanner
) -> None:
    async def conversation() -> None:
        async with talking(bundle, planner, Tools({"parcel-status": 9.0}, RESULTS)) as call:
            await call.says(TRACK)
            await call.until(lambda: bool(call.tools.asked))
            await call.waits(0.3)
            await call.says("never mind, forget it")
            await call.waits(40.0)
            said = f"caller: {TRACK} never mind, forget it"
            assert call.lines == [OPENING, said, f"agent: All right. {MORE}"]

    virtually(conversation())


def test_a_changed_question_is_looked_up_and_the_old_answer_is_not_spoken(bundle: Bundle, planner: FlowPlanner) -> None:
    async def conversation() -> None:
        async with talking(bundle, planner, Tools({"parcel-status": 6.0}, RESULTS)) as call:
            await call.says(TRACK)
            await call.waits(3.0)
            await call.says("No, I meant four five seven seven two one.")
            await call.waits(40.0)
            assert call.tools.audited == ['{"parcel_number": "457720"}', '{"parcel_number": "457721"}']
            answers = [line for line in call.lines if "on its way" in line]
            assert len(answers) == 1 and "4 5 7 7 2 1" in answers[0] and not call.ending.settled

    virtually(conversation())


def test_two_slow_tools_are_both_answered(bundle: Bundle, planner: FlowPlanner) -> None:
    async def conversation() -> None:
        tools = Tools({"parcel-status": 14.0, "reschedule": 12.0}, RESULTS)
        async with talking(bundle, planner, tools) as call:
            await call.says(TRACK)
            await call.waits(3.0)
            await call.says(MOVE)
            await call.waits(2.5)
            await call.hears_out()
            await call.says("yes")
            await call.waits(3.0)
            await call.says("when are you open")
            await call.waits(60.0)
            late = [line for line in call.lines if line.startswith(f"agent: {LATE}")]
            assert len(late) == 2, call.lines
            assert "on its way" in late[0] and "Done." in late[1]

    virtually(conversation())


def test_short_words_before_the_bridge_of_a_tool_that_acts_are_answered(bundle: Bundle, planner: FlowPlanner) -> None:
    async def conversation() -> None:
        async with talking(bundle, planner, Tools({"reschedule": 6.0}, RESULTS)) as call:
            await call.says(MOVE)
            await call.waits(1.0)
            await call.hears_out()
            await call.says("yes")
            await call.until(lambda: bool(call.tools.asked))
            await call.says("never mind")
            await call.waits(40.0)
            assert "caller: never mind" in call.lines, call.lines
            assert "agent: That is being done already, so I cannot stop it." in call.lines
            assert call.lines[-1].startswith(f"agent: {LATE} Done.")

    virtually(conversation())


@pytest.mark.parametrize("words", ["okay", "wait okay"])
def test_okay_over_a_question_nobody_heard_runs_nothing(bundle: Bundle, planner: FlowPlanner, words: str) -> None:
    async def conversation() -> None:
        async with talking(bundle, planner, Tools({}, RESULTS)) as call:
            await call.says(MOVE)
            await call.until(call.speaks)
            await call.says(words)
            await call.waits(20.0)
            assert call.tools.asked == [] and "Shall I move parcel 4 5 7 7 2 0 to Friday" in call.lines[-1], call.lines
            await call.says("yes")
            await call.waits(20.0)
            assert len(call.tools.asked) == 1, call.lines

    virtually(conversation())


def test_a_turn_cannot_be_taken_back_from_the_moment_its_side_effect_begins(
    bundle: Bundle, planner: FlowPlanner
) -> None:
    async def conversation() -> None:
        async with talking(bundle, planner, Tools({"reschedule": 3.0}, RESULTS)) as call:
            retracted: list[bool] = []
            call.tools.invoked = lambda: retracted.append(call.listening.dialogue.retract())
            await call.says(MOVE)
            await call.until(call.speaks)
            await call.hears_out()
            await call.says("yes")
            await call.waits(30.0)
            assert retracted == [False] and "Done." in call.lines[-1], call.lines

    virtually(conversation())


def test_a_late_failure_is_escalated(understanding: Callable[[Bundle], FlowPlanner]) -> None:
    bundle = load_bundle(EXAMPLE.read_text().replace("onRequest: true", "onRequest: true, onToolFailure: true"))

    async def conversation() -> None:
        tools = Tools({"parcel-status": 12.0}, RESULTS, frozenset({"parcel-status"}))
        async with talking(bundle, understanding(bundle), tools) as call:
            await call.says(TRACK)
            await call.waits(3.0)
            await call.says("when are you open")
            await call.waits(40.0)
            assert [transfer.reason for transfer in call.transfers] == ["tool-failure"]
            assert "I will connect you" in call.lines[-1]

    virtually(conversation())


def test_two_wishes_in_one_sentence_are_both_served_though_the_first_is_slow(
    bundle: Bundle, planner: FlowPlanner
) -> None:
    async def conversation() -> None:
        async with talking(bundle, planner, Tools({"parcel-status": 12.0}, RESULTS)) as call:
            await call.says("where is my parcel 457720 and can you deliver it on another day")
            await call.waits(3.0)
            await call.says("are you still there")
            await call.waits(30.0)
            *_, answer = call.lines
            assert answer.startswith(f"agent: {LATE} Parcel 4 5 7 7 2 0 is on its way"), call.lines
            assert answer.endswith("Now to your other request. Which day suits you?")
            await call.says("on Friday")
            await call.waits(10.0)
            assert "Shall I move parcel 4 5 7 7 2 0 to Friday" in call.lines[-1]

    virtually(conversation())


def test_a_lookup_that_gives_way_to_another_question_is_not_told(bundle: Bundle, planner: FlowPlanner) -> None:
    async def conversation() -> None:
        async with talking(bundle, planner, Tools({"parcel-status": 9.0}, RESULTS)) as call:
            await call.says(TRACK)
            await call.waits(3.0)
            await call.says("actually forget it, when are you open")
            await call.waits(40.0)
            assert call.lines[-1] == f"agent: {HOURS}" and "tool-dropped" in call.told
            assert call.tools.audited == ['{"parcel_number": "457720"}']

    virtually(conversation())
