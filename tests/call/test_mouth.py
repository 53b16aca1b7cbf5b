import asyncio
from collections.abc import AsyncGenerator

from tests.call.virtual import virtually

from voiceplane.call.mouth import BROKEN_S, Chunk, Mouth, Source
from voiceplane.call.shields import Shield
from voiceplane.contract.audio import Pcm, WordTime


class WordBySpeaker:
    """One chunk a word, 100 ms each."""

    async def speak(self, text: str, *, constant: bool) -> AsyncGenerator[Chunk, None]:
        for word in text.split():
            yield Chunk(Pcm(bytes(1600), 8000), (WordTime(word, 0.0, 100.0),))


class Line:
    """A line that sends one chunk each time it is told to."""

    def __init__(self) -> None:
        self.queued: list[str] = []
        self.sent: list[str] = []
        self.changed = asyncio.Event()
        self.suspended = False
        self.shields: list[tuple[Shield | None, int]] = []

    def begin(self) -> None:
        self.sent.clear()

    async def play(self, chunk: Chunk) -> None:
        self.queued += [word.text for word in chunk.words]

    async def drained(self) -> None:
        while self.queued:
            self.changed.clear()
            await self.changed.wait()

    def clear(self) -> None:
        self.queued.clear()
        self.changed.set()

    def suspend(self) -> None:
        self.suspended = True

    def resume(self) -> None:
        self.suspended = False

    def remaining_s(self) -> float:
        return 0.1 * len(self.queued)

    def shield(self, shield: Shield) -> None:
        self.shields.append((shield, len(self.sent) + len(self.queued)))

    def unshield(self) -> None:
        self.shields.append((None, len(self.sent) + len(self.queued)))

    def heard(self) -> str:
        return " ".join(self.sent)

    def send(self, count: int) -> None:
        self.sent += self.queued[:count]
        del self.queued[:count]
        self.changed.set()


async def test_a_turn_that_was_sent_whole_was_heard_whole() -> None:
    line = Line()
    mouth = Mouth(WordBySpeaker(), line)
    mouth.begin()
    await mouth.phrase("one two three")
    line.send(3)
    spoken = await mouth.finish()
    assert (spoken.text, spoken.interrupted) == ("one two three", False)


async def test_an_interrupted_turn_holds_only_the_words_that_were_sent() -> None:
    line = Line()
    mouth = Mouth(WordBySpeaker(), line)
    mouth.begin()
    await mouth.phrase("one two three four")
    line.send(2)
    finishing = asyncio.create_task(mouth.finish())
    await asyncio.sleep(0)
    mouth.interrupt()
    spoken = await finishing
    assert (spoken.text, spoken.interrupted) == ("one two", True)


async def test_nothing_more_is_spoken_after_an_interruption() -> None:
    line = Line()
    mouth = Mouth(WordBySpeaker(), line)
    mouth.begin()
    mouth.interrupt()
    await mouth.phrase("five six")
    assert line.queued == []


async def test_a_duck_keeps_the_rest_and_a_resume_goes_on_with_it() -> None:
    line = Line()
    mouth = Mouth(WordBySpeaker(), line)
    mouth.begin()
    await mouth.phrase("one two")
    mouth.duck()
    assert line.suspended and line.queued == ["one", "two"]
    mouth.resume()
    line.send(2)
    spoken = await mouth.finish()
    assert not line.suspended and (spoken.text, spoken.interrupted) == ("one two", False)


async def test_the_first_speech_of_each_turn_is_told_with_its_source() -> None:
    line, told = Line(), list[Chunk]()
    mouth = Mouth(WordBySpeaker(), line)
    mouth.first_speech = told.append
    for _ in range(2):
        mouth.begin()
        await mouth.phrase("one two")
        await mouth.phrase("three")
    assert [(chunk.words[0].text, chunk.source) for chunk in told] == [("one", Source.SYNTHESIZED)] * 2


class HaltingSpeaker(WordBySpeaker):
    """Brings the first word, and the rest when it is told to."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()

    async def speak(self, text: str, *, constant: bool) -> AsyncGenerator[Chunk, None]:
        async for chunk in super().speak(text, constant=constant):
            yield chunk
            if not constant:
                await self.go_on.wait()


def test_a_bridge_does_not_come_between_the_words_of_a_sentence_that_goes_on() -> None:
    async def conversation() -> None:
        speaker, line = HaltingSpeaker(), Line()
        mouth = Mouth(speaker, line)
        mouth.begin()
        speaking = asyncio.create_task(mouth.phrase("parcel is delivered"))
        await asyncio.sleep(BROKEN_S)  # the first word is queued, the second is waited for
        bridging = asyncio.create_task(mouth.interject("one moment"))
        await asyncio.sleep(BROKEN_S)
        line.send(1)  # the sentence runs dry, for a moment
        await asyncio.sleep(BROKEN_S / 2)
        speaker.go_on.set()
        await speaking
        await bridging
        assert [*line.sent, *line.queued] == ["parcel", "is", "delivered"]

    virtually(conversation())


def test_a_sentence_that_broke_off_is_said_anew_after_the_bridge() -> None:
    async def conversation() -> None:
        speaker, line = HaltingSpeaker(), Line()
        mouth = Mouth(speaker, line)
        mouth.begin()
        speaking = asyncio.create_task(mouth.phrase("parcel is delivered"))
        await asyncio.sleep(BROKEN_S)
        line.send(1)
        await mouth.interject("one moment")
        assert line.queued == ["one", "moment"]
        speaker.go_on.set()
        await speaking
        assert line.queued == ["one", "moment", "parcel", "is", "delivered"]

    virtually(conversation())


def test_a_bridge_has_a_shield_of_its_own_and_the_sentence_it_broke_keeps_its_one() -> None:
    async def conversation() -> None:
        speaker, line = HaltingSpeaker(), Line()
        mouth = Mouth(speaker, line)
        mouth.begin()
        speaking = asyncio.create_task(mouth.phrase("parcel is delivered", shield=Shield(500.0)))
        await asyncio.sleep(BROKEN_S)
        line.send(1)
        await mouth.interject("one moment", shield=Shield())
        speaker.go_on.set()
        await speaking
        assert line.shields == [(Shield(500.0), 0), (Shield(), 1), (None, 3), (Shield(500.0), 3), (None, 6)]

    virtually(conversation())


class PacedLine(Line):
    """Takes a chunk when the one before has left."""

    async def play(self, chunk: Chunk) -> None:
        await super().play(chunk)
        await asyncio.sleep(0.1)


def test_a_reply_that_comes_during_a_bridge_waits_for_its_end() -> None:
    async def conversation() -> None:
        line = PacedLine()
        mouth = Mouth(WordBySpeaker(), line)
        mouth.begin()
        bridging = asyncio.create_task(mouth.interject("one moment please"))
        await asyncio.sleep(0.05)
        await mouth.phrase("parcel is delivered")
        await bridging
        assert line.queued == ["one", "moment", "please", "parcel", "is", "delivered"]

    virtually(conversation())


class StallingSpeaker:
    """One chunk, then nothing for ever."""

    def __init__(self) -> None:
        self.stalled = asyncio.Event()
        self.closed = False

    async def speak(self, text: str, *, constant: bool) -> AsyncGenerator[Chunk, None]:
        try:
            yield Chunk(Pcm(bytes(1600), 8000), (WordTime(text, 0.0, 100.0),))
            self.stalled.set()
            await asyncio.Event().wait()
        finally:
            self.closed = True


async def test_an_interruption_does_not_wait_for_the_next_chunk_and_ends_the_synthesis() -> None:
    speaker = StallingSpeaker()
    mouth = Mouth(speaker, Line())
    mouth.begin()
    speaking = asyncio.create_task(mouth.phrase("one two"))
    await speaker.stalled.wait()
    mouth.interrupt()
    async with asyncio.timeout(10):
        await speaking
    assert speaker.closed


async def test_a_shield_lies_on_its_phrase_alone() -> None:
    line = Line()
    mouth = Mouth(WordBySpeaker(), line)
    mouth.begin()
    await mouth.phrase("one two")
    await mouth.phrase("three four five", shield=Shield())
    await mouth.phrase("six")
    assert line.shields == [(Shield(), 2), (None, 5)]
