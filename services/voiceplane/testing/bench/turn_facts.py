"""What the detector, the turn model, the recognizer and the planner say of recorded utterances: asked once, kept.

`voiceplane bench turns` sweeps the turn machine's parameters over these facts (turn_sweep). The recordings go through
the line's codec, the gateway's own ears and a running stack's models, pause by pause, as in a call.
"""

import asyncio
import datetime
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from voiceplane.call.ears import Ears
from voiceplane.call.judging import ASSUMED_SILENCE
from voiceplane.contract.agent import SlotType, VoiceAgentSpec
from voiceplane.contract.audio import FRAME_MS, SPEECH_RATE, Pcm
from voiceplane.contract.dialogue import CallerSaid, DialogueState, Done, ReplyRequest, ToolCall, expected, understood
from voiceplane.contract.ids import new_call_id
from voiceplane.planner.client import PlannerClient
from voiceplane.runtime.clock import Clock
from voiceplane.speech.errors import SpeechOverloadedError, SpeechTimedOutError
from voiceplane.speech.ports import Recognizer, TurnJudge
from voiceplane.speech.prompts import DIGITS, said_before
from voiceplane.speech.vad import SileroModel
from voiceplane.testing.bench.caller import RATE
from voiceplane.testing.bench.recordings import Recording, RecordingsError
from voiceplane.testing.bench.sound import pause
from voiceplane.testing.bench.turn_kept import Facts, PauseFacts, keep, read_kept
from voiceplane.testing.phone.audio import Samples, resample
from voiceplane.testing.phone.codecs import CODECS
from voiceplane.turn.gate import GateParameters, SpeechPaused, SpeechStarted
from voiceplane.turn.reading import AskedDigits, Reading, read

T = TypeVar("T")
AFTER_S = 5.0  # of silence behind each recording: longer than the longest pause that the machine waits
BEFORE_S = 0.5
OFFSET_S = 0.0113  # few multiples of it lie alike against frames, windows and the steps of the recognizer's spectrum
TRIES = 30  # a speech server that is slow so often is not only busy
REST_S = 1.0  # between two tries: what fills the machine is seldom longer than some seconds


@dataclass(frozen=True, slots=True)
class Models:
    """Who is asked."""

    vad: SileroModel
    judge: TurnJudge
    recognizer: Recognizer
    planner: PlannerClient
    spec: VoiceAgentSpec
    agent: str
    revision: str
    clock: Clock


async def gather(
    made: list[Recording], models: Models, kept: Path, *, tell: Callable[[str], None], offsets: int = 1
) -> tuple[Facts, ...]:
    """Return the facts of all recordings, each heard at so many offsets.

    Those of a run before are read from the file if nothing has changed.
    """
    key = _key(made, models, offsets)
    if (found := read_kept(kept, key)) is not None:
        tell(f"facts of {len(found)} recordings from {kept}")
        return found
    for recording in made:
        if recording.digits and asked_for_digits(models.spec, recording.digits) is None:
            raise RecordingsError(f"{recording.words}: the agent never asks for {recording.digits} digits")
    facts = []
    total = len(made) * offsets
    for recording in made:
        for offset in range(offsets):
            facts.append(await _listen(recording, models, offset))
            if len(facts) % 20 == 0 or len(facts) == total:
                tell(f"heard {len(facts)} of {total} recordings")
    keep(kept, key, facts)
    return tuple(facts)


def _key(made: list[Recording], models: Models, offsets: int) -> str:
    """Name recordings, offsets, ears and agent: other ones have other facts."""
    digest = hashlib.sha256(
        f"{models.revision} {DIGITS} {GateParameters()} {len(ASSUMED_SILENCE)} ahead sounds last-word expected".encode()
    )
    digest.update(f"{offsets} of {OFFSET_S}".encode())
    for recording in made:
        digest.update(recording.sound.tobytes())
        digest.update(repr((recording.part, recording.kind, recording.digits, recording.end_s)).encode())
    return digest.hexdigest()


async def _listen(recording: Recording, models: Models, offset: int) -> Facts:
    """Let the ears hear a recording frame by frame; of each pause the models hear what was there at its beginning.

    They are asked then, as a call that is alone asks them: at the first silent window, before the pause is noticed.
    `offset`: the recording begins so many steps later against frames and windows, which changes doubtful words.
    """
    before_s = BEFORE_S + offset * OFFSET_S
    sound = np.concatenate([pause(before_s, RATE), recording.sound, pause(AFTER_S, RATE)])
    heard = over_the_line(sound)
    ears, begun = Ears(models.vad.detector()), False
    starts: list[tuple[float, float]] = []
    pauses: list[PauseFacts] = []
    sounds: list[float] = []
    silence = _Silence(0.0, b"")
    step = SPEECH_RATE * FRAME_MS // 1000 * 2
    for at in range(0, len(heard) - step + 1, step):
        now = (at + step) / 2 / SPEECH_RATE
        for edge in ears.hear(heard[at : at + step], at=now):
            match edge:
                case SpeechStarted(since):
                    if not begun:
                        ears.begin_utterance(since)
                        begun = True
                    starts.append((now, since))
                case SpeechPaused():
                    pauses.append(await _ask(edge, silence, recording, models=models, now=now))
        if ears.sounds:
            sounds.append(now)
        if ears.silent_since is not None and silence.at_s <= ears.silent_since:
            silence = _Silence(now, ears.utterance())
    return Facts(
        part=recording.part,
        kind=recording.kind,
        words=recording.words,
        digits=recording.digits,
        end_s=before_s + recording.end_s,
        total_s=len(sound) / RATE,
        starts_s=tuple(starts),
        pauses=tuple(pauses),
        sounds_s=tuple(sounds),
        offset=offset,
    )


def over_the_line(sound: Samples) -> bytes:
    """Return what the gateway makes of a caller's sound: through G.711, then 16 kHz."""
    coder = CODECS["PCMU"].open()
    decoded = coder.decode(coder.encode(sound.astype("<i2").tobytes()))
    return resample(Pcm(decoded, RATE), SPEECH_RATE).data


@dataclass(frozen=True, slots=True)
class _Silence:
    """The first silent window behind a sound, and the utterance up to there."""

    at_s: float
    audio: bytes


async def _ask(
    edge: SpeechPaused, silence: _Silence, recording: Recording, *, models: Models, now: float
) -> PauseFacts:
    clock, audio, before_s = models.clock, silence.audio, now - silence.at_s
    verdict, judged_s = await timed(lambda: models.judge.end_probability(audio + ASSUMED_SILENCE), clock)
    before = said_before(models.spec.hints, digits=recording.digits > 0)
    transcript, read_s = await timed(lambda: models.recognizer.recognize(audio, hints=before), clock)
    (understands, waited_for), planned_s = await timed(lambda: _understood(transcript.text, recording, models), clock)
    judged_after_s, read_after_s = max(0.0, judged_s - before_s), max(0.0, read_s + planned_s - before_s)
    return PauseFacts(
        now,
        edge.since,
        verdict.probability,
        judged_after_s,
        understands,
        read_after_s,
        transcript.text,
        transcript.last_word,
        waited_for,
    )


async def timed(ask: Callable[[], Awaitable[T]], clock: Clock, *, rest_s: float = REST_S) -> tuple[T, float]:
    """Return an answer and how long it took; one that a busy machine refused, or gave too late, is asked for again."""
    for left in reversed(range(TRIES)):
        began = clock.monotonic()
        try:
            return await ask(), clock.monotonic() - began
        except (SpeechTimedOutError, SpeechOverloadedError):
            if not left:
                raise
        await asyncio.sleep(rest_s)
    raise AssertionError("TRIES is 1 or more")


# What the planner of desk.yaml has asked when these are said; digits are any agent's own; all else is said unasked.
_ASKED = {
    "date": DialogueState(intent="change-delivery-day", slots=(("parcel_number", "731004"),), asking="day"),
    "correction": DialogueState(
        intent="change-delivery-day", slots=(("day", "2026-01-09"), ("parcel_number", "731004")), confirming=True
    ),
    "yes or no": DialogueState(
        intent="change-delivery-day", slots=(("day", "2026-01-09"), ("parcel_number", "731004")), confirming=True
    ),
}


def asked_for_digits(spec: VoiceAgentSpec, count: int) -> DialogueState | None:
    """Return the state in which this agent has asked for so many digits; None when it never does."""
    for length in (count, None):
        for intent in spec.intents:
            for slot in intent.slots:
                if slot.type is SlotType.DIGITS and slot.length == length:
                    return DialogueState(intent=intent.name, asking=slot.name)
    return None


async def _understood(text: str, recording: Recording, models: Models) -> tuple[bool | None, bool]:
    """Ask the planner whether it knows what these words want, and to the letter, as a speculation would."""
    if not text:
        return None, False
    today, state = datetime.date(2026, 1, 5).isoformat(), _ASKED.get(recording.asked, DialogueState())
    if recording.digits:
        state = asked_for_digits(models.spec, recording.digits) or state
    request = ReplyRequest(
        new_call_id(), models.agent, models.revision, 1, new_call_id(), state, CallerSaid(text), today
    )
    acts = False
    async for event in models.planner.reply(request):
        if isinstance(event, ToolCall):
            acts = True
        if isinstance(event, Done):
            return acts or understood(state, event), expected(state, event)
    return acts or None, False


def reading_of(pause: PauseFacts, facts: Facts) -> Reading:
    """Return the words' sign."""
    return read(
        pause.text,
        asked=AskedDigits(facts.digits),
        understood=pause.understood,
        expected=pause.expected,
        last_word=pause.last_word,
    )
