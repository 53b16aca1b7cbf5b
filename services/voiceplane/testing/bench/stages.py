"""Where a turn's time goes, by the gateway's marks in the call record: one line a stage, which add up. Pure.

Marks count from the caller's last sound as the gateway heard it. Written by call.talk and call.speaking:
endpointing (the turn is over), recognized (its words are known), planned (the planner's first event was taken), tool
(its answer), phrase (the first phrase was given to the voice), speech_* (its first speech, and where that came from:
the phrase cache, a rehearsal during the turn, or synthesis after it), first_audio (its first packet left). Besides:
synthesis, the time from asking the voice for the first phrase to its first speech, wherever that fell.
"""

from collections.abc import Mapping, Sequence

from voiceplane.testing.bench.caller import Held
from voiceplane.testing.bench.lines import Goal, Line

SPEECH = "speech_"
SOURCES = ("cached", "rehearsed", "synthesized")
STAGES = ("endpointing", "recognition", "planner", "tool", "synthesis", "wire")
FIRST_SPEECH = "first synthesized audio after the planner's first phrase"
FIRST_AUDIO = "first packet after the first phrase was given to the voice"


def lines(calls: list[Held]) -> list[Line]:
    """Return a line for each stage, and the wait behind the planner's first phrase by where the speech came from."""
    rows = [turn for call in calls if call.record for turn in call.record.turns]
    turns = [turn.timings_ms for turn in rows if "phrase" in turn.timings_ms]
    parts = [found for marks in turns if (found := divided(marks)) is not None]
    made = [Line(_name(stage), "ms", tuple(part[stage] for part in parts if stage in part)) for stage in STAGES]
    behind = {
        source: tuple(wait for marks in turns if (wait := behind_phrase(marks, source)) is not None)
        for source in SOURCES
    }
    synthesis = tuple(marks["synthesis"] for marks in turns if "synthesis" in marks)
    note = "really synthesized, in a rehearsal or then; nothing from the phrase cache"
    made.append(Line(FIRST_SPEECH, "ms", synthesis, goal=Goal(median=100), note=note))
    made.append(Line(FIRST_AUDIO, "ms", behind["synthesized"], note="synthesized then"))
    made += [Line(f"- where the speech was {source}", "ms", behind[source]) for source in SOURCES[:2]]
    made.append(Line("- all three", "ms", tuple(wait for waits in behind.values() for wait in waits)))
    return made


def divided(marks: Mapping[str, float]) -> dict[str, float] | None:
    """Divide a wait into its stages, in milliseconds; None where a bridge spoke first or a mark is missing."""
    speech = next((at for name, at in marks.items() if name.startswith(SPEECH)), None)
    wanted = ("endpointing", "recognized", "planned", "phrase", "first_audio")
    if speech is None or any(name not in marks for name in wanted) or speech < marks["phrase"]:
        return None
    ended, recognized, planned, phrase, first = (marks[name] for name in wanted)
    found = {"endpointing": ended, "recognition": recognized - ended}
    found |= {"synthesis": speech - phrase, "wire": first - speech}
    if "tool" in marks and marks["tool"] <= phrase:  # the planner spoke before and after it
        return found | {"planner": planned - recognized + phrase - marks["tool"], "tool": marks["tool"] - planned}
    return found | {"planner": phrase - recognized}


def behind_phrase(marks: Mapping[str, float], source: str) -> float | None:
    """Return the first packet's wait behind the first phrase when its speech came from there."""
    speech = marks.get(SPEECH + source)
    if speech is None or speech < marks["phrase"] or "first_audio" not in marks:
        return None
    return max(0.0, marks["first_audio"] - marks["phrase"])


def table(made: Sequence[Line]) -> str:
    """Write the stages as a table for docs/benchmarks.md: medians, and what share of all waiting each has."""
    named = {line.what: line for line in made}
    found = [(stage, named[_name(stage)]) for stage in STAGES if _name(stage) in named and named[_name(stage)].values]
    total = sum(sum(line.values) for _, line in found) or 1.0
    rows = ["| stage | turns | median | p95 | of all waiting |", "| --- | --- | --- | --- | --- |"]
    for stage, line in found:
        share = 100 * sum(line.values) / total
        rows.append(f"| {stage} | {len(line.values)} | {line.median:.0f} ms | {line.p95:.0f} ms | {share:.0f} % |")
    return "\n".join(rows) + "\n"


def _name(stage: str) -> str:
    return f"- of it {stage}, by the gateway's clock"
