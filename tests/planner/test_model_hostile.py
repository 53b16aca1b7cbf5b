"""A model, or who stands in its place, that means ill: all it sends is bounded, none of it acts or is read aloud."""

import json
import time
import tracemalloc

import pytest
from tests.planner.scripted import Action, Call, Cut, Finish, Pause, Raw, Script, Words
from tests.planner.talking import TALK, flows, talking, texts

from voiceplane.contract.dialogue import ToolCall
from voiceplane.contract.load import Bundle
from voiceplane.planner import model
from voiceplane.planner.chat import MAX_CALLS, MAX_LINE, ChatStream, End, NonsenseError, Text
from voiceplane.planner.flow import FlowPlanner
from voiceplane.planner.speech import MAX_PHRASE, Cutter, plain, senseless
from voiceplane.rpc import convert

SUNDAYS = "do you work on Sundays"
LATE = "Something I ordered is late, the slip says 456721"
MEGABYTE = 1_000_000


def event(**delta: object) -> Raw:
    return Raw(f"data: {json.dumps({'choices': [{'index': 0, 'delta': delta}]})}\n\n".encode())


def wished(arguments: object, name: object = "track-parcel", **part: object) -> Raw:
    return event(tool_calls=[{"index": 0, "function": {"name": name, "arguments": arguments}, **part}])


NONSENSE: dict[str, tuple[Action, ...]] = {
    "a call that is cut off": (Call("track-parcel", ('{"parcel_nu',)), Cut()),
    "a megabyte of arguments in pieces": (Call("track-parcel", ("1" * 4000,) * 250), Finish()),
    "a megabyte of arguments at once": (wished("1" * MEGABYTE), Finish()),
    "a megabyte of a name": (wished("{}", "track-parcel" * 80_000), Finish()),
    "a megabyte without an end of line": (Raw(b"x" * MEGABYTE), Finish()),
    "a megabyte of words at once": (Words("word " * 200_000), Finish()),
    "words without an end": (*(Words("word " * 20),) * 400, Finish()),
    "a thousand calls at once": (
        event(tool_calls=[{"index": n, "function": {"name": "track-parcel", "arguments": "{}"}} for n in range(500)]),
        Finish(),
    ),
    "an index that is no number": (wished("{}", index="first"), Finish()),
    "an index without an end": (
        Raw(b'data: {"choices": [{"delta": {"tool_calls": [{"index": 1e999}]}}]}\n\n'),
        Finish(),
    ),
    "calls that are no list": (event(tool_calls="track-parcel"), Finish()),
    "tokens beyond counting": (Raw(b'data: {"usage": {"prompt_tokens": 1e999, "completion_tokens": 1}}\n\n'), Finish()),
    "tokens below nothing": (Raw(b'data: {"usage": {"prompt_tokens": -5, "completion_tokens": 1}}\n\n'), Finish()),
    "another page": (Raw(b"<html><body>Sign in to the network first. Now.</body></html>"),),
    "another language": (Words("Мы открыты по воскресеньям. Приходите. "), Finish()),
    "an address of its own": (Words("Please go to www.not-northwind.com and pay. "), Finish()),
    "a number of its own in words": (Words("Your parcel is eight three nine two zero one. "), Finish()),
    "a page": (Words('<a href="http://x.y">Click</a> here. '), Finish()),
    "a place to fill": (Words("Hello [your name], how are you. "), Finish()),
    "sounds in brackets": (Words("Well [[h@loU]] there. "), Finish()),
    "entities": (Words("This &amp; that. "), Finish()),
    "a table": (Words("a | b | c "), Finish()),
    "pictures only": (Words("😀😀😀"), Finish()),
}


@pytest.mark.parametrize("case", NONSENSE)
async def test_the_flow_planner_answers_and_no_tool_runs(bundle: Bundle, planner: FlowPlanner, case: str) -> None:
    async with talking(bundle, planner, NONSENSE[case]) as harness:
        events = await harness.say(SUNDAYS)
        assert events == flows(harness, SUNDAYS)
        assert harness.fallback() in ("nonsense", "away")
        assert len(harness.endpoint.requests) <= model.ROUNDS


@pytest.mark.parametrize(
    "arguments",
    [
        {"parcel_number": "456721"},
        ["456721"],
        7,
        '{"parcel_number": 1e999}',
        '{"parcel_number": {"a": ' + "[" * 2000 + "]" * 2000 + "}}",
        '{"parcel_number": ' + "9" * 5000 + "}",
        '{"parcel_number": "\\ud800"}',
        '"456721"',
        "null",
        '{"parcel_number": "456721"',
    ],
)
async def test_arguments_of_another_kind_are_refused_or_left_out(
    bundle: Bundle, planner: FlowPlanner, arguments: object
) -> None:
    async with talking(bundle, planner, (wished(arguments), Finish("tool_calls")), TALK) as harness:
        events = await harness.say("Something I ordered is late")
        assert len(harness.endpoint.requests) <= model.ROUNDS
    assert not [each for each in events if isinstance(each, ToolCall)]
    assert texts(events) in (["What is the six digit parcel number?"], ["We sell boxes.", "Do you need one?"])


async def test_of_many_wishes_one_is_carried_out(bundle: Bundle, planner: FlowPlanner) -> None:
    calls = [{"index": n, "function": {"name": "track-parcel", "arguments": "{}"}} for n in range(MAX_CALLS)]
    async with talking(bundle, planner, (event(tool_calls=calls), Finish("tool_calls"))) as harness:
        events = await harness.say(LATE)
        assert len(harness.endpoint.requests) == 1
    assert [each.tool for each in events if isinstance(each, ToolCall)] == ["parcel-status"]


async def test_halves_of_letters_and_endless_names_do_no_harm_on_the_way_to_the_model_and_the_call(
    bundle: Bundle, planner: FlowPlanner
) -> None:
    odd = "\ud800" * 5 + "i" * 5000
    scripts: tuple[Script, ...] = (
        (wished("{}", "delete\ud800", id=odd), Finish("\ud800stop" * 100)),
        (event(content="We sell \ud83d\ude00 boxes\ud800. "), Words("Really. "), Finish()),
    )
    async with talking(bundle, planner, *scripts) as harness:
        events = await harness.say(LATE)
        told = harness.endpoint.requests[1]["messages"][-1]
    assert texts(events) == ["We sell boxes.", "Really."]
    assert len(told["tool_call_id"]) <= 200
    for each in events:
        convert.event_to_wire(each).SerializeToString()


async def test_a_reply_without_an_end_costs_neither_time_nor_memory(bundle: Bundle, planner: FlowPlanner) -> None:
    script: Script = (*(Raw(b"data: " + b"y" * 100_000),) * 200, Pause(20.0))
    async with talking(bundle, planner, script) as harness:
        tracemalloc.start()
        try:
            assert await harness.say(SUNDAYS) == flows(harness, SUNDAYS)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert harness.fallback() == "nonsense"
    assert most < 10 * MEGABYTE  # of the 20 that were sent, and what the endpoint here holds of them


def test_a_line_is_bounded_however_it_is_cut() -> None:
    stream = ChatStream()
    with pytest.raises(NonsenseError):
        for _ in range(MAX_LINE // 1000 + 2):
            assert not list(stream.read(b"z" * 1000))


def test_bytes_may_be_cut_anywhere() -> None:
    sent = 'data: {"choices": [{"delta": {"content": "Grüße 😀"}}]}\r\n\r\ndata: [DONE]\n\n'.encode()
    for at in range(len(sent)):
        stream = ChatStream()
        assert [*stream.read(sent[:at]), *stream.read(sent[at:])] == [Text("Grüße 😀"), End("")]


def test_a_phrase_without_an_end_is_given_up_soon() -> None:
    cutter = Cutter()
    began = time.monotonic()
    found = next(cutter.feed("Mr. " * 50_000))
    assert senseless(found, [], "") == "no-end" and len(found) <= MAX_PHRASE + 200
    assert time.monotonic() - began < 5.0  # a thousandth of it when it is given up


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("We are open 🎉 today 👍🏽!", "We are open  today !"),
        ("**Yes**, *really*.", "Yes, really."),
        ("See [our page](https://northwind.example/track?id=1) for it.", "See our page for it."),
        ("It is 20 °C.", "It is 20 °C."),
        ("1️⃣ Come in", "1 Come in"),
        ("zero\u200bwidth\u202e\x00", "zerowidth"),
        ("# Heading", "Heading"),
    ],
)
def test_signs_that_no_voice_reads_are_left_out(written: str, said: str) -> None:
    assert plain(written) == said


@pytest.mark.parametrize(
    ("phrase", "reason"),
    [
        ("See www.northwind.com for more.", None),  # the model was told
        ("See www.northwind.org for more.", "invented-address"),
        ("Write to me@evil.example.com now.", "invented-address"),
        ("It is four five six seven two one.", None),
        ("It is four five six seven two two.", "invented-number"),
        ("Это посылка.", "no-words"),
        ("Café Müller is open.", None),
    ],
)
def test_what_the_model_was_not_told_is_not_spoken(phrase: str, reason: str | None) -> None:
    assert senseless(phrase, [], "Our page is www.Northwind.com. The caller said 456721.") == reason
