"""The caller's side of a call: frames to turns, turns to words. Feeds the floor; call.talk awaits the words."""

import asyncio
import logging
from dataclasses import dataclass

from voiceplane.call.ears import Ears
from voiceplane.call.ending import MEDIA_TIMEOUT, Ending
from voiceplane.call.floor import FloorActions, FloorKeeper
from voiceplane.call.mouth import Mouth
from voiceplane.call.patience import retried
from voiceplane.call.site import Site
from voiceplane.contract.dialogue import CallerSaid
from voiceplane.media.session import Digits, Frame, MediaSession, MediaTimedOut, PlayoutStarted
from voiceplane.speech.errors import SpeechError, SpeechTimedOutError, SpeechUnavailableError
from voiceplane.speech.ports import Transcript
from voiceplane.turn.machine import AgentStarted, EndTurn, PauseJudged, Tick

log = logging.getLogger(__name__)

KEY_PAUSE_S = 1.5  # after this long without a key, the keys are the caller's answer
MAX_KEYS = 32
GIVE_UP_S = 30.0


@dataclass(frozen=True, slots=True)
class KeysPressed:
    """The caller typed instead of speaking."""

    keys: str
    at: float


class Listening:
    """One call's ears, its floor and its pending recognitions."""

    def __init__(
        self, site: Site, session: MediaSession, mouth: Mouth, ending: Ending, tasks: asyncio.TaskGroup
    ) -> None:
        """Listen to this session; recognitions run in the call's task group."""
        self._site = site
        self._session = session
        self._mouth = mouth
        self._ending = ending
        self._tasks = tasks
        self._ears = Ears(site.vad.detector())
        actions = FloorActions(self._ears.begin_utterance, self._judge_pause, self._interrupt)
        self.floor = FloorKeeper(site.turn_parameters(), actions)
        self.keys: asyncio.Queue[KeysPressed] = asyncio.Queue(4)  # answers typed while the agent thinks
        self._typed = ""
        self._typed_at = 0.0
        self._recognition: tuple[int, asyncio.Task[Transcript]] | None = None
        self.first_packet: asyncio.Event = asyncio.Event()
        self.started_at = 0.0

    async def run(self) -> None:
        """Follow the media until the call ends."""
        async for event in self._session.events():
            match event:
                case Frame(pcm, at):
                    for edge in self._ears.hear(pcm, at=at):
                        self.floor.feed(edge)
                    self.floor.feed(Tick(at))
                    self._flush_keys(at)
                case Digits(digits, at):
                    self._type(digits, at)
                case PlayoutStarted(at):
                    self.started_at = at
                    self.first_packet.set()
                    self.floor.feed(AgentStarted(at))
                case MediaTimedOut():
                    self._ending.settle(MEDIA_TIMEOUT)

    async def words(self, turn: EndTurn) -> Transcript:
        """Return what the caller said in a turn that has ended; SpeechError when it cannot be had."""
        if self._recognition is not None and turn.reason != "too-long":
            _, task = self._recognition
            return await asyncio.shield(task)
        return await self._recognize(self._ears.utterance())

    def _judge_pause(self, pause: int) -> None:
        audio = self._ears.utterance()
        if self._recognition is not None:
            self._recognition[1].cancel()
        recognition = asyncio.create_task(self._recognize(audio), name=f"asr-{pause}")
        recognition.add_done_callback(_retrieve)
        self._recognition = (pause, recognition)
        self._tasks.create_task(self._judge(pause, audio), name=f"judge-{pause}")

    async def _judge(self, pause: int, audio: bytes) -> None:
        try:
            verdict = await self._site.judge.end_probability(audio)
        except SpeechError:
            return  # no verdict: the longest pause decides
        self.floor.feed(PauseJudged(self._site.clock.monotonic(), pause, verdict.probability))

    async def _recognize(self, audio: bytes) -> Transcript:
        return await retried(
            lambda: self._recognize_once(audio),
            on=(SpeechUnavailableError, SpeechTimedOutError),
            give_up_s=GIVE_UP_S,
        )

    async def _recognize_once(self, audio: bytes) -> Transcript:
        return await self._site.recognizer.recognize(audio)

    def _interrupt(self, at: float) -> None:
        self._mouth.interrupt()

    def _type(self, digits: str, at: float) -> None:
        self._typed = (self._typed + digits)[:MAX_KEYS]
        self._typed_at = at
        if digits.endswith("#"):
            self._flush_keys(at + KEY_PAUSE_S)

    def _flush_keys(self, at: float) -> None:
        if self._typed and at - self._typed_at >= KEY_PAUSE_S and not self.keys.full():
            keys, self._typed = self._typed.strip("#"), ""
            if keys:
                self._mouth.interrupt()
                self.keys.put_nowait(KeysPressed(keys, at))

    async def close(self) -> None:
        """Stop what still recognizes."""
        if self._recognition is not None:
            self._recognition[1].cancel()
            await asyncio.gather(self._recognition[1], return_exceptions=True)


def _retrieve(task: "asyncio.Task[Transcript]") -> None:
    """Take an error nobody asked for, so that it is not reported as lost."""
    if not task.cancelled():
        task.exception()


def said(transcript: Transcript) -> CallerSaid:
    """Turn a transcript into the planner's input."""
    return CallerSaid(transcript.text, transcript.confidence)
