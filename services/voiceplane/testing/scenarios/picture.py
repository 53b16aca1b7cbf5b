"""Draw a call: both waveforms on one time axis, who spoke when, the words, waits, interruptions, tools. Pure: SVG text.

Read it from top to bottom as the call was: what the caller did, the caller's sound, the waits between the two, the
agent's sound, the words that the caller's phone heard, the tools.
"""

import textwrap
from collections.abc import Iterator
from xml.sax.saxutils import escape

import numpy as np

from voiceplane.testing.phone.audio import Samples
from voiceplane.testing.scenarios.evidence import Evidence, Span
from voiceplane.testing.scenarios.judge import Finding, Wait, silenced, stopped_ms
from voiceplane.testing.scenarios.model import Scenario

PX_S = 62.0  # pixels of a second: three words of speech fit beneath the sound they are heard in
LEFT, RIGHT = 74.0, 30.0
LANE = 58.0  # height of a waveform
GAP = 52.0  # between the lanes: the waits
LINE = 14.0
CHARACTER = 6.1  # mean width of a letter at 11 px
FULL = 17_000.0  # the sample value that fills a lane: speech on a phone line peaks below it
FLAG = 44.0  # room of a failure's number: those closer share a line
JOIN_MS = 700.0  # stretches of the agent closer than this share a block of words
CALLER, AGENT, WAIT, CUT, KEPT, TOOL, GREY = "#2563a8", "#0f766e", "#6b7280", "#c2341d", "#b7791f", "#6d28d9", "#9ca3af"
FAILED = "#b91c1c"
_STYLE = (
    "text{font:11px 'DejaVu Sans',system-ui,sans-serif;fill:#1f2937}"
    ".s{font-size:10px;fill:#6b7280}.b{font-weight:600}.g{stroke:#e5e7eb;stroke-width:1}"
)


def draw(
    scenario: Scenario,
    evidence: Evidence,
    tracks: tuple[Samples, Samples] | None,
    *,
    rate: int,
    waits: tuple[Wait, ...],
    failed: tuple[Finding, ...] = (),
) -> str:
    """Return the picture as an SVG document; the expectations that were not met are numbered in their order."""
    return _Picture(scenario, evidence, waits, failed).draw(tracks, rate)


class _Picture:
    """One drawing; positions are pixels from the top left corner."""

    def __init__(
        self, scenario: Scenario, evidence: Evidence, waits: tuple[Wait, ...], failed: tuple[Finding, ...]
    ) -> None:
        self._scenario, self._evidence, self._waits, self._failed = scenario, evidence, waits, failed
        above = [self._wrapped(words, room) for _, words, room in self._steps()]
        below = [self._wrapped(words, room) for _, words, room in self._blocks()]
        self._steps_at = 26.0 + (LINE if any(finding.at_ms is not None for finding in failed) else 0)
        self._caller = self._steps_at + max((len(lines) for lines in above), default=1) * LINE + 12
        self._agent = self._caller + LANE + GAP
        self._words_at = self._agent + LANE + 16
        self._tools_at = self._words_at + max((len(lines) for lines in below), default=1) * LINE + 8
        tools = len(evidence.record.tools) if evidence.record else 0
        self._height = self._tools_at + (LINE + 10 if tools else 0) + 4
        self._width = LEFT + max(4.0, evidence.seconds + 0.5) * PX_S + RIGHT

    def draw(self, tracks: tuple[Samples, Samples] | None, rate: int) -> str:
        parts = [*self._axis(), *self._marks()]
        if tracks is not None:
            parts.append(self._wave(tracks[0], rate, self._caller, CALLER))
            parts.append(self._wave(tracks[1], rate, self._agent, AGENT))
        parts += [*self._bars(), *self._texts(), *self._tools(), *self._failures()]
        width, height = f"{self._width:.0f}", f"{self._height:.0f}"
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" role="img" aria-label="{_attribute(self._scenario.name)}">'
            f'<style>{_STYLE}</style><rect width="100%" height="100%" fill="#fff"/>{"".join(parts)}</svg>\n'
        )

    def _x(self, at_ms: float) -> float:
        return LEFT + at_ms / 1000 * PX_S

    def _wrapped(self, words: str, room_px: float) -> list[str]:
        return textwrap.wrap(words, max(12, int(room_px / CHARACTER))) or [""]

    def _steps(self) -> list[tuple[Span, str, float]]:
        """Return each step done, its words and the room for them up to the next step."""
        taken = sorted(self._evidence.steps, key=lambda step: step.at.start_ms)
        ends = self._ends([step.at.start_ms for step in taken])
        return [
            (step.at, self._scenario.steps[step.index].words, (end - step.at.start_ms) / 1000 * PX_S - 8)
            for step, end in zip(taken, ends, strict=True)
        ]

    def _blocks(self) -> list[tuple[float, str, float]]:
        """Return the agent's words in blocks between pauses: begin, words, room up to the next block."""
        blocks: list[tuple[float, float, list[str]]] = []
        for word in self._evidence.words:
            if blocks and word.start_ms - blocks[-1][1] < JOIN_MS:
                start, _, words = blocks[-1]
                blocks[-1] = (start, word.end_ms, [*words, word.text])
            else:
                blocks.append((word.start_ms, word.end_ms, [word.text]))
        ends = self._ends([start for start, _, _ in blocks])
        return [
            (start, " ".join(words), (end - start) / 1000 * PX_S - 8)
            for (start, _, words), end in zip(blocks, ends, strict=True)
        ]

    def _ends(self, starts: list[float]) -> list[float]:
        """Return where the room of each ends: at the next one's start, the last one's after the call."""
        return [*starts[1:], self._evidence.seconds * 1000 + 500][: len(starts)]

    def _axis(self) -> Iterator[str]:
        bottom = self._agent + LANE
        for second in range(int(self._evidence.seconds) + 1):
            x = self._x(second * 1000)
            yield f'<line class="g" x1="{x:.1f}" x2="{x:.1f}" y1="{self._caller - 4:.0f}" y2="{bottom:.0f}"/>'
            if second % 2 == 0:
                yield f'<text class="s" x="{x:.1f}" y="14" text-anchor="middle">{second} s</text>'
        for name, top, colour in (("caller", self._caller, CALLER), ("agent", self._agent, AGENT)):
            middle = top + LANE / 2
            yield f'<text class="b" x="10" y="{middle + 4:.0f}" style="fill:{colour}">{name}</text>'
            yield f'<line x1="{LEFT}" x2="{self._width - RIGHT:.0f}" y1="{middle}" y2="{middle}" stroke="{GREY}" stroke-width="0.5"/>'  # noqa: E501

    def _wave(self, track: Samples, rate: int, top: float, colour: str) -> str:
        """Draw the highest and lowest sample of each pixel."""
        step = max(1, int(rate / PX_S))
        count = len(track) // step
        if not count:
            return ""
        columns = np.clip(track[: count * step].reshape(count, step).astype(np.float64) / FULL, -1, 1)
        high, low = columns.max(axis=1), columns.min(axis=1)
        middle, half = top + LANE / 2, LANE / 2
        xs = LEFT + np.arange(count) * step / rate * PX_S
        path = [
            f"M{x:.1f} {middle - half * max(top_, 0.01):.1f}V{middle - half * min(bottom, -0.01):.1f}"
            for x, top_, bottom in zip(xs, high, low, strict=True)
            if top_ - bottom > 0.004
        ]
        return f'<path d="{"".join(path)}" stroke="{colour}" stroke-width="1" fill="none" opacity="0.75"/>'

    def _bars(self) -> Iterator[str]:
        """Draw who speaks: a bar beneath the agent's and above the caller's sound."""
        for sides, y, colour in (
            (self._evidence.caller, self._caller - 3, CALLER),
            (self._evidence.agent, self._agent + LANE, AGENT),
        ):
            for span in sides:
                x, width = self._x(span.start_ms), (span.end_ms - span.start_ms) / 1000 * PX_S
                yield f'<rect x="{x:.1f}" y="{y:.0f}" width="{max(width, 1):.1f}" height="3" rx="1" fill="{colour}"/>'

    def _texts(self) -> Iterator[str]:
        for span, words, room in self._steps():
            x = self._x(span.start_ms)
            lines = self._wrapped(words, room)
            top = self._caller - 10 - (len(lines) - 1) * LINE
            silent = not any(span.meets(sound) for sound in self._evidence.caller)
            for number, line in enumerate(lines):
                style = ' style="font-style:italic;fill:#6b7280"' if silent else f' style="fill:{CALLER}"'
                yield f'<text x="{x:.1f}" y="{top + number * LINE:.1f}"{style}>{escape(legal(line))}</text>'
            if silent:
                width = (span.end_ms - span.start_ms) / 1000 * PX_S
                yield f'<rect x="{x:.1f}" y="{self._caller + LANE / 2 - 5:.0f}" width="{max(width, 2):.1f}" height="10" fill="{GREY}" opacity="0.35"/>'  # noqa: E501
        for start, words, room in self._blocks():
            for number, line in enumerate(self._wrapped(words, room)):
                y = self._words_at + number * LINE
                yield f'<text x="{self._x(start):.1f}" y="{y:.1f}" style="fill:{AGENT}">{escape(legal(line))}</text>'

    def _marks(self) -> Iterator[str]:
        """Draw the waits between the lanes, and what became of each time the caller spoke over the agent."""
        top, bottom = self._caller + LANE, self._agent
        middle = (top + bottom) / 2
        for wait in self._waits:
            if wait.latency_ms is None:
                continue
            first, last = sorted((self._x(wait.at_ms), self._x(wait.at_ms + wait.latency_ms)))
            colour = WAIT if wait.latency_ms >= 0 else CUT
            yield f'<rect x="{first:.1f}" y="{middle + 2:.1f}" width="{max(last - first, 1):.1f}" height="7" fill="{colour}" opacity="0.3"/>'  # noqa: E501
            yield f'<text class="s" x="{first:.1f}" y="{middle + 20:.1f}">{wait.latency_ms:.0f} ms</text>'
        for step in self._evidence.steps:
            stopped = stopped_ms(step.at, self._evidence) if self._scenario.steps[step.index].sounds else None
            if stopped is None:
                continue
            went_on = silenced(step.at, self._evidence) is None
            held = step.at.start_ms + stopped <= step.at.end_ms + 300
            colour = KEPT if went_on else CUT
            words = "goes on" if went_on else f"silent after {stopped:.0f} ms"
            if went_on and held:
                words = f"held after {stopped:.0f} ms, goes on"
            x, width = self._x(step.at.start_ms), stopped / 1000 * PX_S
            shown = width if held else (step.at.end_ms - step.at.start_ms) / 1000 * PX_S
            yield f'<rect x="{x:.1f}" y="{self._caller:.0f}" width="{shown:.1f}" height="{bottom + LANE - self._caller:.0f}" fill="{colour}" opacity="0.12"/>'  # noqa: E501
            yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{self._caller:.0f}" y2="{bottom + LANE:.0f}" stroke="{colour}" stroke-width="1.5"/>'  # noqa: E501
            yield f'<text x="{x + 4:.1f}" y="{top + 13:.1f}" class="b" style="font-size:10px;fill:{colour}">{words}</text>'  # noqa: E501

    def _failures(self) -> Iterator[str]:
        """Draw where each expectation failed, by its number in the report; what it was stands in a tooltip."""
        groups: list[tuple[float, list[int]]] = []
        at = [(self._x(f.at_ms), number) for number, f in enumerate(self._failed, 1) if f.at_ms is not None]
        for x, number in sorted(at):
            if groups and x - groups[-1][0] < FLAG:
                groups[-1][1].append(number)
            else:
                groups.append((x, [number]))
        for x, numbers in groups:
            told = "\n".join(f"{number}: {self._failed[number - 1].told}" for number in numbers)
            label = f"✗ {', '.join(str(number) for number in numbers)}"
            yield (
                f'<g><title>{escape(legal(told))}</title><line x1="{x:.1f}" x2="{x:.1f}" y1="20" '
                f'y2="{self._agent + LANE:.0f}" stroke="{FAILED}" stroke-width="1.5" stroke-dasharray="5 3"/>'
                f'<text class="b" x="{x + 4:.1f}" y="29" style="fill:{FAILED}">{label}</text></g>'
            )

    def _tools(self) -> Iterator[str]:
        for tool in self._evidence.record.tools if self._evidence.record else ():
            x, y = self._x(tool.at_ms), self._tools_at + 6
            yield f'<path d="M{x:.1f} {y - 5:.1f}l5 5l-5 5l-5 -5z" fill="{TOOL}"/>'
            yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{self._agent + LANE + 3:.0f}" y2="{y - 5:.1f}" stroke="{TOOL}" stroke-dasharray="2 3"/>'  # noqa: E501
            label = escape(legal(f"{tool.name}: {tool.outcome}, {tool.duration_ms:.0f} ms"))
            yield f'<text x="{x + 9:.1f}" y="{y + 4:.1f}" style="fill:{TOOL}">{label}</text>'


def _attribute(text: str) -> str:
    return escape(legal(text), {'"': "&quot;"})


def legal(text: str) -> str:
    """Drop what XML 1.0 has no place for: a recognizer or a remote server may send any character."""
    return "".join(
        letter
        for letter in text
        if letter in "\t\n" or (letter >= " " and not "\ud800" <= letter <= "\udfff" and letter not in "\ufffe\uffff")
    )
