"""Draw a call's trace as a tree with times, for `voiceplane trace`. Pure: spans in, something rich can print out."""

import itertools
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from voiceplane.records.rows import SpanRow

WIDE = 120  # columns from which the service has a column of its own
GROUP_FROM = 4  # like spans in a row are drawn as one: partial recognitions come five times a second
_MAX_DEPTH = 40
# What a person looks for, in this order, and the word that stands for it in the drawing.
_SHOWN = (
    ("error.type", ""),
    ("sip.response.status_code", "sip"),
    ("voice.turn.index", "turn"),
    ("voice.tool.outcome", "outcome"),
    ("tool.outcome", "outcome"),
    ("gen_ai.tool.name", "tool"),
    ("gen_ai.request.model", "model"),
    ("voice.intent", "intent"),
    ("voice.outcome", "outcome"),
    ("triton.wait_ms", "wait"),
    ("triton.compute_ms", "compute"),
    ("voice.first_chunk_ms", "first"),
    ("voice.eou.probability", "p(end)"),
    ("http.response.status_code", "http"),
    ("rpc.grpc.status_code", "grpc"),
    ("gen_ai.operation.name", "op"),
)


_NAME_STYLE = {(True, True): "bold red", (True, False): "red", (False, True): "bold", (False, False): ""}


@dataclass(frozen=True, slots=True)
class _Line:
    guide: str
    spans: tuple[SpanRow, ...]  # more than one: like spans drawn as one line
    orphan: bool
    queues_ms: tuple[float, ...] = ()  # in Triton, by its own marks

    @property
    def first(self) -> SpanRow:
        return self.spans[0]


def draw_trace(spans: Sequence[SpanRow], *, width: int = 100) -> RenderableType:
    """Draw spans as a tree: name, service, start after the call's start, duration, a bar, what matters; errors red.

    A span whose parent is not here is an orphan and marked: something was lost, or is not finished yet.
    """
    if not spans:
        return Text("no spans: the call is unknown, or its spans are older than the records keep")
    start = min(span.start_unix_ns for span in spans)
    total = max(max(span.end_unix_ns for span in spans) - start, 1)
    wide = width >= WIDE
    bar_width, name_width = (30, 44) if wide else (10, max(24, width - 52))
    table = Table.grid(padding=(0, 1))
    table.add_column("span", no_wrap=True, max_width=name_width)
    if wide:
        table.add_column("service", no_wrap=True, style="dim", max_width=14, overflow="ellipsis")
    table.add_column("start", justify="right", no_wrap=True, min_width=8, style="cyan")
    table.add_column("took", justify="right", no_wrap=True, min_width=6)
    table.add_column("bar", no_wrap=True, min_width=bar_width)
    table.add_column("facts", no_wrap=True, overflow="ellipsis", max_width=max(width - name_width - 30, 10))
    for line in _lines(spans):
        span = line.first
        end = max(each.end_unix_ns for each in line.spans)
        bad = any(each.error for each in line.spans)
        cells: list[Text] = [_label(line, bad=bad, room=name_width)]
        if wide:
            cells.append(Text(_service(span)))
        cells.append(Text(_offset(span.start_unix_ns - start)))
        cells.append(_took(line, bad=bad))
        cells.append(_bar(span.start_unix_ns - start, end - start, total=total, width=bar_width, bad=bad))
        cells.append(_facts(line, service=not wide))
        table.add_row(*cells)
    return table


def print_trace(spans: Sequence[SpanRow], console: Console | None = None) -> None:
    """Draw to a terminal, with one line above that sums up."""
    console = console or Console(highlight=False)
    if spans:
        services = sorted({_service(span) for span in spans})
        errors = sum(span.error for span in spans)
        lost = len(_orphans(spans))
        head = Text.assemble(("call ", "bold"), (spans[0].trace_id, "bold"))
        head.append(f"  {len(spans)} spans from {', '.join(services)}", style="dim")
        if errors:
            head.append(f"  {errors} failed", style="red")
        if lost:
            head.append(f"  {lost} without their parent", style="yellow")
        console.print(head, soft_wrap=True)
    console.print(draw_trace(spans, width=console.width))


def _orphans(spans: Sequence[SpanRow]) -> list[SpanRow]:
    known = {span.span_id for span in spans}
    return [span for span in spans if span.parent_span_id and span.parent_span_id not in known]


def _lines(spans: Sequence[SpanRow]) -> Iterator[_Line]:
    children: dict[str, list[SpanRow]] = {}
    ordered = sorted(spans, key=lambda span: (span.start_unix_ns, -span.end_unix_ns, span.span_id))
    for span in ordered:
        children.setdefault(span.parent_span_id, []).append(span)
    drawn: set[str] = set()
    lost = {span.span_id for span in _orphans(spans)}
    tops = [span for span in ordered if not span.parent_span_id or span.span_id in lost]
    for span in tops:
        yield from _branch((span,), children, drawn=drawn, orphan=span.span_id in lost)
    # What no root reaches hangs in a circle of parents: drawn all the same.
    for span in ordered:
        if span.span_id not in drawn:
            yield from _branch((span,), children, drawn=drawn, orphan=True)


def _branch(
    spans: tuple[SpanRow, ...],
    children: dict[str, list[SpanRow]],
    *,
    drawn: set[str],
    orphan: bool = False,
    lead: str = "",
    guide: str = "",
) -> Iterator[_Line]:
    drawn.update(span.span_id for span in spans)
    queues = (_queue_ms(span, children.get(span.span_id, ())) for span in spans)
    yield _Line(lead + guide, spans, orphan, tuple(queue for queue in queues if queue is not None))
    if len(lead) > 2 * _MAX_DEPTH:
        return
    if len(spans) > 1:  # of one shape: first child beside first child
        groups = list(zip(*(children.get(span.span_id, ()) for span in spans), strict=False))
    else:
        below = [child for child in children.get(spans[0].span_id, ()) if child.span_id not in drawn]
        groups = list(_groups(below, children))
    deeper = lead + {"": "", "├ ": "│ ", "└ ": "  "}[guide]
    for number, group in enumerate(groups):
        last = number == len(groups) - 1
        yield from _branch(group, children, drawn=drawn, lead=deeper, guide="└ " if last else "├ ")


def _queue_ms(span: SpanRow, below: Sequence[SpanRow]) -> float | None:
    """Return how long a request waited in its model's queue: from Triton's mark to that of the computation below it."""
    queued = span.attributes.get("triton.queue_start_ns", "")
    begun = [child.attributes.get("triton.compute_start_ns", "") for child in below]
    times = [int(mark) for mark in begun if mark.isdecimal()]
    return (min(times) - int(queued)) / 1e6 if queued.isdecimal() and times else None


def _groups(spans: list[SpanRow], children: dict[str, list[SpanRow]]) -> Iterator[tuple[SpanRow, ...]]:
    """Join neighbours that look alike down to their leaves and have no error, when there are many."""
    for _, alike in itertools.groupby(spans, key=lambda span: _shape(span, children)):
        run = tuple(alike)
        if len(run) >= GROUP_FROM and not _failed(run[0], children):
            yield run
        else:
            yield from ((span,) for span in run)


def _shape(span: SpanRow, children: dict[str, list[SpanRow]], depth: int = 0) -> tuple[object, ...]:
    below = children.get(span.span_id, ()) if depth < _MAX_DEPTH else ()
    return (span.name, span.service, span.error, *(_shape(child, children, depth + 1) for child in below))


def _failed(span: SpanRow, children: dict[str, list[SpanRow]], depth: int = 0) -> bool:
    below = children.get(span.span_id, ()) if depth < _MAX_DEPTH else ()
    return span.error or any(_failed(child, children, depth + 1) for child in below)


def _plain(text: str) -> str:
    """Replace what a terminal would obey or not show: names and values come from other processes."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _service(span: SpanRow) -> str:
    return _plain(span.service).removesuffix("-inference-server").removeprefix("voiceplane-")


def _label(line: _Line, *, bad: bool, room: int) -> Text:
    """Write guides, name and marks; when there is too little room only the name is cut."""
    name = _plain(line.first.name).removeprefix("voiceplane.rpc.v1.").removeprefix("inference.")
    marks = Text()
    if len(line.spans) > 1:
        marks.append(f" ×{len(line.spans)}", style="cyan")
    if line.orphan:
        marks.append(" (orphan)", style="yellow")
    left = max(room - len(line.guide) - len(marks), 4)
    text = Text()
    text.append(line.guide, style="dim")
    text.append(name if len(name) <= left else name[: left - 1] + "…", style=_NAME_STYLE[bad, not line.guide])
    return text.append_text(marks)


def _offset(nanoseconds: int) -> str:
    return f"+{nanoseconds / 1e9:.3f}s"


def _duration(nanoseconds: float) -> str:
    milliseconds = nanoseconds / 1e6
    if milliseconds < 10:
        return f"{milliseconds:.1f}ms"
    if milliseconds < 1000:
        return f"{milliseconds:.0f}ms"
    return f"{milliseconds / 1000:.2f}s" if milliseconds < 10_000 else f"{milliseconds / 1000:.1f}s"


def _took(line: _Line, *, bad: bool) -> Text:
    middle = statistics.median(span.end_unix_ns - span.start_unix_ns for span in line.spans)
    return Text(("~" if len(line.spans) > 1 else "") + _duration(middle), style="red" if bad else "green")


def _bar(begin: int, end: int, *, total: int, width: int, bad: bool) -> Text:
    """Draw where in the call a span lies, to half a column."""
    left = min(int(2 * width * begin / total), 2 * width - 1)
    right = max(round(2 * width * end / total), left + 1)
    cells = ""
    for column in range(width):
        first, second = (left <= 2 * column + half < right for half in (0, 1))
        cells += {(True, True): "━", (True, False): "╸", (False, True): "╺", (False, False): " "}[first, second]
    return Text(cells, style="red" if bad else "blue")


def _facts(line: _Line, *, service: bool) -> Text:
    text = Text()
    if line.queues_ms:
        text.append(f"queue={_duration(statistics.median(line.queues_ms) * 1e6)} ")
    if len(line.spans) > 1:
        slowest = max(span.end_unix_ns - span.start_unix_ns for span in line.spans)
        text.append(f"median; slowest {_duration(slowest)}", style="dim")
        return text
    span = line.first
    shown: set[str] = set()
    for key, word in _SHOWN:
        value = span.attributes.get(key)
        if value is None or value in shown or value in span.name:
            continue
        shown.add(value)
        red = key == "error.type" or value in ("failed", "refused", "timed-out")
        unit = "ms" if key.endswith("_ms") else ""
        text.append(f"{word + '=' if word else ''}{_plain(_rounded(value))}{unit} ", style="red" if red else "default")
    if service:
        text.append(_service(span), style="dim")
    return text


def _rounded(value: str) -> str:
    try:
        return value if value.lstrip("-").isdigit() else f"{float(value):.3g}"
    except ValueError:
        return value
