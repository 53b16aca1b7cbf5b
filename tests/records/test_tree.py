"""The drawing of a trace."""

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from tests.records import samples

from voiceplane.records.rows import SpanRow
from voiceplane.records.tree import print_trace

A, B, C, D = "a" * 16, "b" * 16, "c" * 16, "d" * 16
MS = 1_000_000


def _drawn(spans: list[SpanRow], width: int = 140) -> list[str]:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    print_trace(spans, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_children_hang_below_their_parent_in_order_of_start() -> None:
    spans = [
        samples.span(C, A, name="second", start=samples.START + 500 * MS, took_ms=100),
        samples.span(B, A, name="first", start=samples.START + 5 * MS, took_ms=7.25),
        samples.span(D, B, name="inner", start=samples.START + 6 * MS),
        samples.span(A, name="sip.dialog", took_ms=1000, attributes={"sip.response.status_code": "200"}),
    ]
    head, *lines = _drawn(spans)
    assert samples.CALL_ID in head and "4 spans" in head
    shown = [line.split("gateway")[0].rstrip() for line in lines]
    assert shown == ["sip.dialog", "├ first", "│ └ inner", "└ second"]
    assert "+0.000s" in lines[0] and "1.00s" in lines[0] and "sip=200" in lines[0]
    assert "+0.005s" in lines[1] and "7.2ms" in lines[1]
    assert "+0.500s" in lines[3] and "100ms" in lines[3]


def test_a_bar_lies_where_its_span_lies_in_the_call() -> None:
    spans = [
        samples.span(A, took_ms=1000),
        samples.span(B, A, name="late", start=samples.START + 500 * MS, took_ms=500),
    ]
    _, root, late = _drawn(spans)
    assert root.count("━") == 30 and late.count("━") == 15
    assert late.index("━") == root.index("━") + 15


def test_a_span_without_its_parent_is_marked_and_counted() -> None:
    head, *lines = _drawn([samples.span(A), samples.span(B, D, name="lost")])
    assert "1 without their parent" in head
    assert any("lost (orphan)" in line for line in lines)


def test_a_failed_span_is_red_and_names_its_error() -> None:
    console = Console(file=io.StringIO(), width=140, force_terminal=True, color_system="standard", highlight=False)
    failed = samples.span(B, A, name="GET", error=True, attributes={"error.type": "ReadTimeout"})
    print_trace([samples.span(A), failed], console)
    assert isinstance(console.file, io.StringIO)
    line = next(line for line in console.file.getvalue().splitlines() if "GET" in line)
    assert "\x1b[31mGET" in line and "ReadTimeout" in line


def test_what_was_done_for_nothing_stands_beside_its_turn_and_its_call() -> None:
    unused = "voice.speculation.cancelled."
    lines = {
        "turn": {
            "voice.speculation.outcome": "confirmed",
            f"{unused}planner_ms": "12.4",
            f"{unused}tool_attempts": "1",
        },
        "call": {f"{unused}decodes": "7.0", f"{unused}synthesized_audio_ms": "2340.0"},
        "other": {"voice.speculation.outcome": "none", "voice.turn.index": "1"},
    }
    shown = {
        name: _drawn([samples.span(A, name=name, attributes=attributes)], width=200)[-1]
        for name, attributes in lines.items()
    }
    assert "speculation=confirmed unused: 12 ms of planner, 1 tool attempts" in shown["turn"]
    assert "unused: 2,340 ms of speech, 7 recognitions" in shown["call"]
    assert "speculation" not in shown["other"] and "unused" not in shown["other"]


def test_many_equal_leaves_become_one_line_but_a_failed_one_stays_apart() -> None:
    leaves = [
        samples.span(f"{number + 1:016x}", A, name="asr", start=samples.START + number, error=number == 8)
        for number in range(9)
    ]
    spans = [samples.span(A, took_ms=1000), *leaves]
    lines = _drawn(spans)[1:]
    assert len(lines) == 3
    assert "asr ×8" in lines[1] and "asr" in lines[2] and "×" not in lines[2]


def test_many_like_branches_are_drawn_as_one_branch() -> None:
    spans = [samples.span(A, took_ms=1000)]
    for number in range(1, 6):
        top, below = f"{number:016x}", f"{number + 100:016x}"
        spans.append(samples.span(top, A, name="asr", start=samples.START + number, took_ms=number))
        spans.append(samples.span(below, top, name="compute", start=samples.START + number, service="triton"))
    _, _, top_line, below_line = _drawn(spans)
    assert "├" not in top_line and "asr ×5" in top_line and "~3.0ms" in top_line and "slowest 5.0ms" in top_line
    assert "compute ×5" in below_line and "triton" in below_line


@pytest.mark.parametrize("width", [80, 100, 140, 200])
def test_no_line_is_wider_than_the_terminal_and_times_are_never_cut(width: int) -> None:
    spans = [samples.span(A, name="sip.dialog " + "x" * 60, took_ms=600_000)]
    for depth in range(1, 8):
        parent, name = f"{depth:016x}" if depth > 1 else A, "voiceplane.rpc.v1.Planner/Reply"
        start = samples.START + 599_000 * MS
        spans.append(samples.span(f"{depth + 1:016x}", parent, name=name, start=start, service="planner"))
    head, *lines = _drawn(spans, width)
    assert all(len(line) <= width for line in lines)
    assert all("+599.000s" in line and "10ms" in line for line in lines[1:])


def test_an_empty_trace_says_so() -> None:
    assert "no spans" in _drawn([])[0]


_ids = st.sampled_from([A, B, C, D, ""])
_spans = st.lists(
    st.builds(
        samples.span,
        _ids.filter(bool),
        _ids,
        name=st.text(max_size=20).filter(lambda name: "×" not in name),
        error=st.booleans(),
        took_ms=st.floats(0, 1e7),
    ),
    max_size=8,
    unique_by=lambda span: span.span_id,
)


@given(_spans, st.integers(20, 200))
def test_any_trace_is_drawn_with_every_span_even_in_a_circle(spans: list[SpanRow], width: int) -> None:
    lines = _drawn(spans, width)
    folded = sum(int(count) - 1 for line in lines for count in re.findall(r" ×(\d+)(?= )", line[:60]))
    assert width < 80 or not spans or len(lines) - 1 + folded == len(spans)
    assert all(line.isprintable() for line in lines)
