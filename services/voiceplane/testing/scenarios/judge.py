"""Was a call as its scenario says? Pure: the scenario and the evidence in, one finding for each expectation out."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from voiceplane.testing.scenarios.evidence import Evidence, HeardWord, Span, said
from voiceplane.testing.scenarios.model import Scenario, Step, ToolExpectation
from voiceplane.testing.scenarios.words import find, plain

EARLY_MS = 250.0  # an answer may begin this much before the caller's last sound: a soft end of a word is not a cut-in
STOPS_MS = 1500.0  # the longest that an interrupted agent may go on where a step does not say
QUIET_MS = 250.0  # silence that counts as having stopped; shorter is a pause between words
GOES_ON_MS = 1500.0  # an agent that was held for a backchannel must be heard again within this


@dataclass(frozen=True, slots=True)
class Finding:
    """One expectation, whether it was met, and what was seen."""

    what: str
    passed: bool
    seen: str
    step: int | None = None  # None for the whole call
    by_words: bool = False  # a matter of what was recognized, which another recognizer may hear otherwise
    at_ms: float | None = None  # where to listen; None where no moment tells more than another

    @property
    def where(self) -> str:
        """Name the place for people; steps count from 1."""
        return "call" if self.step is None else f"step {self.step + 1}"

    @property
    def told(self) -> str:
        """Write an expectation that was not met as a line: where, when, what, and what was seen instead."""
        when = "" if self.at_ms is None else f" at {self.at_ms / 1000:.1f} s"
        return f"{self.where}{when}: expected that {self.what}; {self.seen}"


@dataclass(frozen=True, slots=True)
class Wait:
    """How long the caller waited after a step; below 0 when the agent cut in. None when it never answered."""

    step: int
    at_ms: float
    latency_ms: float | None


def judge(scenario: Scenario, evidence: Evidence) -> tuple[Finding, ...]:
    """Judge a call."""
    findings = [*_reached(scenario, evidence)]
    for index in range(len(scenario.steps)):
        if evidence.taken(index) is not None:
            findings += _step(scenario, index, evidence)
    findings += _heard(evidence.words, scenario.expect.heard, scenario.expect.absent.heard)
    findings += _waits(scenario, evidence)
    findings += _recorded(scenario, evidence)
    return tuple(findings)


def judge_again(scenario: Scenario, evidence: Evidence, words: tuple[HeardWord, ...]) -> tuple[Finding, ...]:
    """Judge a call by another recognizer's words too: what they show to be met is met, and seen as they have it."""
    pairs = zip(judge(scenario, evidence), judge(scenario, replace(evidence, words=words)), strict=True)
    return tuple(first if first.passed else _by_both(first, second) for first, second in pairs)


def _by_both(first: Finding, second: Finding) -> Finding:
    if not first.by_words:
        return first
    return replace(second, seen=f"{first.seen}; by a larger recognizer {second.seen}")


def waits(scenario: Scenario, evidence: Evidence) -> tuple[Wait, ...]:
    """Measure the wait after each step that is answered, on the recorded sound."""
    found = []
    for index in range(len(scenario.steps)):
        at = evidence.taken(index)
        if at is None or not scenario.is_answered(index):
            continue
        after = evidence.taken(index + 1)
        first = evidence.answer_ms(at.end_ms - EARLY_MS)
        if first is not None and after is not None and first >= after.start_ms:
            first = None
        found.append(Wait(index, at.end_ms, None if first is None else first - at.end_ms))
    return tuple(found)


def _reached(scenario: Scenario, evidence: Evidence) -> Iterator[Finding]:
    for index, step in enumerate(scenario.steps):
        if evidence.taken(index) is None:
            why = "; ".join(evidence.trouble) or "the call ended before"
            what = f"the caller {step.words}" if step.say is None else f"the caller says “{step.say}”"
            end_ms = evidence.seconds * 1000 or None
            yield Finding(what, passed=False, seen=why, step=index, at_ms=end_ms)
            return
    if evidence.trouble:
        yield Finding("nothing goes wrong on the way", passed=False, seen="; ".join(evidence.trouble))


def _step(scenario: Scenario, index: int, evidence: Evidence) -> Iterator[Finding]:
    step, at = scenario.steps[index], evidence.taken(index)
    assert at is not None
    following = evidence.taken(index + 1)
    end_ms = following.start_ms if following is not None else float("inf")
    words = evidence.heard(at.start_ms, end_ms)
    for found in _heard(words, step.expect.heard, step.expect.absent):
        listen_ms = at.start_ms if step.silence is not None else at.end_ms
        yield replace(found, step=index, at_ms=listen_ms if found.at_ms is None else found.at_ms)
    if step.expect.agent == "stops":
        yield _stops(step, index, at, evidence)
    elif step.expect.agent == "goes on":
        yield _goes_on(index, at, evidence)
    elif step.expect.within_ms is not None:
        yield from (_within(wait, step.expect.within_ms) for wait in waits(scenario, evidence) if wait.step == index)


def _heard(words: tuple[HeardWord, ...], wanted: tuple[str, ...], absent: tuple[str, ...]) -> Iterator[Finding]:
    heard = plain(said(words))
    seen = f"heard: {said(words) or '(nothing)'}"
    for phrase in wanted:
        met = find(phrase, heard) is not None
        yield Finding(f"“{phrase}” is heard", passed=met, seen=seen, by_words=True)
    for phrase in absent:
        met = find(phrase, heard) is None
        at_ms = None if met else _begin_ms(phrase, words)
        yield Finding(f"“{phrase}” is not heard", passed=met, seen=seen, by_words=True, at_ms=at_ms)


def _begin_ms(phrase: str, words: tuple[HeardWord, ...]) -> float:
    """Return when words that are there begin the last time: behind that they are there no more."""
    last = max(at for at in range(len(words)) if find(phrase, plain(said(words[at:]))) is not None)
    return words[last].start_ms


def _stops(step: Step, index: int, at: Span, evidence: Evidence) -> Finding:
    limit = float(step.expect.within_ms or STOPS_MS)
    what = f"the agent stops within {limit:.0f} ms"
    stopped = stopped_ms(at, evidence)
    if stopped is None:
        seen = "the agent did not speak when the caller began"
        return Finding(what, passed=False, seen=seen, step=index, at_ms=at.start_ms)
    seen, passed = f"silent after {stopped:.0f} ms", stopped <= limit
    if evidence.record is not None and silenced(at, evidence) is None:
        seen, passed = f"{seen}, but then it went on and took nothing for a turn", False
    return Finding(what, passed=passed, seen=seen, step=index, at_ms=at.start_ms)


def stopped_ms(at: Span, evidence: Evidence) -> float | None:
    """Return how long the agent spoke on after the caller's first sound; None when it did not speak then."""
    end: float | None = None
    for span in evidence.agent:
        if (
            end is None
            and span.start_ms < at.start_ms < span.end_ms
            or end is not None
            and span.start_ms - end < QUIET_MS
        ):
            end = span.end_ms
    return None if end is None else end - at.start_ms


def _goes_on(index: int, at: Span, evidence: Evidence) -> Finding:
    what = "the agent goes on speaking"
    failure = silenced(at, evidence)
    return Finding(what, passed=failure is None, seen=failure or "it spoke on", step=index, at_ms=at.start_ms)


def silenced(at: Span, evidence: Evidence) -> str | None:
    """Say how a sound of the caller took the floor from the agent; None when the agent went on, at once or soon."""
    if not any(span.start_ms < at.start_ms < span.end_ms for span in evidence.agent):
        return "the agent did not speak when the caller began"
    limit = at.end_ms + GOES_ON_MS
    if not any(span.end_ms > at.end_ms and span.start_ms < limit for span in evidence.agent):
        return f"not heard again within {GOES_ON_MS:.0f} ms"
    for turn in evidence.record.caller_turns if evidence.record else ():
        if at.start_ms - EARLY_MS <= turn.at_ms <= limit:
            return f"the agent took it for a turn: “{turn.text}”"
    return None


def _within(wait: Wait, limit_ms: int) -> Finding:
    what = f"the agent answers within {limit_ms} ms"
    if wait.latency_ms is None:
        return Finding(what, passed=False, seen="no answer", step=wait.step, at_ms=wait.at_ms)
    cut_in = wait.latency_ms < -EARLY_MS
    seen = f"{wait.latency_ms:.0f} ms after the caller's last sound"
    passed = not cut_in and wait.latency_ms <= limit_ms
    return Finding(what, passed=passed, seen=seen, step=wait.step, at_ms=wait.at_ms)


def _waits(scenario: Scenario, evidence: Evidence) -> Iterator[Finding]:
    limit = scenario.expect.within_ms
    if limit is None:
        return
    own = {index for index, step in enumerate(scenario.steps) if step.expect.within_ms is not None}
    yield from (_within(wait, limit) for wait in waits(scenario, evidence) if wait.step not in own)


def _recorded(scenario: Scenario, evidence: Evidence) -> Iterator[Finding]:
    expect = scenario.expect
    if expect.transferred_to is not None:
        passed = evidence.refer_to is not None and expect.transferred_to in evidence.refer_to
        seen = evidence.refer_to or "no transfer"
        yield Finding(f"the call is transferred to {expect.transferred_to}", passed=passed, seen=seen)
    record = evidence.record
    if record is None:
        if needs_record(scenario):
            yield Finding("there is a call record", passed=False, seen="none was found")
        return
    if expect.outcome is not None:
        yield Finding(f"the outcome is {expect.outcome}", passed=record.outcome == expect.outcome, seen=record.outcome)
    if expect.end is not None:
        yield Finding(f"the call ends by {expect.end}", passed=record.end_reason == expect.end, seen=record.end_reason)
    ran = ", ".join(f"{tool.name} ({tool.outcome})" for tool in record.tools) or "no tool ran"
    yield from (_ran(tool, evidence, ran) for tool in expect.tools)
    for name in expect.absent.tools:
        at_ms = next((tool.at_ms for tool in record.tools if tool.name == name), None)
        yield Finding(f"{name} is not called", passed=at_ms is None, seen=ran, at_ms=at_ms)


def _ran(wanted: ToolExpectation, evidence: Evidence, ran: str) -> Finding:
    assert evidence.record is not None
    count = sum(tool.name == wanted.name and tool.outcome == wanted.outcome for tool in evidence.record.tools)
    times = "" if wanted.times is None else f" {wanted.times} times" if wanted.times > 1 else " once"
    passed = count > 0 if wanted.times is None else count == wanted.times
    return Finding(f"{wanted.name} is called{times}: {wanted.outcome}", passed=passed, seen=ran)


def needs_record(scenario: Scenario) -> bool:
    """Say whether a scenario expects what only the call record can tell."""
    expect = scenario.expect
    return bool(expect.tools or expect.absent.tools or expect.outcome or expect.end)
