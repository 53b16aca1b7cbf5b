"""Facts for the sweep are asked of a server that may be busy."""

import pytest

from voiceplane.speech.errors import SpeechTimedOutError
from voiceplane.testing.bench.turn_facts import TRIES, timed
from voiceplane.testing.clock import ManualClock


class Busy:
    """Answers in 0.2 s, after so many questions that it does not answer in time."""

    def __init__(self, late: int) -> None:
        self.clock = ManualClock()
        self.late = late

    async def answer(self) -> str:
        self.late -= 1
        if self.late >= 0:
            self.clock.advance(1.0)
            raise SpeechTimedOutError("turn did not answer in time")
        self.clock.advance(0.2)
        return "done"


async def test_an_answer_that_comes_too_late_is_asked_for_again_and_only_the_last_try_is_timed() -> None:
    busy = Busy(TRIES - 1)
    answer, took_s = await timed(busy.answer, busy.clock)
    assert answer == "done" and took_s == pytest.approx(0.2)


async def test_a_server_that_never_answers_is_not_asked_for_ever() -> None:
    busy = Busy(TRIES)
    with pytest.raises(SpeechTimedOutError):
        await timed(busy.answer, busy.clock)
