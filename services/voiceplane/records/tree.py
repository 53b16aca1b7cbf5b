"""Draw a call's trace as a tree with times, for `voiceplane trace`. Pure: spans in, something rich can print out."""

import statistics
from collections.abc import Sequence

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from voiceplane.records.branches import Line, lines, orphans
from voiceplane.records.rows import CLUSTER, REGION, SpanRow

AGENT, REVISION = "gen_ai.agent.name", "gen_ai.agent.version"
WIDE = 120  # columns from which the service has a column of its own
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
# What was done for nothing, as call.waste counts it: begun for words that were other ones at the end of the turn.
_OUTCOME, _UNUSED = "voice.speculation.outcome", "voice.speculation.cancelled."
_WORK = (
    ("planner_ms", "ms of planner"),
    ("tool_attempts", "tool attempts"),
    ("synthesized_characters", "characters spoken"),
    ("synthesized_audio_ms", "ms of speech"),
    ("decodes", "recognitions"),
)
_NAME_STYLE = {(True, True): "bold red", (True, False): "red", (False, True): "bold", (False, False): ""}


def draw_trace(spans: Sequence[SpanRow], *, width: int = 100, every: bool = False) -> RenderableType:
    """Draw spans as a tree: name, service, start after the call's start, duration, a bar, what matters; errors red.

    An event inside a span is a line below it, with a dot. A span whose parent is not here is an orphan and marked:
    something was lost, or is not finished yet. `every`: nothing is folded or left out.
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
    for line in lines(spans, every=every):
        bad = line.event is None and any(each.error for each in line.spans)
        cells: list[Text] = [_label(line, bad=bad, room=name_width)]
        if wide:
            cells.append(Text(_service(line.first) if line.event is None else ""))
        begin, end = line.begin_unix_ns - start, line.end_unix_ns - start
        cells.append(Text(f"{begin / 1e9:+.3f}s"))
        cells.append(_took(line, bad=bad))
        cells.append(_bar(begin, end, total=total, width=bar_width, bad=bad))
        cells.append(_facts(line, service=not wide))
        table.add_row(*cells)
    return table


def print_trace(spans: Sequence[SpanRow], console: Console | None = None, *, every: bool = False) -> None:
    """Draw to a terminal, with a line above that sums up, and one that says who answered where."""
    console = console or Console(highlight=False)
    if spans:
        services = sorted({_service(span) for span in spans})
        errors = sum(span.error for span in spans)
        lost = len(orphans(spans))
        head = Text.assemble(("call ", "bold"), (spans[0].trace_id, "bold"))
        head.append(f"  {len(spans)} spans from {', '.join(services)}", style="dim")
        if errors:
            head.append(f"  {errors} failed", style="red")
        if lost:
            head.append(f"  {lost} without their parent", style="yellow")
        console.print(head, soft_wrap=True)
        if told := answered(spans):
            console.print(Text(told, style="dim"), soft_wrap=True)
    console.print(draw_trace(spans, width=console.width, every=every))


def answered(spans: Sequence[SpanRow]) -> str:
    """Say which revision of which agent answered a call, and where, as far as its root tells."""
    root = _root(spans)
    if root is None:
        return ""
    known = (("by", AGENT), ("revision", REVISION), ("in region", REGION), ("of cluster", CLUSTER))
    told = [f"{word} {_plain(root.attributes[key])}" for word, key in known if root.attributes.get(key)]
    return " ".join(("answered", *told))


def region(spans: Sequence[SpanRow]) -> str:
    """Return the region that answered a call; empty where its root does not tell."""
    root = _root(spans)
    return _plain(root.attributes.get(REGION, "")) if root is not None else ""


def _root(spans: Sequence[SpanRow]) -> SpanRow | None:
    return next((span for span in spans if not span.parent_span_id and AGENT in span.attributes), None)


def _plain(text: str) -> str:
    """Replace what a terminal would obey or not show: names and values come from other processes."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _service(span: SpanRow) -> str:
    return _plain(span.service).removesuffix("-inference-server").removeprefix("voiceplane-")


def _label(line: Line, *, bad: bool, room: int) -> Text:
    """Write guides, name and marks; when there is too little room only the name is cut."""
    name = _plain(line.first.name).removeprefix("voiceplane.rpc.v1.").removeprefix("inference.")
    if line.event is not None:
        name = "· " + _plain(line.event.name)
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


def _duration(nanoseconds: float) -> str:
    milliseconds = nanoseconds / 1e6
    if milliseconds < 10:
        return f"{milliseconds:.1f}ms"
    if milliseconds < 1000:
        return f"{milliseconds:.0f}ms"
    return f"{milliseconds / 1000:.2f}s" if milliseconds < 10_000 else f"{milliseconds / 1000:.1f}s"


def _took(line: Line, *, bad: bool) -> Text:
    if line.event is not None:
        return Text()
    middle = statistics.median(span.end_unix_ns - span.start_unix_ns for span in line.spans)
    return Text(("~" if len(line.spans) > 1 else "") + _duration(middle), style="red" if bad else "green")


def _bar(begin: int, end: int, *, total: int, width: int, bad: bool) -> Text:
    """Draw where in the call a span lies, to half a column."""
    left = min(max(int(2 * width * begin / total), 0), 2 * width - 1)
    right = max(round(2 * width * end / total), left + 1)
    cells = ""
    for column in range(width):
        first, second = (left <= 2 * column + half < right for half in (0, 1))
        cells += {(True, True): "━", (True, False): "╸", (False, True): "╺", (False, False): " "}[first, second]
    return Text(cells, style="red" if bad else "blue")


def _facts(line: Line, *, service: bool) -> Text:
    text = Text()
    if line.event is not None:
        return text.append(" ".join(f"{_plain(key)}={_plain(value)}" for key, value in line.event.attributes.items()))
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
    text.append(_speculation(span))
    if service:
        text.append(_service(span), style="dim")
    return text


def _speculation(span: SpanRow) -> str:
    """Say how a reply begun before the turn was over ended, and what was done for nothing."""
    outcome = span.attributes.get(_OUTCOME, "none")
    told = [] if outcome == "none" else [f"speculation={_plain(outcome)}"]
    work = [(span.attributes.get(_UNUSED + kind), words) for kind, words in _WORK]
    if unused := ", ".join(f"{_plain(_whole(amount))} {words}" for amount, words in work if amount):
        told.append(f"unused: {unused}")
    return " ".join((*told, ""))


def _whole(value: str) -> str:
    try:
        return f"{float(value):,.0f}"
    except ValueError:
        return value


def _rounded(value: str) -> str:
    try:
        return value if value.lstrip("-").isdigit() else f"{float(value):.3g}"
    except ValueError:
        return value
