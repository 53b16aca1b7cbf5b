"""What a caller proves himself with reaches its tool and nothing else: no record, no summary, no key to be guessed."""

import asyncio
import json
import uuid

from tests.call.proving import AGENT
from tests.call.talking import Tools, talking
from tests.call.virtual import virtually

from voiceplane.call.recorder import CallFacts, Recorder
from voiceplane.call.turns import HIDDEN, Turn
from voiceplane.contract.dialogue import CallerSaid, DialogueState, HeardTurn, ReplyRequest
from voiceplane.contract.ids import CallId
from voiceplane.contract.load import Bundle, load_bundle
from voiceplane.planner.embed import Embedder
from voiceplane.planner.flow import FlowPlanner
from voiceplane.planner.intents import Understanding
from voiceplane.planner.render import paragraph, summary

BUNDLE = load_bundle(AGENT)
SHOWN = load_bundle(
    f"{AGENT}  policyRef: {{name: open}}\n---\napiVersion: voiceplane.dev/v1alpha1\nkind: VoicePolicy\n"
    "metadata: {name: open}\nspec: {redaction: {showArguments: [pin]}}\n"
)
TALK = (
    ("agent", "Hello.", ""),
    ("caller", "log me in", "prove-who-you-are"),
    ("agent", "What is your PIN?", ""),
    ("caller", "one two three four", "prove-who-you-are"),
    ("agent", "I have 1 2 3 4. Is that right?", ""),
    ("caller", "cancel my contract, my PIN is 1 2 3 4 by the way", "cancel-contract"),
    ("agent", "It is cancelled.", ""),
)


NAMED = load_bundle(AGENT.replace("{name: pin, type: digits, length: 4", "{name: pin, type: name"))
SPOKEN = ("1 2 3 4", "1234", "one two three four")


def kept(bundle: Bundle) -> list[str]:
    recorder = Recorder(CallFacts(CallId("0" * 32), "sip", "", "", 0), bundle)
    for n, (who, text, intent) in enumerate(TALK):
        recorder.add(Turn(n // 2, who, text, n, n, intent))
    return list(recorder.transcript())


def test_the_transcript_hides_a_proof_and_keeps_the_rest() -> None:
    assert kept(BUNDLE) == [
        "Hello.",
        HIDDEN,
        "What is your PIN?",
        HIDDEN,
        HIDDEN,
        "cancel my contract, my PIN is [digits] by the way",
        "It is cancelled.",
    ]


def test_a_policy_that_shows_the_argument_shows_it_in_the_transcript() -> None:
    assert kept(SHOWN) == [text for _, text, _ in TALK]


def test_who_takes_the_call_is_not_told_the_pin() -> None:
    state = DialogueState(intent="cancel-contract", slots=(("pin", "1234"), ("pin.partial", "12")))
    heard = (HeardTurn("caller", "my PIN is 1 2 3 4"), HeardTurn("caller", "twelve thirty four, I said"))
    text = paragraph(BUNDLE.agent.spec, state, heard, "requested")
    assert "1234" not in text and "1 2 3 4" not in text and "twelve" not in text
    assert "Working on: cancel-contract." in text and "my PIN is [digits]" in text


def test_a_key_in_an_audit_record_does_not_give_the_pin_away() -> None:
    """An audit holds call, turn, intent and key: ten thousand PINs are soon tried on a key made of only these."""

    async def conversation() -> None:
        tools = Tools()
        planner = FlowPlanner(BUNDLE.agent.spec, Understanding(BUNDLE.agent.spec, Embedder()))
        async with talking(BUNDLE, planner, tools) as call:
            await call.says("I want to identify myself")
            await call.waits(10.0)
            await call.says("1 2 3 4")
            await call.waits(10.0)
        (asked,) = tools.asked
        assert json.loads(asked.arguments_json) == {"pin": "1234"}
        made = f"{asked.turn_index}/{asked.intent}/{asked.arguments_json}"
        assert asked.idempotency_key != uuid.uuid5(uuid.UUID(asked.call_id), made).hex

    virtually(conversation())


def test_failed_proofs_are_counted_by_the_call_too() -> None:
    async def conversation() -> None:
        tools = Tools(failing=frozenset({"check-pin"}))
        planner = FlowPlanner(BUNDLE.agent.spec, Understanding(BUNDLE.agent.spec, Embedder()))
        async with talking(BUNDLE, planner, tools) as call:
            for pin in ("1 2 3 4", "5 6 7 8", "9 9 9 9"):
                await call.says("I want to identify myself")
                await call.waits(10.0)
                await call.says(pin)
                await call.waits(10.0)
        assert [asked.failed_proofs for asked in tools.asked] == [0, 1, 2]

    virtually(conversation())


def test_the_planner_is_told_a_proof_once_and_never_again() -> None:
    """The words in which it is given must be read; no later request has them, nor what was read."""

    async def conversation() -> None:
        planner = FlowPlanner(BUNDLE.agent.spec, Understanding(BUNDLE.agent.spec, Embedder()))
        async with talking(BUNDLE, planner, Tools()) as call:
            for words in (
                "I want to identify myself",
                "one two three four",
                "never mind",
                "what is it with the weather",
            ):
                await call.says(words)
                await call.waits(10.0)
            said = [asked for asked in call.planner.asked if isinstance(asked.input, CallerSaid)]
            given = [n for n, asked in enumerate(said) if "three" in str(asked.input)]
            assert given and len(said) >= given[-1] + 3
            for asked in said[given[-1] + 1 :]:
                told = " ".join(turn.text for turn in asked.history)
                assert HIDDEN in told and not any(pin in told for pin in SPOKEN)
                assert "pin" not in dict(asked.state.slots)

    virtually(conversation())


def test_an_answer_that_is_not_understood_is_a_proof_too() -> None:
    """A word for a PIN has no digits to be known by: that it was asked for hides it."""

    async def conversation() -> None:
        planner = FlowPlanner(NAMED.agent.spec, Understanding(NAMED.agent.spec, Embedder()))
        async with talking(NAMED, planner, Tools()) as call:
            watched: list[str] = []

            async def watch() -> None:
                async for event in call.hub.watch(""):
                    watched.extend(value for key, value in event.facts if key == "pii.text")

            watching = asyncio.create_task(watch())
            for words in ("I want to identify myself", "why would you want to know about my swordfish", "swordfish"):
                await call.says(words)
                await call.waits(10.0)
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            asked = call.tools.asked
            assert [json.loads(each.arguments_json) for each in asked] == [{"pin": "Swordfish"}]
            kept = call.recorder.transcript()
            assert not any("swordfish" in text.lower() for text in (*kept, *watched)), (kept, watched)
            assert kept.count(HIDDEN) >= 2 and "What is your PIN?" in " ".join(kept)

    virtually(conversation())


def test_who_takes_a_call_in_the_middle_of_a_proof_is_not_told_what_was_said() -> None:
    state = DialogueState(intent="prove-who-you-are", asking="pin")
    request = ReplyRequest(CallId("0" * 32), "a/b", "r", 1, "q", state, CallerSaid("it is swordfish"), "2026-11-23")
    assert "swordfish" not in summary(NAMED.agent.spec, request, "unsure")
