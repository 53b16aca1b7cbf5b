"""The scenario file: what it may say, and what is told of each mistake."""

import io
import wave
from pathlib import Path

import pytest

from voiceplane.contract.load import load_bundle
from voiceplane.testing.scenarios.load import InvalidScenariosError, load_scenarios
from voiceplane.testing.scenarios.model import After, Anchor

EXAMPLES = Path(__file__).parents[2] / "docs/examples"
ONE = "scenarios:\n  - name: a\n    steps:\n      - {step}\n"


def wav(*, width: int, seconds: int) -> bytes:
    written = io.BytesIO()
    with wave.open(written, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(width)
        sound.setframerate(8000)
        sound.writeframes(bytes(8000 * width * seconds))
    return written.getvalue()


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
        ("{say: hi, expect: {heard: '!?'}}", "steps[0].expect.heard[0]: '!?' has no word that could be heard"),
        ("{say: hi, expect: {absent: [oh, 'sorry|']}}", "steps[0].expect.absent[1]: 'sorry|' has no word"),
        ("{say: hi, expect: {heard: 'I am sorry', absent: Sorry}}", "expect.absent[0]: no call meets this: 'Sorry'"),
        ("{say: hi, expect: {agent: stops}}", "steps[0].expect.agent: the agent is silent when this step begins"),
        (
            "{say: hi, after: agent start, expect: {agent: goes on, within_ms: 9}}",
            "an agent that goes on is not waited",
        ),
        ("{hang_up: true, expect: {absent: sorry}}", "expect.absent: nothing is heard any more"),
        ("{say: '?!'}", "steps[0].say: the callers' voices say only letters a-z and figures"),
        ('{say: "hi \\0"}', "steps[0].say: a sign that nobody can say or print"),
        ('{say: "hi \\ud800"}', "steps[0].say: expected a valid string, unable to parse raw data as a unicode string"),
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


@pytest.mark.parametrize(
    ("expect", "told"),
    [
        ("{heard: '...'}", "expect.heard[0]: '...' has no word that could be heard"),
        ("{absent: {heard: '...'}}", "expect.absent.heard[0]: '...' has no word that could be heard"),
        (
            "{tools: reschedule, absent: {tools: reschedule}}",
            "expect.absent.tools[0]: no call meets this: 'reschedule'",
        ),
        ("{within_ms: 300}", "expect.within_ms: nobody waits for the agent in this call"),
    ],
)
def test_what_no_call_could_meet_or_fail_is_a_mistake(expect: str, told: str) -> None:
    (mistake,) = mistakes(ONE.format(step="{silence: 2s}") + f"    expect: {expect}\n")
    assert told in mistake


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"hello", "a 16-bit PCM WAV file is expected"),
        (b"", "a 16-bit PCM WAV file is expected"),
        (wav(width=1, seconds=1), "save the file as 16-bit PCM"),
        (wav(width=2, seconds=0), "holds no sound"),
    ],
)
def test_a_sound_file_that_cannot_be_played_is_told_before_anything_is_called(
    content: bytes, told: str, tmp_path: Path
) -> None:
    (tmp_path / "said.wav").write_bytes(content)
    (mistake,) = mistakes(ONE.format(step="{play: said.wav}"), tmp_path)
    assert mistake.startswith("line 4: scenarios[0].steps[0].play: ") and told in mistake


def test_a_file_that_is_a_list_is_told_what_to_begin_with() -> None:
    assert "a list `scenarios:` is expected; voiceplane test --help shows one" in mistakes("- name: a\n")[0]


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
