"""The scenario file: what it may say, and what is told of each mistake."""

from pathlib import Path

import pytest

from voiceplane.contract.load import load_bundle
from voiceplane.testing.scenarios.load import InvalidScenariosError, load_scenarios
from voiceplane.testing.scenarios.model import After, Anchor

EXAMPLES = Path(__file__).parents[2] / "docs/examples"
ONE = "scenarios:\n  - name: a\n    steps:\n      - {step}\n"


def loaded(step: str, *, rest: str = "", folder: Path = EXAMPLES) -> After:
    return load_scenarios(ONE.format(step=step) + rest, folder).scenarios[0].steps[0].begins


def mistakes(text: str, folder: Path = EXAMPLES) -> list[str]:
    with pytest.raises(InvalidScenariosError) as caught:
        load_scenarios(text, folder, load_bundle((EXAMPLES / "parcel-desk.yaml").read_text()).agent.spec)
    return [str(mistake) for mistake in caught.value.mistakes]


def test_the_example_is_valid_and_names_only_tools_of_its_agent() -> None:
    spec = load_bundle((EXAMPLES / "parcel-desk.yaml").read_text()).agent.spec
    file = load_scenarios((EXAMPLES / "parcel-desk.scenarios.yaml").read_text(), EXAMPLES, spec)
    assert len(file.scenarios) == 9


@pytest.mark.parametrize(
    ("after", "meant"),
    [
        ("agent end", After(Anchor.AGENT_END)),
        ("agent start", After(Anchor.AGENT_START)),
        ("agent start + 600ms", After(Anchor.AGENT_START, 0.6)),
        ("agent end+1s", After(Anchor.AGENT_END, 1.0)),
        ("900ms", After(Anchor.STEP, 0.9)),
    ],
)
def test_a_step_begins_after_the_agent_or_after_a_pause(after: str, meant: After) -> None:
    assert loaded(f'{{say: "hi", after: "{after}"}}') == meant


def test_a_step_waits_for_the_agent_where_nothing_is_said() -> None:
    assert loaded("{silence: 3s}") == loaded("{dtmf: '12#'}") == After(Anchor.AGENT_END)


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ("{say: hi, dtmf: '1'}", "line 4: scenarios[0].steps[0]: a step does one thing of say, play"),
        ("{after: 1s}", "this one names none"),
        ("{say: hi, after: later}", 'scenarios[0].steps[0].after: write a duration with its unit, such as "300ms"'),
        ("{say: hi, after: agent middle}", 'write "agent end", "agent start"'),
        ("{silence: 3}", "write a duration with its unit"),
        ("{dtmf: 12x}", "scenarios[0].steps[0].dtmf: write up to 64 keys of 0-9, *, # and A-D, in quotes"),
        ("{play: nowhere.wav}", "scenarios[0].steps[0].play: there is no file"),
        ("{says: hi}", "scenarios[0].steps[0].says: unknown field"),
        ("{silence: 2s, expect: {agent: stops}}", "expect.agent is for a step with sound"),
        ("{say: hi, expect: {agent: waits}}", "'stops' or 'goes on'"),
        ("{silence: 2s, expect: {within_ms: 300}}", "nobody waits for the agent after this step: it is no speech"),
        ("{say: hi, expect: {heard: ''}}", "at least 1 character"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_path(step: str, told: str) -> None:
    assert any(told in mistake for mistake in mistakes(ONE.format(step=step)))


def test_an_end_that_no_call_has_is_a_mistake_before_anything_is_called() -> None:
    text = ONE.format(step="{say: hi}") + "    expect: {end: hung-up}\n"
    assert "no call ends by 'hung-up'; write one of caller-hung-up, " in mistakes(text)[0]


def test_a_wait_that_the_next_step_does_not_allow_is_a_mistake() -> None:
    text = ONE.format(step="{say: hi, expect: {within_ms: 300}}") + "      - {say: ho, after: 500ms}\n"
    assert "the next step only pauses" in mistakes(text)[0]


def test_a_call_ends_only_once() -> None:
    text = ONE.format(step="{hang_up: true}") + "      - {say: ho}\n"
    assert "hang_up ends the call" in mistakes(text)[0]


def test_a_tool_that_the_agent_does_not_have_is_a_slip_of_the_pen() -> None:
    text = ONE.format(step="{say: hi}") + "    expect: {tools: parcel-state, absent: {tools: [reschedul]}}\n"
    assert mistakes(text) == [
        "line 5: scenarios[0].expect.tools[0]: the agent has no tool 'parcel-state'; it has parcel-status, reschedule",
        "line 5: scenarios[0].expect.absent.tools[0]: "
        "the agent has no tool 'reschedul'; it has parcel-status, reschedule",
    ]


@pytest.mark.parametrize("text", ["", "- a\n", "scenarios: []\n", "a: [\n", "a: 1\n---\nb: 2\n", "\x00"])
def test_what_is_no_scenario_file_is_told_so(text: str) -> None:
    assert mistakes(text)


def test_names_must_differ_because_reports_go_by_them() -> None:
    text = ONE.format(step="{say: hi}") + "  - name: a\n    steps: [{say: ho}]\n"
    assert [mistake.split(":")[1].strip() for mistake in mistakes(text)] == ["scenarios[0].name", "scenarios[1].name"]


def test_a_parcel_may_be_slow() -> None:
    text = ONE.format(step="{say: hi}") + 'parcels: {slow: {"118346": 4s, "007": 1500ms}}\n'
    assert load_scenarios(text, EXAMPLES).parcels.slow == {"118346": 4.0, "007": 1.5}
    assert load_scenarios(ONE.format(step="{say: hi}"), EXAMPLES).parcels.slow == {}


@pytest.mark.parametrize(
    ("parcels", "told"),
    [
        ('{slow: {"118346": 4}}', 'line 5: parcels.slow.118346: write a duration with its unit, such as "300ms"'),
        ("{slow: {118346: 4s}}", "put the value in quotes"),
        ("{slow: {abc: 4s}}", "line 5: parcels.slow.abc"),
        ("{slower: {}}", "line 5: parcels.slower: unknown field"),
    ],
)
def test_a_mistake_about_the_parcels_is_told_with_its_line_and_path(parcels: str, told: str) -> None:
    found = mistakes(ONE.format(step="{say: hi}") + f"parcels: {parcels}\n")
    assert any(told in mistake for mistake in found), found
