"""Run the scenarios of a file: all calls, a bounded number at once, then recognition and verdicts. Used by the CLI.

Recognition of the recordings waits until the last call is over: it would slow the calls that are being measured.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from voiceplane.contract.audio import SPEECH_RATE, Pcm
from voiceplane.records.client import read_call
from voiceplane.records.errors import NoSuchCallError, RecordsError
from voiceplane.records.rows import AuditRow, CallRow
from voiceplane.speech.errors import SpeechError
from voiceplane.speech.ports import LargerRecognizer, Recognizer, Transcript
from voiceplane.testing.phone.audio import Samples, resample
from voiceplane.testing.phone.pieces import pieces
from voiceplane.testing.phone.timings import stretches
from voiceplane.testing.scenarios.evidence import CallerTurn, Evidence, HeardWord, Recorded, ToolSeen, spans
from voiceplane.testing.scenarios.judge import Finding, Wait, judge, judge_again, waits
from voiceplane.testing.scenarios.model import Scenario, ScenarioFile
from voiceplane.testing.scenarios.play import Line, Played, Speak, play, sounds_of

EDGE_MS = 60.0  # pauses shorter than this are inside a sound; longer ones show where the agent fell silent
RECORD_TRIES, RECORD_WAIT_S = 60, 0.25  # the gateway writes the record after the BYE


@dataclass(frozen=True, slots=True)
class Place:
    """What the calls are run against; `records` is empty where no call record can be had."""

    line: Line
    recognizer: Recognizer
    records: str = ""
    parallel: int = 2
    larger: LargerRecognizer | None = None  # where the server has one


@dataclass(frozen=True, slots=True)
class Result:
    """One scenario's call, seen and judged."""

    scenario: Scenario
    evidence: Evidence
    findings: tuple[Finding, ...]
    waits: tuple[Wait, ...]
    played: Played

    @property
    def passed(self) -> bool:
        """Say whether every expectation was met."""
        return not self.failed

    @property
    def failed(self) -> tuple[Finding, ...]:
        """Return the expectations that were not met."""
        return tuple(finding for finding in self.findings if not finding.passed)


Tell = Callable[[str], None]


async def run(file: ScenarioFile, place: Place, speak: Speak, tell: Tell) -> tuple[Result, ...]:
    """Place all calls and judge them, in the order of the file; `tell` gets lines of progress."""
    folder = place.line.folder
    sounds = [await sounds_of(scenario, file.voice, folder, speak) for scenario in file.scenarios]
    gate, done, total = asyncio.Semaphore(place.parallel), [0], len(file.scenarios)

    async def call(index: int) -> Played:
        scenario = file.scenarios[index]
        async with gate:
            played = await play(scenario, sounds[index], place.line)
        done[0] += 1
        length = len(played.recording.agent.samples()) / played.recording.sample_rate if played.recording else 0.0
        note = f" ({'; '.join(played.trouble)})" if played.trouble else ""
        tell(f"call {done[0]}/{total}: {scenario.name}: {length:.0f} s{note}")
        return played

    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(call(index), name=f"scenario {index}") for index in range(total)]
    tell("recognizing what the agent said")
    return tuple([await judged(file.scenarios[i], task.result(), place) for i, task in enumerate(calls)])


async def judged(scenario: Scenario, played: Played, place: Place) -> Result:
    """Judge a call that is over, by what the recognizers hear and the record says."""
    evidence = await gather(played, place.recognizer, place.records)
    findings = judge(scenario, evidence)
    if any(finding.by_words and not finding.passed for finding in findings):
        findings = await _heard_again(scenario, evidence, played, larger=place.larger) or findings
    return Result(scenario, evidence, findings, waits(scenario, evidence), played)


async def _heard_again(
    scenario: Scenario, evidence: Evidence, played: Played, *, larger: LargerRecognizer | None
) -> tuple[Finding, ...]:
    """Judge by what a larger recognizer hears before an expectation is called failed; nothing where there is none."""
    if larger is None or played.recording is None:
        return ()
    try:
        words = await _words(played.recording.agent.samples(), played.recording.sample_rate, larger.recognize_again)
    except SpeechError:  # the first recognizer's words stand
        return ()
    return judge_again(scenario, evidence, words)


async def gather(played: Played, recognizer: Recognizer, records: str) -> Evidence:
    """Turn a played call into evidence: sounds, words and the record."""
    if played.recording is None:
        return Evidence(0.0, trouble=played.trouble)
    rate = played.recording.sample_rate
    caller, agent = played.recording.caller.samples(), played.recording.agent.samples()
    trouble = list(played.trouble)
    try:
        words = await _words(agent, rate, recognizer.recognize)
    except SpeechError as error:
        words = ()
        trouble.append(f"the agent's speech could not be recognized: {error}")
    record = None
    if records:
        try:
            record = await _until_there(lambda: read_call(records, played.call_id))
        except RecordsError as error:
            trouble.append(f"no call record: {error}")
    return Evidence(
        seconds=max(len(caller), len(agent)) / rate,
        caller=spans(stretches(caller, rate, join_ms=EDGE_MS), rate),
        agent=spans(stretches(agent, rate, join_ms=EDGE_MS), rate),
        words=words,
        steps=played.steps,
        record=None if record is None else _recorded(*record, played.answered_wall_ns),
        refer_to=played.refer_to,
        call_id=played.call_id,
        answered_after_ms=played.answered_after_ms,
        trouble=tuple(trouble),
    )


async def _words(track: Samples, rate: int, hear: Callable[[bytes], Awaitable[Transcript]]) -> tuple[HeardWord, ...]:
    """Recognize the agent's track piece by piece; words get their place on the timeline."""
    words: list[HeardWord] = []
    for piece in pieces(track, rate):
        sound = Pcm(track[piece.start : piece.end].astype("<i2").tobytes(), rate)
        transcript = await hear(resample(sound, SPEECH_RATE).data)
        offset = 1000.0 * piece.start / rate
        words += [HeardWord(w.text.strip(), offset + w.start_ms, offset + w.end_ms) for w in transcript.words]
    return tuple(words)


async def _until_there(
    ask: Callable[[], Awaitable[tuple[CallRow, tuple[AuditRow, ...]]]],
) -> tuple[CallRow, tuple[AuditRow, ...]]:
    for _ in range(RECORD_TRIES):
        try:
            return await ask()
        except NoSuchCallError:
            await asyncio.sleep(RECORD_WAIT_S)
    return await ask()


def _recorded(call: CallRow, audits: tuple[AuditRow, ...], answered_ns: int) -> Recorded:
    tools = tuple(
        ToolSeen(audit.tool, audit.intent, audit.outcome, (audit.at_unix_ns - answered_ns) / 1e6, audit.duration_ms)
        for audit in audits
    )
    turns = tuple(
        CallerTurn(turn.text_pii, (turn.ended_unix_ns - answered_ns) / 1e6)
        for turn in call.turns
        if turn.speaker == "caller"
    )
    return Recorded(call.outcome, call.end_reason, tools, turns)
