"""Write what came of the scenarios: report.html with a picture and the sound of each call, junit.xml for machines."""

import math
import statistics
import xml.etree.ElementTree as xml
from html import escape as escape_html
from pathlib import Path

from voiceplane.contract.agent import Objectives
from voiceplane.testing.scenarios.judge import Finding
from voiceplane.testing.scenarios.picture import draw, legal
from voiceplane.testing.scenarios.run import Result

_STYLE = """
:root{color-scheme:light dark;--ink:#1f2937;--soft:#6b7280;--line:#e5e7eb;--good:#15803d;--bad:#b91c1c;
--page:#f6f7f9;--card:#fff}
@media(prefers-color-scheme:dark){
:root{--ink:#e5e7eb;--soft:#9ca3af;--line:#374151;--good:#4ade80;--bad:#f87171;--page:#0f1319;--card:#1a1f27}
.picture svg{filter:invert(.88) hue-rotate(180deg)}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);margin:0;background:var(--page)}
main{max-width:1180px;margin:0 auto;padding:28px 20px 60px}
h1{font-size:24px;margin:0 0 4px}h2{font-size:17px;margin:0}
.sub{color:var(--soft);margin:0 0 18px}
table{border-collapse:collapse;width:100%}th{text-align:left;color:var(--soft);font-weight:500;font-size:13px}
th,td{padding:5px 10px 5px 0;border-bottom:1px solid var(--line);vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
section,.all{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:16px 18px;margin:16px 0}
.good{color:var(--good)}.bad{color:var(--bad)}.mark{font-weight:700;width:1.4em;white-space:nowrap;padding-right:12px}.where{white-space:nowrap}
.picture{overflow-x:auto;margin:12px 0 6px;border:1px solid var(--line);border-radius:6px}
.picture svg{display:block}a{color:inherit}audio{width:100%;height:32px}
.seen{color:var(--soft)}code{font-size:13px;color:var(--soft)}
details summary{cursor:pointer;color:var(--soft);margin-top:6px}
@media(max-width:640px){main{padding:16px 8px 40px}section,.all{padding:12px 10px}.longest{display:none}
.checks,.checks tbody{display:block}.checks tr{display:block;border-bottom:1px solid var(--line);padding:4px 0}
.checks td{display:inline-block;border:0;padding:1px 10px 1px 0}.checks .what,.checks .seen{display:block}
code{overflow-wrap:anywhere}}
"""


def write(results: tuple[Result, ...], title: str, folder: Path) -> None:
    """Write report.html, junit.xml and for each call its picture (SVG) and its recording (left caller, right agent)."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = []
    for number, result in enumerate(results, 1):
        recording = result.played.recording
        tracks = None if recording is None else (recording.caller.samples(), recording.agent.samples())
        rate = 8000 if recording is None else recording.sample_rate
        picture = draw(result.scenario, result.evidence, tracks, rate=rate, waits=result.waits, failed=result.failed)
        (folder / f"{number:02d}.svg").write_text(picture)
        pictures.append(picture)
        if recording is not None:
            recording.save(folder / f"{number:02d}.wav")
    (folder / "report.html").write_text(_page(results, pictures, title))
    junit(results, title).write(folder / "junit.xml", encoding="utf-8", xml_declaration=True)


def junit(results: tuple[Result, ...], title: str) -> "xml.ElementTree[xml.Element]":
    """Write the results as JUnit XML: a test case for each scenario, in its failure all that was not met.

    One failure, as several CI systems show only the first of a test case; no properties, as Jenkins' xUnit schema
    (junit-10.xsd) has them of whole suites only.
    """
    failed = sum(not result.passed for result in results)
    seconds = sum(result.evidence.seconds for result in results)
    counts = {"tests": str(len(results)), "failures": str(failed), "errors": "0", "time": f"{seconds:.3f}"}
    root = xml.Element("testsuites", counts)
    suite = xml.SubElement(root, "testsuite", {"name": title, **counts})
    for number, result in enumerate(results, 1):
        facts = {"name": result.scenario.name, "classname": title, "time": f"{result.evidence.seconds:.3f}"}
        case = xml.SubElement(suite, "testcase", facts)
        if result.failed:
            first, more = result.failed[0], len(result.failed) - 1
            message = f"{first.where}: {first.what}: no" + (f" (and {more} more)" if more else "")
            told = [finding.told for finding in result.failed]
            if result.played.recording is not None:
                told.append(f"recording: {number:02d}.wav beside the report, left the caller, right the agent")
            failure = xml.SubElement(case, "failure", {"message": legal(message), "type": "expectation"})
            failure.text = legal("\n".join(told))
        xml.SubElement(case, "system-out").text = legal(_summed_up(result))
    return xml.ElementTree(root)


def _summed_up(result: Result) -> str:
    median = median_ms(result)
    facts = [
        "" if median is None else f"median wait {median:.0f} ms",
        result.evidence.call_id and f"call {result.evidence.call_id}",
    ]
    return "\n".join(filter(None, (*facts, f"the caller heard: {result.evidence.text() or '(nothing)'}")))


def median_ms(result: Result) -> float | None:
    """Return the median wait of a call; None when no wait was measured."""
    known = [wait.latency_ms for wait in result.waits if wait.latency_ms is not None]
    return statistics.median(known) if known else None


def waits_told(results: tuple[Result, ...], objectives: Objectives | None) -> str:
    """Sum up every wait of a caller, beside the agent's objectives where they are known; empty when there was none."""
    waits = sorted(w.latency_ms for result in results for w in result.waits if w.latency_ms is not None)
    if not waits:
        return ""
    measured = {"median": statistics.median(waits), "p95": waits[math.ceil(0.95 * len(waits)) - 1]}
    wanted = {} if objectives is None else {"median": objectives.turn_p50 * 1000, "p95": objectives.turn_p95 * 1000}
    told = [
        f"{name} {value:.0f} ms" + (f" (objective {wanted[name]:.0f} ms)" if name in wanted else "")
        for name, value in measured.items()
    ]
    return f"{len(waits)} wait{'' if len(waits) == 1 else 's'}: {', '.join(told)}"


def _page(results: tuple[Result, ...], pictures: list[str], title: str) -> str:
    good = sum(result.passed for result in results)
    rows = "".join(_row(number, result) for number, result in enumerate(results, 1))
    sections = "".join(
        _section(number, result, picture)
        for number, (result, picture) in enumerate(zip(results, pictures, strict=True), 1)
    )
    state = "good" if good == len(results) else "bad"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style><main><h1>{escape(title)}</h1>'
        f'<p class="sub"><b class="{state}">{good} of {len(results)} passed</b>. Waits are measured on the recorded '
        "sound: from the caller's last sound to the agent's first. Words are what a recognizer hears in the recording."
        '</p><div class="all"><table><tr><th></th><th>scenario</th><th class="n">median wait</th>'
        f'<th class="n longest">longest</th><th class="n">length</th></tr>{rows}</table></div>{sections}'
        "</main></html>\n"
    )


def _row(number: int, result: Result) -> str:
    known = [wait.latency_ms for wait in result.waits if wait.latency_ms is not None]
    median = median_ms(result)
    cells = ("" if median is None else f"{median:.0f} ms", f"{max(known):.0f} ms" if known else "")
    return (
        f'<tr><td class="mark {_state(result.passed)}">{_mark(result.passed)}</td>'
        f'<td><a href="#s{number}">{escape(result.scenario.name)}</a></td>'
        f'<td class="n">{cells[0]}</td><td class="n longest">{cells[1]}</td>'
        f'<td class="n">{result.evidence.seconds:.1f} s</td></tr>'
    )


def _section(number: int, result: Result, picture: str) -> str:
    evidence = result.evidence
    recording = f"{number:02d}.wav" if result.played.recording else ""
    checks = "".join(_check(finding, f" {at}", recording) for at, finding in enumerate(result.failed, 1))
    checks += "".join(_check(finding, "", recording) for finding in result.findings if finding.passed)
    sound = f'<audio controls preload="none" src="{recording}"></audio>' if recording else ""
    end = f"{evidence.record.outcome}, {evidence.record.end_reason}" if evidence.record else "no call record"
    trace = f" · <code>voiceplane trace {escape(evidence.call_id)}</code>" if evidence.call_id else ""
    return (
        f'<section id="s{number}"><h2><span class="{_state(result.passed)}">{_mark(result.passed)}</span> '
        f'{escape(result.scenario.name)}</h2><p class="sub">{escape(end)}{trace}</p>'
        f'<div class="picture">{picture}</div>{sound}<table class="checks">{checks}</table>'
        f"{_words(result)}</section>"
    )


def _words(result: Result) -> str:
    """Write what each side heard of the other: the first question about a call that failed."""
    evidence = result.evidence
    turns = evidence.record.caller_turns if evidence.record else ()
    lines = [f"<p><b>The agent heard</b> at {turn.at_ms / 1000:.1f} s: {escape(turn.text)}</p>" for turn in turns]
    opened = "" if result.passed else " open"
    return (
        f"<details{opened}><summary>What each side heard</summary>"
        f"<p><b>The caller heard:</b> {escape(evidence.text()) or '(nothing)'}</p>{''.join(lines)}</details>"
    )


def _check(finding: Finding, number: str, recording: str) -> str:
    """Write a line of a call's table: the mark's number is the one in the picture, the time plays the recording."""
    at = "" if finding.at_ms is None else f"{finding.at_ms / 1000:.1f} s"
    if at and recording:
        at = f'<a href="{recording}#t={max(0.0, (finding.at_ms or 0.0) / 1000 - 1):.1f}">{at}</a>'
    return (
        f'<tr><td class="mark {_state(finding.passed)}">{_mark(finding.passed)}{number}</td>'
        f'<td class="where">{escape(finding.where)}</td><td class="n">{at}</td>'
        f'<td class="what">{escape(finding.what)}</td><td class="seen">{escape(finding.seen)}</td></tr>'
    )


def escape(text: str) -> str:
    """Write a text inside HTML."""
    return escape_html(legal(text))


def _mark(passed: bool) -> str:
    return "✓" if passed else "✗"


def _state(passed: bool) -> str:
    return "good" if passed else "bad"
