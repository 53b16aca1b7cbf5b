"""An expectation of words that the first recognizer does not meet: a larger one hears the recording too."""

from pathlib import Path

import numpy as np
import pytest
from tests.scenarios.test_judge import scenario

from voiceplane.speech.errors import SpeechError, SpeechUnavailableError
from voiceplane.speech.ports import InferenceTiming, RecognizedWord, Transcript
from voiceplane.testing.phone.recording import new_recording
from voiceplane.testing.scenarios.evidence import Span, StepTaken
from voiceplane.testing.scenarios.judge import Finding
from voiceplane.testing.scenarios.model import Scenario
from voiceplane.testing.scenarios.play import Line, Played
from voiceplane.testing.scenarios.run import Place, judged

RATE = 8000
MISHEARD, RIGHT = "your partial is out", "your parcel is out for delivery"


class Ear:
    """Hears the same words in any sound; counts the sounds."""

    def __init__(self, text: str, failure: SpeechError | None = None) -> None:
        self.text, self.failure, self.asked = text, failure, 0

    async def recognize(self, audio: bytes, *, hints: str = "", partial: bool = False) -> Transcript:
        self.asked += 1
        if self.failure is not None:
            raise self.failure
        words = self.text.split()
        timed = tuple(RecognizedWord(word, 100.0 * at, 100.0 * at + 90, 0.9) for at, word in enumerate(words))
        return Transcript(self.text, timed, InferenceTiming(0.0, 0.0, 0.0))

    async def recognize_again(self, audio: bytes, *, hints: str = "") -> Transcript:
        return await self.recognize(audio, hints=hints)


async def findings(expected: Scenario, first: Ear, larger: Ear | None) -> list[Finding]:
    """Judge a call that is over: the agent spoke for a second behind the caller's step."""
    recording = new_recording(RATE, RATE)
    recording.agent.pieces.append((2 * RATE, (8000 * np.sin(np.arange(RATE) / 5)).astype(np.int16)))
    played = Played(recording, (StepTaken(0, Span(500.0, 1500.0)),))
    place = Place(Line("sip:desk@127.0.0.1:5060", 20.0, Path()), first, larger=larger)
    return list((await judged(expected, played, place)).findings)


async def test_what_the_larger_recognizer_hears_is_heard() -> None:
    larger = Ear(RIGHT)
    (found,) = await findings(scenario(heard="out for delivery"), Ear(MISHEARD), larger)
    assert found.passed and larger.asked == 1
    assert MISHEARD in found.seen and RIGHT in found.seen


async def test_what_neither_hears_is_not_heard_and_both_are_told() -> None:
    (found,) = await findings(scenario(heard="on Friday"), Ear(MISHEARD), Ear(RIGHT))
    assert not found.passed
    assert MISHEARD in found.seen and RIGHT in found.seen


async def test_words_that_must_be_absent_fail_only_where_both_hear_them() -> None:
    never = scenario(absent={"heard": "partial"})
    (found,) = await findings(never, Ear(MISHEARD), Ear(RIGHT))
    assert found.passed
    (found,) = await findings(never, Ear(MISHEARD), Ear(MISHEARD))
    assert not found.passed


async def test_a_call_that_meets_its_expectations_or_fails_by_other_things_is_not_heard_again() -> None:
    larger = Ear(RIGHT)
    await findings(scenario(heard="your partial"), Ear(MISHEARD), larger)
    late = await findings(scenario(within_ms=100), Ear(MISHEARD), larger)
    assert larger.asked == 0 and not late[0].passed


@pytest.mark.parametrize("larger", [None, Ear(RIGHT, SpeechUnavailableError("there is no such model"))])
async def test_without_a_larger_recognizer_the_first_words_stand(larger: Ear | None) -> None:
    (found,) = await findings(scenario(heard="delivery"), Ear(MISHEARD), larger)
    assert not found.passed and RIGHT not in found.seen
