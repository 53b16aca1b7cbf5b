"""The caller's side of a call: frames to edges of speech, edges to the floor, words to call.talk.

Hearing recognizes, the floor's machine decides, Overlaps names sounds over the agent; this page joins them.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from voiceplane.call.ears import Ears
from voiceplane.call.ending import MEDIA_TIMEOUT, Ending
from voiceplane.call.floor import FloorActions, FloorKeeper
from voiceplane.call.hearing import Hearing, Words
from voiceplane.call.holding import CallClock
from voiceplane.call.judging import Judging
from voiceplane.call.keypad import Keypad
from voiceplane.call.mouth import Mouth
from voiceplane.call.overlaps import Overlaps
from voiceplane.call.second import SecondEar
from voiceplane.call.site import Site
from voiceplane.call.waste import Waste
from voiceplane.contract.dialogue import CallerSaid
from voiceplane.media.session import Digits, Frame, MediaSession, MediaTimedOut, PlayoutStarted
from voiceplane.speech.ports import Transcript
from voiceplane.turn.events import (
    AgentStarted,
    EndTurn,
    JudgeOverlap,
    OverlapJudged,
    PauseJudged,
    Retracted,
    Tick,
    Transferring,
    TurnStands,
    WordsRead,
)
from voiceplane.turn.gate import SpeechPaused, SpeechStarted
from voiceplane.turn.hearings import second_after_s
from voiceplane.turn.machine import Floor
from voiceplane.turn.reading import NO_DIGITS, AskedDigits, Reading, read

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Dialogue:
    """What call.talk lends to the listening: it is told of words before the turn is over."""

    maybe: Callable[[Transcript, Callable[[], None]], None] = lambda transcript, told: None  # words that may be final
    understood: Callable[[], bool | None] = lambda: None  # the planner's word on the last of these
    expected: Callable[[], bool] = lambda: False  # are they, to the letter, some that the agent waits for
    retract: Callable[[], bool] = lambda: False  # drop a reply that nobody has heard
    answers: Callable[[], bool] = lambda: False  # a yes or no is expected
    digits: AskedDigits = NO_DIGITS  # asked for


class Listening:
    """One call's ears, its floor and its pending recognitions."""

    def __init__(
        self,
        site: Site,
        session: MediaSession,
        mouth: Mouth,
        ending: Ending,
        *,
        tasks: asyncio.TaskGroup,
        clock: CallClock,
    ) -> None:
        """Listen to this session; recognitions run in the call's task group. `clock` is the site's for this call."""
        self._site = site
        self.clock = clock
        self._session = session
        self._mouth = mouth
        self._ending = ending
        self._tasks = tasks
        self._ears = Ears(site.vad.detector())
        self._hearing = Hearing(site, self._ears, tasks, self._words_came)
        self._judging = Judging(site, tasks, self._judged)
        self._second = SecondEar(self, tasks)
        self._overlaps = Overlaps(session, self._ears)
        self.dialogue = Dialogue()
        self.floor = FloorKeeper(
            site.turn_parameters(),
            FloorActions(
                begin_utterance=self._hearing.begin,
                judge_pause=self._judge_pause,
                duck=self._duck,
                judge_overlap=self._judge_overlap,
                resume=self._resume,
                interrupt=self._interrupt,
                overlap_over=lambda: self._overlaps.end(resumed=False),
                end_turn=self._keep,
                speech_resumed=self._speech_resumed,
            ),
        )
        self._keypad = Keypad(self._hush, lambda: mouth.interrupt())
        self.keys = self._keypad.answers
        self.marks: dict[str, float] = {}  # when the facts about the last pause came, loop seconds
        self.first_packet: asyncio.Event = asyncio.Event()
        self.started_at = 0.0  # of the agent's turn: its first packet left
        self._ducked_at = self._interrupted_at = self._echoed_at = 0.0

    async def run(self) -> None:
        """Follow the media until the call ends; what sounds while we are on hold is not for us."""
        async for event in self._session.events():
            at = self.clock.moment(event.at)
            match event:
                case Frame(pcm):
                    if at is not None:
                        self._hear(pcm, at)
                case Digits(digits):
                    pressed = self.clock.monotonic() if at is None else at
                    self.floor.typed(pressed)
                    self._keypad.type(digits, pressed, shielded=bool(self._session.shielded_s()))
                case PlayoutStarted():
                    self._agent_started(self.clock.monotonic() if at is None else at)
                case MediaTimedOut():
                    self._ending.settle(MEDIA_TIMEOUT)

    def _agent_started(self, at: float) -> None:
        if not self.first_packet.is_set():  # speech that goes on after a pause begins no turn
            self.started_at = at
        self.first_packet.set()
        self._second.forget()  # it speaks of something else first: a pause's words are not judged anew
        self.floor.feed(AgentStarted(at))

    def _hear(self, pcm: bytes, at: float) -> None:
        shielded_s = self._session.shielded_s()
        self.floor.shield(at + shielded_s if shielded_s else 0.0)
        over_us = self.floor.state.floor in (Floor.AGENT, Floor.DUCKED)
        self._overlaps.remember(pcm)
        # Where our voice comes back a consonant of ours, which matches nothing well, would silence us.
        for edge in self._ears.hear(pcm, at=at, eager=over_us and not self._overlaps.echoes):
            self._feed_edge(edge)
        over_us = self.floor.state.floor in (Floor.AGENT, Floor.DUCKED)
        late = self._overlaps.hear(pcm, at, over_us=over_us)
        if late is not None:
            self._feed_edge(late)
        self.floor.feed(Tick(at, self._ears.sounds))
        if self.floor.state.floor in (Floor.CALLER, Floor.DUCKED):
            if self._hearing.tick(at):
                self._judging.ahead(self._ears.utterance(), at=at)
        self._keypad.flush(at, shielded=bool(self._session.shielded_s()))

    def _feed_edge(self, edge: SpeechStarted | SpeechPaused) -> None:
        """Pass an edge on, unless it is our own voice coming back."""
        if self._overlaps.swallows(edge):
            if isinstance(edge, SpeechStarted):
                self._echoed_at = self._site.clock.monotonic()
            return
        if isinstance(edge, SpeechStarted) and self.floor.state.floor in (Floor.PAUSED, Floor.DUCKED):
            self._second.forget()
            self._hearing.speech_goes_on()
            if self.floor.state.overlap_nothing:  # what was nothing says nothing of what follows it
                self._overlaps.begin(edge.at)
        self.floor.feed(edge)

    async def words(self, turn: EndTurn) -> Transcript:
        """Return what the caller said in a turn that has ended; SpeechError when it cannot be had."""
        return await self._hearing.words(turn)

    def _keep(self, turn: EndTurn) -> None:
        self._second.forget()
        self._hearing.keep(turn)

    def _judge_pause(self, pause: int) -> None:
        self.marks = {"paused": self._site.clock.monotonic()}
        state = self.floor.state
        since = state.overlap_ended if state.overlap_ended is not None else state.since
        self._hearing.pause(pause, silent_since=since)
        self._judging.pause(pause, self._ears.utterance(), silent_since=since)

    def _judged(self, pause: int, probability: float) -> None:
        now = self._site.clock.monotonic()
        if pause == self.floor.state.pause:
            self.marks["judged"] = now
        self.floor.feed(PauseJudged(now, pause, probability))

    def _words_came(self, words: Words) -> None:
        """Tell the planner of words that may be final, and the machine what they say."""
        text = words.transcript.text
        floor = self.floor.state.floor
        self._overlaps.words(words.transcript)
        if not words.pause:
            if words.whole and floor is Floor.CALLER:
                self.dialogue.maybe(words.transcript, lambda: None)
            return
        self.marks["words"] = self._site.clock.monotonic()
        if text and floor in (Floor.PAUSED, Floor.CALLER):
            self.dialogue.maybe(words.transcript, lambda: self._read(words))
        self._read(words)

    def _read(self, words: Words) -> None:
        reading = self._reading(words.transcript)
        self._feed_reading(words.pause, reading)
        state, quick, digits = self.floor.state, self._hearing.quick, self.dialogue.digits.missing > 0
        wait_s = second_after_s(reading, quick=quick, digits=digits) if self._site.second is not None else None
        if wait_s is not None and state.floor is Floor.PAUSED and words.pause == state.pause:
            lasted_s = self.clock.monotonic() - state.since
            self._second.doubt(words.pause, words.transcript, after_s=max(0.0, wait_s - lasted_s))

    def _reading(self, heard: Transcript) -> Reading:
        return read(
            heard.text,
            asked=self.dialogue.digits,
            understood=self.dialogue.understood(),
            expected=self.dialogue.expected(),
            last_word=heard.last_word,
            number=self._site.longest_number,
        )

    def _feed_reading(self, pause: int, reading: Reading) -> None:
        now = self._site.clock.monotonic()
        self.marks["read"] = now
        self.floor.feed(WordsRead(now, pause, reading))

    async def hear_again(self) -> Transcript:
        """Return the running utterance's words by the larger recognizer; SpeechError."""
        return await self._hearing.again()

    def understand(self, words: Transcript, told: Callable[[Reading], None]) -> None:
        """Have the planner say what words mean; `told` gets their sign for the turn."""
        self.dialogue.maybe(words, lambda: told(self._reading(words)))

    def believe(self, pause: int, words: Transcript, reading: Reading) -> None:
        """Let what the second ear heard stand for a pause."""
        self.marks["second"] = self._site.clock.monotonic()
        self._hearing.believe(pause, words)
        self._feed_reading(pause, reading)

    def expect(self, digits: AskedDigits) -> None:
        """Tell the machine what the agent has asked for."""
        self.dialogue.digits = digits
        self._hearing.digits_expected = digits.missing > 0
        self.floor.expect_digits(digits.missing)

    def _duck(self) -> None:
        since = self.floor.state.overlap_since or 0.0
        self._overlaps.begin(since)
        if self.floor.state.utterance_since >= since:  # else it has fallen silent for the first of the two before
            self._ducked_at = self._site.clock.monotonic()
        self._mouth.duck()

    def _judge_overlap(self, question: JudgeOverlap) -> None:
        now = self._site.clock.monotonic()
        kind = self._overlaps.judge(now, ended=question.ended, answers=self.dialogue.answers())
        if kind is not None:
            self.floor.feed(OverlapJudged(now, question.overlap, kind))

    def _resume(self) -> None:
        self._overlaps.end(resumed=True)
        if not self._keypad.hushes:
            self._mouth.resume()

    def _hush(self) -> None:
        """Keep back what is being said from a caller who types."""
        if self.floor.state.floor is not Floor.OPEN:
            self._mouth.duck()

    def _interrupt(self) -> None:
        self._overlaps.end(resumed=False)
        self._interrupted_at = self._site.clock.monotonic()
        self._mouth.interrupt()

    def _speech_resumed(self, at: float) -> None:
        if self.dialogue.retract():
            self._hearing.retracted()
            self.floor.feed(Retracted(at))
        elif self.started_at:  # before our first word there was no turn: the opening is heard first
            self.floor.feed(TurnStands(at))

    def transferring(self) -> None:
        """Expect nothing from the caller until the agent speaks again."""
        self._second.forget()
        self.floor.feed(Transferring(self.clock.monotonic()))

    def forget_keys(self) -> None:
        """Drop what was typed and not taken."""
        self._keypad.forget()

    def cut_marks(self) -> dict[str, float]:
        """Return when the agent's turn fell silent for a sound, when that took the floor, and when one was our echo."""
        marks = {"ducked": self._ducked_at, "interrupted": self._interrupted_at, "echoed": self._echoed_at}
        return {name: at for name, at in marks.items() if at > self.started_at}

    @property
    def waste(self) -> Waste:
        """Return what was recognized for nothing."""
        return self._hearing.waste

    def close(self) -> None:
        """Stop what still recognizes and judges."""
        self._second.forget()
        self._hearing.close()
        self._judging.forget()


def said(transcript: Transcript) -> CallerSaid:
    """Turn a transcript into the planner's input."""
    return CallerSaid(transcript.text, round(transcript.confidence, 3))
