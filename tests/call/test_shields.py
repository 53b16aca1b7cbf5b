import asyncio
from collections.abc import AsyncGenerator

import pytest

from voiceplane.call.line import SessionPlayout
from voiceplane.call.mouth import Chunk, Mouth
from voiceplane.call.shields import PhraseShields, Shield
from voiceplane.contract.audio import Pcm, WordTime
from voiceplane.contract.barge_in import BargeIn, PhraseBargeIn
from voiceplane.contract.load import InvalidAgentError, load_bundle
from voiceplane.media.server import MediaServer, MediaSettings
from voiceplane.media.session import MediaAgreement, MediaSession
from voiceplane.runtime.clock import SystemClock

AGENT = """
apiVersion: voiceplane.dev/v1alpha1
kind: VoiceAgent
metadata: {name: notices, namespace: default}
spec:
  opening: "Hello, this is the assistant. This call is recorded. How can I help you?"
  bargeIn: BARGE_IN
  intents:
    - name: order
      examples: ["order a box"]
      slots: [{name: boxes, type: digits, ask: "How many?"}]
      reply: "You ordered {boxes} boxes for $12. You may cancel within 14 days."
"""


def shields(barge_in: str) -> PhraseShields:
    return PhraseShields(load_bundle(AGENT.replace("BARGE_IN", barge_in)).agent.spec)


def test_a_notice_inside_an_opening_is_shielded_alone() -> None:
    found = shields('{never: ["This call is recorded."]}')
    assert found.of("This call is recorded.") == Shield()
    assert found.of("Hello, this is the assistant.") is None
    assert found.of("How can I help you?") is None


def test_a_rule_of_two_sentences_holds_for_each_of_them() -> None:
    found = shields('{never: ["This call is recorded. How can I help you?"]}')
    assert found.of("This call is recorded.") == found.of("How can I help you?") == Shield()


def test_a_phrase_has_its_own_rule_before_that_of_the_agent() -> None:
    found = shields('{mode: never, phrases: [{text: "How can I help you?", mode: after, after: 800ms}]}')
    assert found.of("How can I help you?") == Shield(800.0)
    assert found.of("Hello, this is the assistant.") == Shield()
    found = shields('{mode: after, after: 2s, phrases: [{text: "How can I help you?", mode: always}]}')
    assert found.of("How can I help you?") is None
    assert found.of("Anything.") == Shield(2000.0, of_turn=True)


def test_a_replys_sentence_is_known_with_its_values_and_as_it_is_said() -> None:
    found = shields('{never: ["You ordered {boxes} boxes for $12.", "You may cancel within 14 days."]}')
    assert found.of("You ordered 4 5 boxes for twelve dollars.") == Shield()
    assert found.of("You may cancel within fourteen days.") == Shield()


@pytest.mark.parametrize(
    ("barge_in", "path"),
    [
        ('{never: ["This call is recorded.", "This call is taped."]}', "spec.bargeIn.never[1]"),
        ('{phrases: [{text: "call is recorded", mode: never}]}', "spec.bargeIn.phrases[0].text"),
    ],
)
def test_a_rule_for_words_that_are_never_spoken_is_a_mistake_with_its_place(barge_in: str, path: str) -> None:
    with pytest.raises(InvalidAgentError) as caught:
        shields(barge_in)
    assert [mistake.path for mistake in caught.value.mistakes] == [path]


def test_a_notice_in_quotes_in_a_models_instructions_is_one_that_is_said() -> None:
    told = """planner: {model: {endpoint: "http://llm.example/v1", name: m, instructions: 'Say "We keep notes." Be
    brief.'}}
  bargeIn: {never: ["We keep notes."]}"""
    found = PhraseShields(load_bundle(AGENT.replace("bargeIn: BARGE_IN", told)).agent.spec)
    assert found.of("We keep notes.") == Shield()
    with pytest.raises(InvalidAgentError):
        load_bundle(AGENT.replace("bargeIn: BARGE_IN", told.replace('never: ["We keep', 'never: ["We take')))


def test_the_models_hold_what_a_designer_writes() -> None:
    assert BargeIn(phrases=(PhraseBargeIn(text="Hello.", mode="after", after=0.8),)).never == ()


class Voice:
    """Every phrase takes 200 ms."""

    async def speak(self, text: str, *, constant: bool) -> AsyncGenerator[Chunk, None]:
        yield Chunk(Pcm(bytes(2 * 1600), 8000), (WordTime(text, 0.0, 200.0),))


def shielded_at_each(session: MediaSession, frames: int) -> list[float]:
    """Send frames; return for how many seconds more no caller might interrupt before each of them."""
    left = []
    for number in range(frames):
        left.append(round(session.shielded_s(), 3))
        frame = session.playout.next_frame(pause=False)
        assert frame is not None
        session.playout.confirm(frame, sequence=number, tick=number)
    return left


async def test_the_shield_follows_what_is_on_the_wire() -> None:
    server = MediaServer(MediaSettings(first_port=31900, last_port=31940), SystemClock())
    async with server.running(), server.open_session() as session:
        mouth = Mouth(Voice(), SessionPlayout(session))
        mouth.begin()
        session.start(MediaAgreement("PCMU", ("127.0.0.1", 9), None))
        session._pacer.leave(session._sender)  # the test sends
        await mouth.phrase("first")
        await mouth.phrase("notice", shield=Shield())
        await mouth.phrase("second")
        await mouth.phrase("third", shield=Shield(100.0))
        left = shielded_at_each(session, 40)
        notice = [round(0.2 - 0.02 * at, 3) for at in range(10)]
        third = [round(0.1 - 0.02 * at, 3) for at in range(5)]
        assert left == [0.0] * 10 + notice + [0.0] * 10 + third + [0.0] * 5


async def test_a_bridge_that_waits_for_a_notice_is_heard_to_its_end_and_so_is_the_notice_after_it() -> None:
    server = MediaServer(MediaSettings(first_port=31850, last_port=31890), SystemClock())
    async with server.running(), server.open_session() as session:
        mouth = Mouth(Voice(), SessionPlayout(session))
        mouth.begin()
        session.start(MediaAgreement("PCMU", ("127.0.0.1", 9), None))
        session._pacer.leave(session._sender)
        await mouth.interject("bridge", shield=Shield())
        await mouth.phrase("between")
        await mouth.interject("another bridge", shield=Shield(100.0))
        left = shielded_at_each(session, 30)
        bridge = [round(0.2 - 0.02 * at, 3) for at in range(10)]
        another = [round(0.1 - 0.02 * at, 3) for at in range(5)]
        assert left == bridge + [0.0] * 10 + another + [0.0] * 5


async def test_a_notice_that_is_still_being_synthesized_is_shielded_when_all_before_it_has_left() -> None:
    class Slow(Voice):
        async def speak(self, text: str, *, constant: bool) -> AsyncGenerator[Chunk, None]:
            await spoken.wait()
            async for chunk in super().speak(text, constant=constant):
                yield chunk

    spoken = asyncio.Event()
    server = MediaServer(MediaSettings(first_port=31950, last_port=31990), SystemClock())
    async with server.running(), server.open_session() as session:
        mouth = Mouth(Slow(), SessionPlayout(session))
        mouth.begin()
        session.start(MediaAgreement("PCMU", ("127.0.0.1", 9), None))
        session._pacer.leave(session._sender)
        speaking = asyncio.create_task(mouth.phrase("notice", shield=Shield()))
        await asyncio.sleep(0)
        assert session.shielded_s() == float("inf")
        spoken.set()
        await speaking
        assert session.shielded_s() == pytest.approx(0.2)
        mouth.interrupt()
        assert session.shielded_s() == 0.0
