"""The caller's side of a conversation without sound, on virtual time: a line of words, a voice, and ears.

Like media.playout the line fades, keeps the rest and goes on at a word. Used by tests.call.talking.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator

from tests.call.virtual import LoopClock

from voiceplane.call.floor import FloorActions, FloorKeeper
from voiceplane.call.holding import CallClock
from voiceplane.call.keypad import KeysPressed
from voiceplane.call.listening import Dialogue
from voiceplane.call.mouth import Chunk, Mouth
from voiceplane.call.shields import Shield
from voiceplane.contract.audio import Pcm, WordTime
from voiceplane.speech.ports import InferenceTiming, RecognizedWord, Transcript
from voiceplane.turn.events import (
    AgentStarted,
    EndTurn,
    JudgeOverlap,
    OverlapJudged,
    Retracted,
    Tick,
    Transferring,
    TurnStands,
    WordsRead,
)
from voiceplane.turn.gate import SpeechPaused, SpeechStarted
from voiceplane.turn.machine import Floor
from voiceplane.turn.overlap import OverlapFacts, judge
from voiceplane.turn.parameters import TurnParameters
from voiceplane.turn.reading import AskedDigits, read

WORD_S = 0.1  # that the agent and the caller take for a word
TICK_S = 0.02


class Line:
    """Sends a word each WORD_S; like playout it fades, keeps the rest and goes on at a word."""

    def __init__(self) -> None:
        self.listening: Listening | None = None
        self._queue: deque[str] = deque()
        self._sent: list[str] = []
        self._suspended = False
        self._changed = asyncio.Event()

    async def run(self) -> None:
        speaking = False
        while True:
            if not self._queue or self._suspended:
                speaking = False
                self._changed.clear()
                await self._changed.wait()
                continue
            if not speaking and self.listening is not None:
                speaking = True
                self.listening.agent_started()
            word, count = self._queue[0], len(self._sent)
            await asyncio.sleep(WORD_S)
            if self._queue and self._queue[0] is word and not self._suspended and count == len(self._sent):
                self._sent.append(self._queue.popleft())
                self._changed.set()

    def begin(self) -> None:
        self._queue.clear()
        self._sent.clear()
        self._suspended = False
        self._changed.set()

    async def play(self, chunk: Chunk) -> None:
        self._queue += [word.text for word in chunk.words]
        self._changed.set()

    async def drained(self) -> None:
        while self._queue:
            self._changed.clear()
            await self._changed.wait()

    def clear(self) -> None:
        self._queue.clear()
        self._changed.set()

    def suspend(self) -> None:
        self._suspended = True

    def resume(self) -> None:
        self._suspended = False
        self._changed.set()

    def heard(self) -> str:
        return " ".join(self._sent)

    def shield(self, shield: Shield) -> None:
        pass

    def unshield(self) -> None:
        pass

    def remaining_s(self) -> float:
        return WORD_S * len(self._queue)


class Voice:
    """One chunk a word."""

    async def speak(self, text: str, *, constant: bool) -> AsyncGenerator[Chunk, None]:
        for word in text.split():
            yield Chunk(Pcm(b"", 16000), (WordTime(word, 0.0, WORD_S * 1000),))


class Listening:
    """call.listening without sound: what the caller says is known at each pause."""

    def __init__(self, mouth: Mouth) -> None:
        self._mouth = mouth
        self._utterance: list[str] = []
        self._texts: dict[int, str] = {}
        self.words_after_s = 0.05  # what the recognizer takes
        self._known: dict[int, asyncio.Event] = {}
        self.clock = CallClock(LoopClock())
        self.marks: dict[str, float] = {}
        self.keys: asyncio.Queue[KeysPressed] = asyncio.Queue(4)
        self.first_packet = asyncio.Event()
        self.started_at = 0.0
        self.dialogue = Dialogue()
        self.floor = FloorKeeper(
            TurnParameters(ask_after_s=60.0),
            FloorActions(
                begin_utterance=lambda since: self._utterance.clear(),
                judge_pause=self._pause,
                duck=mouth.duck,
                judge_overlap=self._judge,
                resume=mouth.resume,
                interrupt=mouth.interrupt,
                overlap_over=lambda: None,
                end_turn=lambda turn: None,
                speech_resumed=self._resumed,
            ),
        )

    async def run(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self.floor.feed(Tick(self._now()))

    def transferring(self) -> None:
        self.floor.feed(Transferring(self._now()))

    def forget_keys(self) -> None:
        pass

    def agent_started(self) -> None:
        self.started_at = self._now()
        self.first_packet.set()
        self.floor.feed(AgentStarted(self.started_at))

    async def hears(self, text: str) -> None:
        """Hear words at the speed of speech, then a pause."""
        self.floor.feed(SpeechStarted(self._now()))
        await asyncio.sleep(WORD_S * len(text.split()))
        self._utterance.append(text)
        self.floor.feed(SpeechPaused(self._now(), self._now()))

    async def words(self, turn: EndTurn) -> Transcript:
        if turn.pause in self._known:
            await self._known[turn.pause].wait()
        return _transcript(self._texts.get(turn.pause, ""))

    def cut_marks(self) -> dict[str, float]:
        return {}

    def expect(self, digits: AskedDigits) -> None:
        self.dialogue.digits = digits
        self.floor.expect_digits(digits.missing)

    def _pause(self, pause: int) -> None:
        self._texts[pause] = text = " ".join(self._utterance)
        self._known[pause] = asyncio.Event()
        asyncio.get_running_loop().call_later(self.words_after_s, self._read, pause, text)

    def _read(self, pause: int, text: str) -> None:
        self._known[pause].set()
        if self.floor.state.floor in (Floor.PAUSED, Floor.CALLER):
            self.dialogue.maybe(_transcript(text), lambda: self._feed_words(pause, text))
        self._feed_words(pause, text)

    def _feed_words(self, pause: int, text: str) -> None:
        reading = read(
            text,
            asked=self.dialogue.digits,
            understood=self.dialogue.understood(),
            expected=self.dialogue.expected(),
        )
        self.floor.feed(WordsRead(self._now(), pause, reading))

    def _judge(self, question: JudgeOverlap) -> None:
        text = " ".join(self._utterance) if question.ended else None
        since_s = self._now() - question.since
        facts = OverlapFacts(since_s, min(since_s, 0.5), question.ended, text, None, self.dialogue.answers())
        kind = judge(facts)
        if kind is not None:
            self.floor.feed(OverlapJudged(self._now(), question.overlap, kind))

    def _resumed(self, at: float) -> None:
        if self.dialogue.retract():
            self.floor.feed(Retracted(at))
        elif self.started_at:
            self.floor.feed(TurnStands(at))

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def _transcript(text: str) -> Transcript:
    words = tuple(RecognizedWord(word, 0.0, 0.0, 1.0) for word in text.split())
    return Transcript(text, words, InferenceTiming(0.0, 0.0, 0.0))
