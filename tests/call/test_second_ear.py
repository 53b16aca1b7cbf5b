"""The second ear of a call: one question for a pause of doubtful words, believed only while the pause lasts."""

import asyncio
from collections.abc import Callable

from voiceplane.call.second import SecondEar
from voiceplane.speech.errors import SpeechUnavailableError
from voiceplane.speech.ports import InferenceTiming, Transcript
from voiceplane.turn.reading import Reading

READINGS = {"where is my parcel": Reading.EXPECTED, "where is my car still": Reading.MISHEARD}


def words(text: str) -> Transcript:
    return Transcript(text, (), InferenceTiming(0.0, 0.0, 0.0))


MISHEARD = words("where is my car still")


class Listener:
    """A call whose second ear hears `hears` once it may; a planner that knows READINGS."""

    def __init__(self, hears: str | None) -> None:
        self.hears = hears
        self.asked = 0
        self.understood: list[str] = []
        self.believed: list[tuple[int, str, Reading]] = []
        self.go = asyncio.Event()
        self.go.set()

    async def hear_again(self) -> Transcript:
        self.asked += 1
        await self.go.wait()
        if self.hears is None:
            raise SpeechUnavailableError("there is no such model")
        return words(self.hears)

    def understand(self, words: Transcript, told: Callable[[Reading], None]) -> None:
        self.understood.append(words.text)
        told(READINGS[words.text])

    def believe(self, pause: int, words: Transcript, reading: Reading) -> None:
        self.believed.append((pause, words.text, reading))


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_misheard_words_give_way_to_those_that_the_planner_understands() -> None:
    listener = Listener("where is my parcel")
    async with asyncio.TaskGroup() as tasks:
        SecondEar(listener, tasks).doubt(3, MISHEARD, after_s=0.0)
    assert listener.believed == [(3, "where is my parcel", Reading.EXPECTED)]


async def test_where_the_second_ear_hears_no_better_the_first_words_stand_and_have_their_reply_again() -> None:
    listener = Listener("where is my car still")
    async with asyncio.TaskGroup() as tasks:
        SecondEar(listener, tasks).doubt(3, MISHEARD, after_s=0.0)
    assert listener.believed == []
    assert listener.understood == ["where is my car still"] * 2


async def test_a_pause_is_asked_about_once() -> None:
    listener = Listener("where is my parcel")
    async with asyncio.TaskGroup() as tasks:
        second = SecondEar(listener, tasks)
        second.doubt(2, MISHEARD, after_s=0.0)
        second.doubt(2, MISHEARD, after_s=0.0)
    assert listener.asked == 1


async def test_what_comes_after_the_pause_is_over_changes_nothing() -> None:
    listener = Listener("where is my parcel")
    listener.go.clear()
    async with asyncio.TaskGroup() as tasks:
        second = SecondEar(listener, tasks)
        second.doubt(1, MISHEARD, after_s=0.0)
        await settled()
        second.forget()
        listener.go.set()
    assert listener.asked == 1
    assert listener.believed == [] and listener.understood == []


async def test_without_a_second_model_the_first_words_stand() -> None:
    listener = Listener(None)
    async with asyncio.TaskGroup() as tasks:
        second = SecondEar(listener, tasks)
        second.doubt(1, MISHEARD, after_s=0.0)
        await settled()
        assert listener.asked == 1 and listener.believed == []
        second.doubt(2, MISHEARD, after_s=0.0)
        await settled()
    assert listener.asked == 2
