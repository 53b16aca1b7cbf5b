"""A scripted call: the caller's lines in turn, each after the agent has finished. Used by call_command and demo."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from voiceplane.cli.likeness import begins
from voiceplane.cli.voices import CallerVoice
from voiceplane.contract.agent import VoiceAgentSpec
from voiceplane.contract.audio import SPEECH_RATE, Pcm
from voiceplane.planner.phrases import NOT_HEARD
from voiceplane.testing.phone import CallEnded, NoAgentAudio, Phone, PhoneCall, PhoneSettings, TurnTiming
from voiceplane.testing.phone.audio import read_wav, resample
from voiceplane.testing.phone.timings import stretches

MARGIN_MS = 150  # kept around a stretch of speech, so that no first or last sound is cut
REPEATS = 2  # a person says a sentence again when asked to, but not for ever


@dataclass(frozen=True, slots=True)
class Line:
    """One thing the caller does: exactly one of words, a file and keys."""

    say: str | None = None
    play: Path | None = None
    keys: str | None = None


@dataclass(frozen=True, slots=True)
class Script:
    """The whole call."""

    target: str
    lines: tuple[Line, ...]
    settings: PhoneSettings = PhoneSettings()
    agent_timeout_s: float = 20.0  # longest wait for the agent's first sound
    final_word: bool = True  # let the agent finish after the last line
    unclear: tuple[str, ...] = ()  # the agent's words after which the caller says a line again, as people do


@dataclass(slots=True)
class CallResult:
    """What came of it."""

    call_id: str = ""
    answered_after_ms: float | None = None
    first_audio_ms: float | None = None
    turns: tuple[TurnTiming, ...] = ()
    refer_to: str | None = None
    ended_by: str | None = None
    finished_script: bool = False
    agent_audio: list[Pcm] = field(default_factory=list)  # one for each of the agent's turns, at 16 kHz
    faults: tuple[str, ...] = ()
    lost: int = 0
    seconds: float = 0.0


Heard = Callable[[str, str | Pcm], Awaitable[str]]  # who spoke, and the words or the audio of the agent; the words


def unclear(spec: VoiceAgentSpec) -> tuple[str, ...]:
    """Return what an agent says when it did not understand its caller."""
    return (spec.phrases.unsure, NOT_HEARD)


async def hold(script: Script, voice: CallerVoice, heard: Heard, *, record: Path | None = None) -> CallResult:
    """Place the call and follow the script; CallRefused and CallNotAnswered pass through, an early end does not."""
    sounds = [await _sound(line, voice) for line in script.lines]  # before the call: synthesis is no caller's pause
    result = CallResult()
    phone = Phone(script.target, script.settings)
    async with phone as call:
        # The answering side's RFC 7989 UUID is its call id and trace id.
        result.call_id = call.leg.dialog.remote_session_id
        result.answered_after_ms = call.facts.answered_after_ms
        try:
            await _follow(script, sounds, call, heard=heard, result=result)
            result.finished_script = True
        except (CallEnded, NoAgentAudio) as error:
            await heard("note", str(error))
        finally:
            try:
                await call.hang_up()
            finally:  # a BYE without an answer costs no recording
                _measure(call, result)
                if record is not None:
                    call.recording.save(record)
    return result


async def _follow(
    script: Script, sounds: list[Pcm | None], call: PhoneCall, *, heard: Heard, result: CallResult
) -> None:
    taken = 0
    await call.wait_for_agent_silence(timeout_s=script.agent_timeout_s)
    taken, _ = await _hear(call, heard, taken, result=result)
    for number, (line, sound) in enumerate(zip(script.lines, sounds, strict=True)):
        last = number == len(script.lines) - 1
        for _ in range(1 + REPEATS):
            await heard("caller", line.say or (f"(plays {line.play})" if line.play else f"(presses {line.keys})"))
            if sound is not None:
                await call.say(sound)
            else:
                await call.dtmf(line.keys or "")
            if last and not script.final_word:
                return
            try:
                await call.wait_for_agent_silence(timeout_s=script.agent_timeout_s)
            finally:  # also what the agent said before it hung up or transferred the call
                taken, words = await _hear(call, heard, taken, result=result)
            if not any(begins(words, sentence) for sentence in script.unclear):
                break


async def _hear(call: PhoneCall, heard: Heard, taken: int, *, result: CallResult) -> tuple[int, str]:
    """Hand over what the agent has said since sample `taken`; return how far the track has been read, and words."""
    audio, end = agent_speech(call, taken)
    if audio is None:
        return end, ""
    result.agent_audio.append(audio)
    return end, await heard("agent", audio)


def agent_speech(call: PhoneCall, taken: int) -> tuple[Pcm | None, int]:
    """Cut what the agent has said since sample `taken` out of the recording; return also how far that goes."""
    samples, rate = call.recording.agent.samples(), call.recording.sample_rate
    found = stretches(samples[taken:], rate)
    if not found:
        return None, taken
    margin = rate * MARGIN_MS // 1000
    start = max(taken + found[0].start - margin, 0)
    end = min(taken + found[-1].end + margin, len(samples))
    return resample(Pcm(samples[start:end].astype("<i2").tobytes(), rate), SPEECH_RATE), end


async def _sound(line: Line, voice: CallerVoice) -> Pcm | None:
    if line.say is not None:
        return await voice.speak(line.say)
    return read_wav(line.play) if line.play is not None else None


def _measure(call: PhoneCall, result: CallResult) -> None:
    result.turns, result.first_audio_ms = call.timings(), call.first_agent_audio_ms()
    result.refer_to, result.ended_by = call.facts.refer_to, call.facts.ended_by
    result.faults, result.lost = tuple(dict.fromkeys(call.leg.faults)), call.media.lost
    result.seconds = len(call.recording.agent.samples()) / call.recording.sample_rate
