"""Facts for the sweep are asked of a server that may be busy."""

import pytest

from voiceplane.speech.errors import (
    SpeechError,
    SpeechOverloadedError,
    SpeechRefusedError,
    SpeechTimedOutError,
)
from voiceplane.testing.bench.turn_facts import TRIES, timed
from voiceplane.testing.clock import ManualClock


class Busy:
    """Answers in 0.2 s, after so many questions that it does not answer in time."""

    def __init__(self, late: int, error: type[SpeechError] = SpeechTimedOutError) -> None:
        self.clock = ManualClock()
        self.late = late
        self.error = error

    async def answer(self) -> str:
        self.late -= 1
        if self.late >= 0:
            self.clock.advance(1.0)
            raise self.error("turn has no time")
        self.clock.advance(0.2)
        return "done"


@pytest.mark.parametrize("error", [SpeechTimedOutError, SpeechOverloadedError])
async def test_what_a_busy_server_does_not_answer_is_asked_again_and_only_the_last_try_is_timed(
    error: type[SpeechError],
) -> None:
    busy = Busy(TRIES - 1, error)
    answer, took_s = await timed(busy.answer, busy.clock, rest_s=0.0)
    assert answer == "done" and took_s == pytest.approx(0.2)


async def test_a_server_that_never_answers_is_not_asked_for_ever() -> None:
    busy = Busy(TRIES)
    with pytest.raises(SpeechTimedOutError):
        await timed(busy.answer, busy.clock, rest_s=0.0)


async def test_a_server_that_refuses_is_asked_once() -> None:
    busy = Busy(1, SpeechRefusedError)
    with pytest.raises(SpeechRefusedError):
        await timed(busy.answer, busy.clock, rest_s=0.0)
