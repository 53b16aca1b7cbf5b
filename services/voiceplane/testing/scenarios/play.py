"""Place one scenario's call with the test phone and follow its steps. Every wait is bounded; an early end is a fact."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from voiceplane.contract.audio import Pcm
from voiceplane.runtime.clock import Clock, SystemClock
from voiceplane.testing.phone import CallEnded, NoAgentAudio, Phone, PhoneCall, PhoneError, PhoneSettings
from voiceplane.testing.phone.audio import Samples, as_samples, read_wav
from voiceplane.testing.phone.ear import Ear
from voiceplane.testing.phone.recording import Recording
from voiceplane.testing.phone.timings import heard_around, stretches
from voiceplane.testing.scenarios.evidence import Span, StepTaken
from voiceplane.testing.scenarios.model import After, Anchor, Scenario, Step

QUIET_S = 0.7  # agent silence that ends its turn
LAST_QUIET_S = 1.5  # at the end of the call: a tool's result may follow a bridging phrase
_SLACK_MS = 60.0  # around the script's own times: a packet time before, a few after
SPEECH_MARGIN_S = 90.0  # longest turn of an agent that is waited out

Speak = Callable[[str, str], Awaitable[Pcm]]  # words and the voice's name


@dataclass(frozen=True, slots=True)
class Line:
    """Where the call goes and how patient the caller is."""

    target: str
    patience_s: float
    folder: Path  # sound files are relative to it
    clock: Clock = SystemClock()


@dataclass(frozen=True, slots=True)
class Played:
    """A call that is over: both tracks, the steps as they were done, and what the signaling told."""

    recording: Recording | None
    steps: tuple[StepTaken, ...] = ()
    call_id: str = ""
    answered_wall_ns: int = 0
    answered_after_ms: float | None = None
    refer_to: str | None = None
    trouble: tuple[str, ...] = ()


async def sounds_of(scenario: Scenario, voice: str, folder: Path, speak: Speak) -> tuple[Pcm | None, ...]:
    """Prepare what the caller says, without the silence around it; synthesis is no caller's pause."""
    found: list[Pcm | None] = []
    for step in scenario.steps:
        if step.say is not None:
            found.append(_trimmed(await speak(step.say, scenario.voice or voice)))
        else:
            found.append(_trimmed(read_wav(folder / step.play)) if step.play is not None else None)
    return tuple(found)


async def play(scenario: Scenario, sounds: tuple[Pcm | None, ...], line: Line) -> Played:
    """Place the call and do the steps; a refusal or a fault on the way is told in `trouble`."""
    phone = Phone(line.target, PhoneSettings(codecs=(scenario.codec,), clock=line.clock))
    try:
        async with phone as call:
            return await _Caller(call, scenario, line).follow(sounds)
    except (PhoneError, OSError, TimeoutError, ValueError) as error:
        return Played(None, trouble=(f"no call: {error}",))


class _Caller:
    """Follows the steps of one answered call."""

    def __init__(self, call: PhoneCall, scenario: Scenario, line: Line) -> None:
        self._call, self._scenario, self._line = call, scenario, line
        self._clock = line.clock
        self._ear = Ear(call, line.clock)
        self._steps: list[StepTaken] = []

    async def follow(self, sounds: tuple[Pcm | None, ...]) -> Played:
        call, trouble = self._call, []
        elapsed = self._clock.monotonic() - call.media.started_at
        answered_ns = self._clock.wall_ns() - int(elapsed * 1e9)
        try:
            for index, (step, sound) in enumerate(zip(self._scenario.steps, sounds, strict=True)):
                await self._until(step.begins)
                await self._do(index, step, sound)
            await self._hear_out(self._scenario.steps[-1])
        except CallEnded:
            if len(self._steps) < len(sounds):
                trouble.append(f"the call was over after {self._ear.now_ms() / 1000:.1f} s")
        except (NoAgentAudio, PhoneError) as error:
            trouble.append(str(error))
        try:
            await call.hang_up()
        except PhoneError as error:
            trouble.append(str(error))
        return Played(
            call.recording,
            tuple(_placed(step, call.recording) for step in self._steps),
            call.leg.dialog.remote_session_id,
            answered_ns,
            call.facts.answered_after_ms,
            call.facts.refer_to,
            (*trouble, *dict.fromkeys(call.leg.faults)),
        )

    async def _do(self, index: int, step: Step, sound: Pcm | None) -> None:
        began = self._ear.now_ms()
        if sound is not None:
            await self._call.say(sound)
        elif step.dtmf is not None:
            await self._call.dtmf(step.dtmf)
        elif step.silence is not None:
            self._ear.mark()
            self._steps.append(StepTaken(index, Span(began, began + step.silence * 1000)))
            await self._ear.rest(step.silence)
            return
        elif step.hang_up:
            await self._call.hang_up()
        self._ear.mark()
        self._steps.append(StepTaken(index, Span(began, self._ear.now_ms())))

    async def _until(self, after: After) -> None:
        if after.anchor is not Anchor.STEP:
            await self._speech()
        if after.anchor is Anchor.AGENT_END:
            await self._quiet(max(QUIET_S, after.offset_s))
        elif after.offset_s:
            await self._ear.rest(after.offset_s)

    async def _speech(self) -> None:
        await self._ear.speech(self._line.patience_s)

    async def _quiet(self, seconds: float) -> None:
        await self._ear.quiet(seconds, SPEECH_MARGIN_S)

    async def _hear_out(self, last: Step) -> None:
        """Let the agent finish after the last step."""
        if last.hang_up:
            return
        if last.silence is None and last.expect.agent != "goes on":
            await self._speech()
        await self._quiet(LAST_QUIET_S)


def _trimmed(pcm: Pcm) -> Pcm:
    """Cut the silence before and after, so that a pause in the scenario is the pause that is heard."""
    samples: Samples = as_samples(pcm)
    found = stretches(samples, pcm.sample_rate)
    if not found:
        return pcm
    return Pcm(samples[found[0].start : found[-1].end].astype("<i2").tobytes(), pcm.sample_rate)


def _placed(step: StepTaken, recording: Recording) -> StepTaken:
    """Put a spoken step where its sound lies on the caller's track; other steps stay where the clock put them."""
    track, rate = recording.caller.samples(), recording.sample_rate
    found = heard_around(track, rate, step.at.start_ms, step.at.end_ms, slack_ms=_SLACK_MS)
    return StepTaken(step.index, Span(*found)) if found is not None else step
