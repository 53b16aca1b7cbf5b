"""Which sentences ask for more by their grammar, although the planner takes them for a wish."""

import pytest

from voiceplane.turn.hearings import second_stands, worth_a_second
from voiceplane.turn.parameters import Sureness, TurnParameters
from voiceplane.turn.reading import AskedDigits, Reading, read


def unfinished(text: str, *, expected: bool = False) -> bool:
    return read(text, understood=True, expected=expected) is Reading.OPEN


@pytest.mark.parametrize(
    "text",
    [
        "Could it be sent to",
        "My parcel has been in",
        "I paid for it without",
        "I am really",
        "How much is another",
        "I believe the driver should",
        "please ask for Mister",
        "it comes from a shop called",
        "I think that they",
        "I want to pack some",
        "I am at home after",
    ],
)
def test_a_word_that_belongs_to_what_follows_asks_for_more(text: str) -> None:
    assert unfinished(text)


@pytest.mark.parametrize("text", ["Can I have an earlier", "Can I have an earlier?", "I bought a very large", "My new"])
def test_a_thing_described_and_not_named_asks_for_more(text: str) -> None:
    assert unfinished(text)
    assert not unfinished(f"{text.rstrip('?')} delivery day for it")


@pytest.mark.parametrize(
    "text",
    [
        "I am trying to find",
        "Could you explain?",
        "You need to bring",
        "I was told",
        "um, we're expecting",
        "please let me know",
        "I would like to ask",
        "I keep getting",
        "I ordered",
        "um, we have just bought.",
    ],
)
@pytest.mark.parametrize("understood", [True, False, None])
def test_a_verb_that_needs_something_asks_for_it_whatever_the_planner_says(text: str, understood: bool | None) -> None:
    assert read(text, understood=understood) is Reading.OPEN


@pytest.mark.parametrize(
    "text",
    [
        "that is all I need",
        "what do you need",
        "I want to cancel",
        "do you deliver?",
        "can you help",
        "it was sent",
        "it came the day after",
        "I need it",
        "can you show me my parcel",
    ],
)
def test_a_verb_that_has_what_it_needs_or_needs_nothing_is_whole(text: str) -> None:
    assert not unfinished(text)


@pytest.mark.parametrize("text", ["the second", "the next", "On the second"])
def test_what_the_agent_waits_for_is_whole_however_short(text: str) -> None:
    assert not unfinished(text, expected=True)


@pytest.mark.parametrize(
    "text",
    [
        "The package",
        "um, my parcel",
        "My daughter's present",
        "One of your drivers",
        "The thing I ordered",
        "The lamp that I bought last week",
        "The shop where I left it",
        "The package which you brought.",
    ],
)
def test_a_topic_of_which_nothing_is_said_yet_asks_for_more(text: str) -> None:
    assert unfinished(text)


@pytest.mark.parametrize(
    "text",
    [
        "The package is damaged",
        "My parcel arrived broken",
        "My parcel came broken",
        "The thing I ordered is broken",
        "The shop where I left it was closed",
        "I am waiting for a parcel that I ordered",
        "opening hours",
        "change the delivery day",
    ],
)
def test_a_topic_of_which_something_is_said_is_whole(text: str) -> None:
    assert not unfinished(text)


@pytest.mark.parametrize(
    "text",
    ["If nobody is at home", "because I am on holiday", "When I was out", "Before I send it", "um, if it is lost"],
)
def test_a_condition_alone_asks_for_what_follows_from_it(text: str) -> None:
    assert unfinished(text)


@pytest.mark.parametrize(
    "text",
    [
        "If nobody is at home what do you do",
        "when are you open",
        "If it is lost I want my money",
        "Because of the snow, can you deliver it later",
        "before noon",
    ],
)
def test_a_condition_with_its_sentence_is_whole(text: str) -> None:
    assert not unfinished(text)


@pytest.mark.parametrize(
    "text", ["Let me think", "well, let me see.", "um, one moment", "Hold on", "Hello?", "Good day"]
)
def test_a_greeting_or_a_request_for_time_is_a_preface_to_what_is_wanted(text: str) -> None:
    assert read(text, understood=True) is Reading.PREFACE
    assert TurnParameters().patience[Reading.PREFACE, Sureness.SURE] > 0.9  # a pause behind it is as long as others
    assert not second_stands(Reading.PREFACE) and not worth_a_second(Reading.PREFACE)


@pytest.mark.parametrize("text", ["I will call back in a minute", "One moment, please, the number is on the card"])
def test_a_moment_spoken_of_is_no_request_for_one(text: str) -> None:
    assert read(text, understood=True) is Reading.COMPLETE


def test_who_looks_for_the_number_that_was_asked_for_is_given_the_time_for_it() -> None:
    assert read("Let me see.", asked=AskedDigits(6), understood=True) is Reading.OPEN
    assert read("Let me see, 4 5 6 7 2 1", asked=AskedDigits(6), understood=True) is Reading.COUNTED


@pytest.mark.parametrize("text", ["Yes, I do.", "No, we have", "yes it was", "I am", "it is"])
def test_a_short_answer_is_whole(text: str) -> None:
    assert not unfinished(text)


def test_a_question_inside_a_sentence_ends_with_its_verb() -> None:
    assert not unfinished("I want to know where my parcel is.")
    assert not unfinished("tell me how much it is")
    assert unfinished("I want to know where my")
    assert read("I want to know where my partle is", understood=False) is Reading.UNCLEAR


def test_a_long_text_is_read_at_once() -> None:
    text = "the parcel " + "that the man who came with the box " * 60
    assert read(text, understood=True) is Reading.COMPLETE  # no pattern tries every way to divide it


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("My parcel has been in", Reading.OPEN),
        ("If nobody is at home", Reading.OPEN),
        ("I have a question,", Reading.OPEN),
        ("Good morning", Reading.PREFACE),
        ("I want to change the day", Reading.COMPLETE),
    ],
)
def test_a_sentence_said_where_digits_were_asked_for_is_read_like_any_other(text: str, reading: Reading) -> None:
    assert read(text, asked=AskedDigits(6), understood=True) is reading


def test_a_sentence_in_doubt_stays_so_where_digits_were_asked_for() -> None:
    text = "please put it on the shelf"
    assert read(text, asked=AskedDigits(6), understood=True, last_word=0.3) is Reading.DOUBTFUL
