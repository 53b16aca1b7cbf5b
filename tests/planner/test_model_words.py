"""A model's stream, pure: events that come in any pieces, phrases that come out whole, words that must not be said."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceplane.planner.chat import ChatStream, End, NonsenseError, Text
from voiceplane.planner.phrases import phrases
from voiceplane.planner.speech import Cutter, senseless

STORY = "We sell boxes. They cost $12.50 each, e.g. the brown one. Mr. Smith packs them. Do you want one?"


@given(st.lists(st.integers(0, len(STORY)), max_size=20))
def test_phrases_are_the_same_however_the_stream_is_cut(places: list[int]) -> None:
    cutter, found = Cutter(), list[str]()
    edges = [0, *sorted(places), len(STORY)]
    for start, end in zip(edges, edges[1:], strict=False):
        found += cutter.feed(STORY[start:end])
    assert [*found, *cutter.flush()] == phrases(STORY)


@given(st.lists(st.text(max_size=20), max_size=12))
def test_any_stream_comes_to_an_end_without_a_fault(pieces: list[str]) -> None:
    cutter = Cutter()
    found = [phrase for piece in pieces for phrase in cutter.feed(piece)]
    assert all(phrase.strip() for phrase in [*found, *cutter.flush()])


@given(st.text(max_size=200))
def test_any_line_is_a_piece_or_nonsense(line: str) -> None:
    stream = ChatStream()
    try:
        stream.feed(line)
        stream.feed(f"data: {line}")
    except NonsenseError:
        return


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["choices", "delta", "tool_calls", "index", "function", "name", "arguments", "usage", "content", "finish_reason", "prompt_tokens"]), inner, max_size=4)))  # fmt: skip  # noqa: E501
def test_any_event_is_a_piece_or_nonsense(event: object) -> None:
    try:
        ChatStream().feed(f"data: {json.dumps(event)}")
    except NonsenseError:
        return


@given(st.lists(st.text(max_size=9), max_size=8))
def test_a_function_call_is_whole_however_its_arguments_are_split(pieces: list[str]) -> None:
    stream = ChatStream()
    for piece in ("", *pieces):
        delta = {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}
        stream.feed(f"data: {json.dumps({'choices': [{'delta': delta}]})}")
    end = stream.feed("data: [DONE]")
    assert isinstance(end, End)
    assert end.calls[0].arguments == ("".join(pieces) or "{}")


def test_a_call_without_bounds_is_nonsense() -> None:
    stream = ChatStream()
    delta = {"tool_calls": [{"index": 0, "function": {"arguments": "x" * 5000}}]}
    line = f"data: {json.dumps({'choices': [{'delta': delta}]})}"
    assert stream.feed(line) is None
    with pytest.raises(NonsenseError):
        stream.feed(line)


def test_words_are_text_and_roles_are_nothing() -> None:
    stream = ChatStream()
    assert stream.feed('data: {"choices": [{"delta": {"role": "assistant", "content": null}}]}') is None
    assert stream.pieces == 0
    assert stream.feed('data: {"choices": [{"delta": {"content": "Hi"}}]}') == Text("Hi")


@pytest.mark.parametrize(
    ("phrase", "reason"),
    [
        ("We are open until eight.", None),
        ("It is 4 5 6 7 2 1, as you said.", None),
        ("Your number is 998877.", "invented-number"),
        ("Your number is 9 9 8 8 7 7.", "invented-number"),
        ('{"name": "track-parcel"}', "mark-up"),
        ("<tool_call> track </tool_call>", "mark-up"),
        ("<|im_end|> Yes.", "mark-up"),
        ("...", "no-words"),
        ("It is late.", "repeated"),
        ("no no no no no no no", "loop"),
        ("x" * 700, "no-end"),
    ],
)
def test_what_must_not_be_spoken_has_a_reason(phrase: str, reason: str | None) -> None:
    assert senseless(phrase, ["It is late."], "the caller said 456721") == reason
