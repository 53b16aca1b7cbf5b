"""Verdicts, from evidence made by hand: each expectation met and not met."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceplane.testing.scenarios.evidence import (
    CallerTurn,
    Evidence,
    HeardWord,
    Recorded,
    Span,
    StepTaken,
    ToolSeen,
)
from voiceplane.testing.scenarios.judge import Finding, judge, stopped_ms, waits
from voiceplane.testing.scenarios.model import Scenario
from voiceplane.testing.scenarios.words import find, plain

WORDS = "northwind parcels how can I help".split()
ANSWER = "parcel 456721 is out for delivery".split()


def spoken(words: list[str], start_ms: float) -> tuple[HeardWord, ...]:
    return tuple(HeardWord(word, start_ms + 300 * at, start_ms + 300 * at + 250) for at, word in enumerate(words))


# The agent speaks 0-2 s, the caller 3-5 s, the agent answers from 5.4 s to 8 s.
CALL = Evidence(
    seconds=10.0,
    caller=(Span(3000, 5000),),
    agent=(Span(0, 2000), Span(5400, 8000)),
    words=(*spoken(WORDS, 0), *spoken(ANSWER, 5400)),
    steps=(StepTaken(0, Span(3000, 5000)),),
    record=Recorded("completed", "caller-hung-up", (ToolSeen("parcel-status", "track-parcel", "ok", 5200, 12),)),
)


def scenario(step: dict[str, Any] | None = None, **expect: Any) -> Scenario:
    return Scenario.model_validate({"name": "x", "steps": [{"say": "hi"} | (step or {})], "expect": expect})


def verdict(given_: Scenario, evidence: Evidence = CALL) -> list[Finding]:
    return list(judge(given_, evidence))


EXPECTATIONS: list[tuple[dict[str, Any], bool]] = [
    ({"heard": "Out for delivery!"}, True),
    ({"heard": ["parcel four five six seven two one", "delivered | out for delivery"]}, True),
    ({"heard": "delivered"}, False),
    ({"heard": "for out delivery"}, False),
    ({"absent": {"heard": "sorry"}}, True),
    ({"absent": {"heard": "out for delivery"}}, False),
    ({"tools": "parcel-status"}, True),
    ({"tools": {"name": "parcel-status", "times": 1}}, True),
    ({"tools": {"name": "parcel-status", "times": 2}}, False),
    ({"tools": {"name": "parcel-status", "outcome": "failed"}}, False),
    ({"tools": ["parcel-status", "reschedule"]}, False),
    ({"absent": {"tools": "reschedule"}}, True),
    ({"absent": {"tools": "parcel-status"}}, False),
    ({"outcome": "completed", "end": "caller-hung-up"}, True),
    ({"outcome": "transferred"}, False),
    ({"end": "media-timeout"}, False),
    ({"transferred_to": "sip:queue@"}, False),
    ({"within_ms": 400}, True),
    ({"within_ms": 399}, False),
]


@pytest.mark.parametrize(("expect", "good"), EXPECTATIONS)
def test_a_call_is_judged_on_what_was_heard_and_done(expect: dict[str, Any], good: bool) -> None:
    findings = verdict(scenario(**expect))
    assert findings
    assert all(finding.passed for finding in findings) is good


@pytest.mark.parametrize(("expect", "good"), EXPECTATIONS)
def test_a_call_that_never_was_meets_no_expectation(expect: dict[str, Any], good: bool) -> None:
    findings = verdict(scenario(**expect), Evidence(0.0, trouble=("no call: refused: 486",)))
    assert not all(finding.passed for finding in findings)
    assert "486" in findings[0].seen


def test_words_before_the_step_do_not_count_for_it() -> None:
    (heard,) = verdict(scenario({"expect": {"heard": "northwind"}}))
    assert not heard.passed
    assert "out for delivery" in heard.seen


def test_words_after_the_next_step_do_not_count_for_a_step() -> None:
    both = Scenario.model_validate(
        {"name": "x", "steps": [{"say": "a", "expect": {"heard": "delivery"}}, {"silence": "1s"}]}
    )
    call = replace(CALL, steps=(*CALL.steps, StepTaken(1, Span(5600, 6600))))
    assert [finding.passed for finding in verdict(both, call)] == [False]


def test_a_step_that_was_not_reached_is_a_failure_with_its_cause() -> None:
    two = Scenario.model_validate({"name": "x", "steps": [{"say": "a"}, {"say": "b"}]})
    (finding,) = verdict(two, replace(CALL, trouble=("waited 20 s for the agent to speak",)))
    assert (finding.where, finding.passed) == ("step 2", False)
    assert "waited 20 s" in finding.seen


@pytest.mark.parametrize(
    ("agent", "latency"),
    [
        ((Span(0, 2000), Span(5400, 8000)), 400.0),
        ((Span(0, 2000), Span(4900, 8000)), -100.0),  # a soft last sound
        ((Span(0, 2000),), None),
        ((Span(0, 2000), Span(3500, 4000), Span(5200, 6000)), 200.0),
    ],
)
def test_a_wait_is_from_the_callers_last_sound_to_the_agents_first(
    agent: tuple[Span, ...], latency: float | None
) -> None:
    (wait,) = waits(scenario(), replace(CALL, agent=agent))
    assert wait.latency_ms == latency


def test_an_agent_that_never_answers_is_not_within_any_time() -> None:
    (finding,) = verdict(scenario({"expect": {"within_ms": 60_000}}), replace(CALL, agent=(Span(0, 2000),)))
    assert (finding.passed, finding.seen) == (False, "no answer")


def test_a_pause_within_the_callers_turn_is_no_wait() -> None:
    digits = Scenario.model_validate({"name": "x", "steps": [{"say": "four"}, {"say": "five", "after": "800ms"}]})
    call = replace(CALL, steps=(StepTaken(0, Span(3000, 3500)), StepTaken(1, Span(4300, 5000))))
    assert [wait.step for wait in waits(digits, call)] == [1]


# The agent speaks from 2 s; the caller begins at 4 s and is done at 4.5 s.
OVER = replace(CALL, caller=(Span(4000, 4500),), steps=(StepTaken(0, Span(4000, 4500)),))
TURN = Recorded("completed", "caller-hung-up", (), (CallerTurn("stop", 4500),))


@pytest.mark.parametrize(
    ("agent", "record", "stops", "goes_on"),
    [
        ((Span(2000, 4200), Span(6000, 8000)), TURN, True, False),  # interrupted, answers later
        ((Span(2000, 8000),), Recorded("completed", "x"), False, True),  # heard through
        ((Span(2000, 4200), Span(4900, 8000)), Recorded("completed", "x"), False, True),  # held, then resumed
        ((Span(2000, 4200), Span(4900, 8000)), None, True, True),  # nobody knows what became of it
        ((Span(2000, 4200), Span(4900, 8000)), TURN, True, False),  # resumed only to say something else
        ((Span(2000, 4200), Span(4300, 6000)), TURN, False, False),  # a pause between words is no stop
        ((Span(2000, 3000),), TURN, False, False),  # it was silent already
    ],
)
def test_a_caller_who_speaks_over_the_agent(
    agent: tuple[Span, ...], record: Recorded | None, stops: bool, goes_on: bool
) -> None:
    call = replace(OVER, agent=agent, record=record)
    assert [f.passed for f in verdict(scenario({"expect": {"agent": "stops", "within_ms": 400}}), call)] == [stops]
    assert [f.passed for f in verdict(scenario({"expect": {"agent": "goes on"}}), call)] == [goes_on]


def test_the_time_to_silence_counts_from_the_callers_first_sound() -> None:
    assert stopped_ms(Span(4000, 4500), replace(OVER, agent=(Span(2000, 4260),))) == 260


SAME = [
    ("4 5 6, 7 2 1", "four five six seven two one"),
    ("456721", "four five six seven two one"),
    ("December 4th", "december fourth"),
    ("at 25 past", "at twenty-five past"),
    ("It's 8 o'clock", "its eight oclock"),
    ("20 people", "twenty people"),
    ("$500, which", "five hundred which"),
    ("520 grams", "five hundred and twenty grams"),
    ("745", "seven hundred forty-five"),
    ("1 or a hundred", "one or a hundred"),
    ("500 and", "five hundred and"),
    ("I'm", "im"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_numbers_are_the_same_however_a_recognizer_writes_them(one: str, other: str) -> None:
    assert plain(one) == plain(other)


@given(st.text(max_size=80))
def test_a_text_with_words_is_found_in_itself(text: str) -> None:
    assert (find(text.replace("|", " "), plain(text)) is not None) == bool(plain(text))
