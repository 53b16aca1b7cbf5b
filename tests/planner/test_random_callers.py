"""Whatever is said, pressed, returned or kept: no error, one Done at the end, and a state that the planner accepts."""

import datetime
import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from voiceplane.contract.dialogue import (
    CallerSaid,
    DialogueState,
    Done,
    ReplyRequest,
    ToolCall,
    ToolOutcome,
    ToolResult,
)
from voiceplane.contract.ids import CallId
from voiceplane.contract.load import Bundle
from voiceplane.planner import filling
from voiceplane.planner.corrections import corrected, said_digits
from voiceplane.planner.dates import find_date
from voiceplane.planner.flow import FlowPlanner
from voiceplane.planner.phrases import phrases
from voiceplane.rpc import convert

WORDS = st.sampled_from(
    "no yes not four five double triple two hundred thousand oh to for the first last digit is next friday december "
    "3rd in days 12/05 2026-02-30 parcel number where my package what again bye person cancel another day and sorry "
    "thanks 452210 4 99999999999999999999 1e9 , . - ' ½ ٣ é {x} %s [noise] never mind a of zeros change open".split()
)
TEXT = st.one_of(st.text(max_size=80), st.lists(WORDS, max_size=12).map(" ".join))
NAMES = st.sampled_from(["", "track-parcel", "change-delivery-day", "opening-hours", "parcel_number", "day", "x"])
STATES = st.builds(
    DialogueState,
    intent=NAMES,
    slots=st.dictionaries(
        st.sampled_from(["parcel_number", "parcel_number.partial", "day", "day.confirmed", "", ".", "x.partial"]),
        st.sampled_from(["", "4", "452", "452210", "2026-12-04", "soon", "yes", "٣٣٣٣٣٣"]) | st.text(max_size=8),
    ).map(lambda known: tuple(sorted(known.items()))),
    asking=NAMES,
    confirming=st.booleans(),
    confirming_slot=NAMES,
    unsure=st.integers(0, 2**31),
    last_reply=st.text(max_size=40),
    done_intents=st.lists(NAMES, max_size=4).map(tuple),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["status", "eta", "x"]), inner),
    max_leaves=6,
)
RESULTS = st.builds(
    ToolResult,
    st.sampled_from(["parcel-status", "reschedule", ""]),
    st.sampled_from(ToolOutcome),
    JSON.map(json.dumps) | st.text(max_size=30),
)
SAID = st.builds(CallerSaid, TEXT, st.floats(0, 1), st.booleans())
DATES = st.dates().map(datetime.date.isoformat)
PATIENT = settings(deadline=None, max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])


@PATIENT
@given(state=STATES, given_input=SAID | RESULTS, today=DATES)
def test_any_input_in_any_state_gives_a_whole_reply(
    state: DialogueState, given_input: CallerSaid | ToolResult, today: str, planner: FlowPlanner, bundle: Bundle
) -> None:
    request = ReplyRequest(CallId("0" * 32), "a", "r", 0, "q", state, given_input, today)
    events = list(planner.reply(request))
    done = events[-1]
    assert isinstance(done, Done)
    assert not any(isinstance(event, Done) for event in events[:-1])
    assert len(events) > 1
    assert filling.sound(bundle.agent.spec, done.state) == done.state
    assert convert.state_from_wire(convert.state_to_wire(done.state)) == done.state
    for event in events:
        convert.event_to_wire(event)
        if isinstance(event, ToolCall):
            arguments = json.loads(event.arguments_json)
            assert len(arguments["parcel_number"]) == 6
            assert arguments["parcel_number"].isdecimal()


@PATIENT
@given(lines=st.lists(SAID, min_size=1, max_size=6))
def test_any_conversation_stays_sound_and_repeats_itself_exactly(
    lines: list[CallerSaid], planner: FlowPlanner, bundle: Bundle
) -> None:
    state = DialogueState()
    for line in lines:
        request = ReplyRequest(CallId("0" * 32), "a", "r", 0, "q", state, line, "2026-11-23")
        events = list(planner.reply(request))
        assert events == list(planner.reply(request))
        done = events[-1]
        assert isinstance(done, Done)
        state = done.state
        assert filling.sound(bundle.agent.spec, state) == state


@settings(deadline=None, max_examples=500)
@given(text=TEXT, known=st.text("0123456789", max_size=12), length=st.none() | st.integers(1, 32), today=st.dates())
def test_readers_never_raise_and_give_only_ascii_digits(
    text: str, known: str, length: int | None, today: datetime.date
) -> None:
    for value in (said_digits(text, length), corrected(known, text, length) or ""):
        assert not value or (value.isascii() and value.isdecimal())
    find_date(text, today)
    find_date(text, today, day_first=True)


@settings(deadline=None)
@given(text=st.text(max_size=400) | st.lists(WORDS, max_size=80).map(" ".join))
def test_phrases_lose_no_word(text: str) -> None:
    assert "".join(" ".join(phrases(text)).split()) == "".join(text.split())
    assert all(phrase.strip() == phrase and phrase for phrase in phrases(text))
