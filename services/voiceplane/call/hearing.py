"""The words of the caller's running utterance: partials while it lasts, the whole at each pause. For listening.

One decode at a time for a call; a partial starts only while the caller is voiced, so that it does not stand in the way
of the pause's decode. That one begins with the first silent window where the recognizer is quick: most pauses are known
32 ms later, and one that is none (a stop consonant) has had its partial. Speech longer than SEGMENT_S is settled in
segments, so that no decode grows past a bound.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from voiceplane.call.ears import Ears
from voiceplane.call.floor import PENDING_TURNS
from voiceplane.call.patience import retried
from voiceplane.call.site import Site
from voiceplane.call.waste import Waste, Work
from voiceplane.contract.audio import SPEECH_BYTES_PER_S
from voiceplane.runtime.metrics import FINAL_WORDS, PARTIALS, UNSTABLE_WORDS
from voiceplane.speech.errors import SpeechError, SpeechTimedOutError, SpeechUnavailableError
from voiceplane.speech.ports import Transcript
from voiceplane.turn.events import EndTurn
from voiceplane.turn.stability import Stable, extend, next_partial_s

FIRST_PARTIAL_S = 0.2  # less speech than this is not yet a word
SEGMENT_S = 12.0
KEEP_S = 3.0  # of the newest words are never settled: they still change
BEFORE_WORD_S = 0.2  # the recognizer's word times are not exact
GIVE_UP_S = 30.0
SMOOTHING = 0.3
QUICK_S = 0.2  # a recognizer that answers within this has time for words that may not be the last


Recognition = asyncio.Task[Transcript | SpeechError]  # of the call's group: the error belongs to who awaits the words


@dataclass(frozen=True, slots=True)
class Words:
    """What was recognized; `pause` is 0 for a partial. `whole`: every word is stable."""

    transcript: Transcript
    pause: int
    whole: bool


@dataclass(frozen=True, slots=True)
class _Sound:
    """What a decode works on, taken when it is ordered: a new utterance may begin before it runs."""

    utterance: int
    segment: int
    settled: tuple[str, ...]
    audio: bytes
    said_before: str


class Hearing:
    """Recognizes one utterance after another."""

    def __init__(self, site: Site, ears: Ears, tasks: asyncio.TaskGroup, heard: Callable[[Words], None]) -> None:
        """Tell `heard` of every transcript of the running utterance."""
        self._site = site
        self._ears = ears
        self._tasks = tasks
        self._heard = heard
        self.waste = Waste()
        self.digits_expected = False  # the agent has asked for a number
        self._utterance = 0
        self._segment = 0  # of the utterance: how often its old sound was forgotten
        self._stable = Stable()
        self._settled: tuple[str, ...] = ()
        self._partial: Recognition | None = None
        self._partial_began = 0.0
        self._partial_due = 0.0
        self._thorough = False  # the partial is a pause's decode, asked ahead
        self._latency_s = 0.1
        self._pauses: dict[int, Recognition] = {}
        # Of turns that are over: at most PENDING_TURNS that wait for call.talk, and the one that it answers.
        self._kept: dict[EndTurn, Recognition] = {}

    def begin(self, since: float) -> None:
        """Start an utterance."""
        self._forget()
        self._utterance += 1
        self._partial_due = since + max(FIRST_PARTIAL_S, self._until_next())
        self._ears.begin_utterance(since)

    def tick(self, now: float) -> bool:
        """Start a partial when it is due, a pause's words at its first silent window; say whether it was these."""
        if not self._utterance or self._pauses:
            return False
        lull = self._ears.silent_since
        idle = self._partial is None or self._partial.done()
        # A partial gives way, not a moment of silence before: one of them must come to an end.
        ahead = lull is not None and self.quick and self._partial_began < lull
        ahead = ahead and (idle or not self._thorough)
        if not ahead and not (idle and now >= self._partial_due and self._ears.voiced):
            return False
        if self._partial is not None:
            self._partial.cancel()
        self._partial_began, self._thorough = now, ahead
        self._partial_due = now + self._until_next()
        self._partial = self._start(0, patient=ahead)
        PARTIALS.inc()
        return ahead

    def speech_goes_on(self) -> None:
        """Forget the pauses: the caller speaks again."""
        for task in self._pauses.values():
            task.cancel()
        self._pauses.clear()

    def pause(self, number: int, *, silent_since: float) -> None:
        """Recognize the whole up to this pause, unless a partial that runs, or what was asked ahead, has all of it."""
        self.speech_goes_on()
        running = self._partial if self._partial is not None and (self._thorough or not self._partial.done()) else None
        if running is not None and self._partial_began >= silent_since:
            self._pauses[number] = running
            self._tasks.create_task(self._adopt(number, running), name="adopt")
        else:
            self._pauses[number] = self._start(number, patient=True)

    def keep(self, turn: EndTurn) -> None:
        """Keep the recognition of a turn that is over: the next utterance may begin before it is answered."""
        assert len(self._kept) <= PENDING_TURNS
        task = self._pauses.pop(turn.pause, None) if turn.reason != "too-long" else None
        if task is None:
            task = self._start(0, patient=True)
        elif task is self._partial:
            self._partial = None  # the turn's now: the next utterance must not cancel it
            partial, sound = task, self._sound()
            task = self._task(lambda: self._partial_or_again(partial, sound), "asr-kept")
        self._kept[turn] = task

    async def words(self, turn: EndTurn) -> Transcript:
        """Return what was said in a turn that is over; SpeechError when it cannot be had."""
        task = self._kept[turn]
        try:
            return _transcript(await asyncio.shield(task))
        finally:
            self._kept.pop(turn, None)
            task.cancel()  # nobody else waits for it

    async def again(self) -> Transcript:
        """Return the running utterance's words as the second ear hears them; SpeechError.

        A number without the digits before it: they lead both recognizers to leave some out.
        """
        assert self._site.second is not None
        sound = self._sound()
        hints = "" if self.digits_expected else sound.said_before
        found = await self._site.second.recognize_again(sound.audio, hints=hints)
        return replace(found, text=" ".join([*sound.settled, found.text]).strip())

    def believe(self, pause: int, transcript: Transcript) -> None:
        """Let other words be those of a pause that lasts."""
        self._pauses[pause] = self._task(lambda: _as_it_is(transcript), f"second-{pause}")

    @property
    def quick(self) -> bool:
        """Say whether the recognizer has time for more than it must do: the machine is not loaded."""
        return self._latency_s < QUICK_S

    def retracted(self) -> None:
        """Forget the turn's end: the utterance goes on."""
        self.speech_goes_on()
        self._forget_turns()

    def close(self) -> None:
        """Stop all that still recognizes."""
        self._forget()
        self._forget_turns()

    def _forget(self) -> None:
        if self._partial is not None:
            self._partial.cancel()
        self.speech_goes_on()
        if self._stable.words:
            UNSTABLE_WORDS.inc(self._stable.changed)
            FINAL_WORDS.inc(len(self._stable.words))
        self._partial, self._stable, self._settled, self._segment = None, Stable(), (), 0

    def _forget_turns(self) -> None:
        for task in self._kept.values():
            task.cancel()
        self._kept.clear()

    def _sound(self) -> _Sound:
        before = self._site.said_before(digits=self.digits_expected)
        return _Sound(self._utterance, self._segment, self._settled, self._ears.utterance(), before)

    def _start(self, pause: int, *, patient: bool) -> Recognition:
        sound = self._sound()
        return self._task(lambda: self._told(pause, sound, patient=patient), f"asr-{pause}")

    def _task(self, work: Callable[[], Awaitable[Transcript]], name: str) -> Recognition:
        return self._tasks.create_task(_settled(work), name=name)

    async def _partial_or_again(self, partial: Recognition, sound: _Sound) -> Transcript:
        """Return what a partial brings; one that is dropped under load is replaced by a patient decode."""
        found = await partial
        return await self._recognize(sound, patient=True) if isinstance(found, SpeechError) else found

    async def _adopt(self, number: int, running: Recognition) -> None:
        """Let a running partial stand for a pause; one that brings no words is replaced by a patient decode."""
        await asyncio.wait({running})
        if self._pauses.get(number) is not running:
            return
        found = None if running.cancelled() else running.result()
        if isinstance(found, Transcript):
            self._heard(Words(found, number, self._stable.whole))
        else:
            self._pauses[number] = self._start(number, patient=True)

    async def _told(self, pause: int, sound: _Sound, *, patient: bool) -> Transcript:
        transcript = await self._recognize(sound, patient=patient)
        if sound.utterance == self._utterance:
            self._stable = extend(self._stable, tuple(transcript.text.split()))
            shown = transcript if pause else replace(transcript, text=self._stable.text)  # a stable word stays as it is
            self._heard(Words(shown, pause, self._stable.whole))
        return transcript

    async def _recognize(self, sound: _Sound, *, patient: bool) -> Transcript:
        async def once() -> Transcript:
            began = self._site.clock.monotonic()
            try:
                found = await self._site.recognizer.recognize(sound.audio, hints=sound.said_before, partial=not patient)
            except asyncio.CancelledError:
                self.waste.add(Work.DECODES, 1)  # it never starts, or ends after the stage in hand
                raise
            except SpeechError:  # under load a partial is refused late: that slows the next as an answer would
                self._took(max(self._latency_s, self._site.clock.monotonic() - began))
                raise
            self._took(self._site.clock.monotonic() - began)
            return found

        if patient:
            transcript = await retried(once, on=(SpeechUnavailableError, SpeechTimedOutError), give_up_s=GIVE_UP_S)
        else:
            transcript = await once()
        if (sound.utterance, sound.segment) == (self._utterance, self._segment):
            self._settle(transcript, len(sound.audio) / SPEECH_BYTES_PER_S)
        return replace(transcript, text=" ".join([*sound.settled, transcript.text]).strip())

    def _until_next(self) -> float:
        return next_partial_s(self._latency_s, digits=self.digits_expected)

    def _took(self, seconds: float) -> None:
        self._latency_s += SMOOTHING * (seconds - self._latency_s)

    def _settle(self, transcript: Transcript, audio_s: float) -> None:
        """Take the old words of a long utterance as they are, and forget their sound."""
        if audio_s < SEGMENT_S:
            return
        old = [word for word in transcript.words if word.end_ms <= (audio_s - KEEP_S) * 1000]
        if old:
            self._settled += tuple(word.text for word in old)
        self._segment += 1
        self._ears.advance_utterance(old[-1].end_ms / 1000 if old else _wordless_s(transcript, audio_s))


def _wordless_s(transcript: Transcript, audio_s: float) -> float:
    """Return how much of a long sound without old words is forgotten: all before its first word, but for KEEP_S."""
    first_s = min((word.start_ms / 1000 - BEFORE_WORD_S for word in transcript.words), default=audio_s)
    return min(audio_s - KEEP_S, first_s) if first_s > 0 else audio_s - KEEP_S  # no word lasts as long as a segment


async def _as_it_is(transcript: Transcript) -> Transcript:
    return transcript


async def _settled(work: Callable[[], Awaitable[Transcript]]) -> Transcript | SpeechError:
    try:
        return await work()
    except SpeechError as error:
        return error


def _transcript(found: Transcript | SpeechError) -> Transcript:
    if isinstance(found, SpeechError):
        raise found
    return found
