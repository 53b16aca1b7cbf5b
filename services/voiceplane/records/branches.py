"""Put the spans of a trace and the events inside them in the order of a tree, a line each. Pure; drawn by tree."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from voiceplane.records.rows import EventRow, SpanRow

GROUP_FROM = 4  # like spans in a row are drawn as one: partial recognitions come five times a second
_MAX_DEPTH = 40
_Children = Mapping[str, Sequence[SpanRow]]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the tree: a span, many like spans, or an event inside a span."""

    guide: str
    spans: tuple[SpanRow, ...]  # more than one: like spans drawn as one line
    orphan: bool = False
    queues_ms: tuple[float, ...] = ()  # in Triton, by its own marks
    event: EventRow | None = None  # this moment of the span, not the span itself

    @property
    def first(self) -> SpanRow:
        """Return the span, or the first of like ones."""
        return self.spans[0]

    @property
    def begin_unix_ns(self) -> int:
        """Return when it begins: an event when it is."""
        return self.first.start_unix_ns if self.event is None else self.event.at_unix_ns

    @property
    def end_unix_ns(self) -> int:
        """Return when the last of it ends."""
        return max(span.end_unix_ns for span in self.spans) if self.event is None else self.event.at_unix_ns


def orphans(spans: Sequence[SpanRow]) -> list[SpanRow]:
    """Return spans whose parent is not here."""
    known = {span.span_id for span in spans}
    return [span for span in spans if span.parent_span_id and span.parent_span_id not in known]


def lines(spans: Sequence[SpanRow], *, every: bool = False) -> Iterator[Line]:
    """Write children below their parent, events between them, by time.

    `every`: nothing is folded. Else like spans become one line, and an engine's own marks, in capitals as Triton
    writes them (up to a dozen a request), are not drawn: the time in its queue is worked out from them.
    """
    children: dict[str, list[SpanRow]] = {}
    ordered = sorted(spans, key=lambda span: (span.start_unix_ns, -span.end_unix_ns, span.span_id))
    for span in ordered:
        children.setdefault(span.parent_span_id, []).append(span)
    tree = _Tree(children, every=every)
    lost = {span.span_id for span in orphans(spans)}
    tops = [span for span in ordered if not span.parent_span_id or span.span_id in lost]
    for span in tops:
        yield from tree.branch((span,), orphan=span.span_id in lost)
    # What no root reaches hangs in a circle of parents: drawn all the same.
    for span in ordered:
        if span.span_id not in tree.drawn:
            yield from tree.branch((span,), orphan=True)


class _Tree:
    def __init__(self, children: _Children, *, every: bool) -> None:
        self._children = children
        self._every = every
        self.drawn: set[str] = set()

    def branch(
        self, spans: tuple[SpanRow, ...], *, orphan: bool = False, lead: str = "", guide: str = ""
    ) -> Iterator[Line]:
        self.drawn.update(span.span_id for span in spans)
        queues = (_queue_ms(span, self._children.get(span.span_id, ())) for span in spans)
        yield Line(lead + guide, spans, orphan, tuple(queue for queue in queues if queue is not None))
        if len(lead) > 2 * _MAX_DEPTH:
            return
        below: list[tuple[int, EventRow | tuple[SpanRow, ...]]]
        if len(spans) > 1:  # of one shape: first child beside first child
            alike = zip(*(self._children.get(span.span_id, ()) for span in spans), strict=False)
            below = [(group[0].start_unix_ns, group) for group in alike]
        else:
            left = [child for child in self._children.get(spans[0].span_id, ()) if child.span_id not in self.drawn]
            below = [(event.at_unix_ns, event) for event in self._events(spans[0])]
            below += [(group[0].start_unix_ns, group) for group in self._groups(left)]
            below.sort(key=lambda one: one[0])  # an event stands before what begins with it
        deeper = lead + {"": "", "├ ": "│ ", "└ ": "  "}[guide]
        for number, (_, one) in enumerate(below):
            mark = "└ " if number == len(below) - 1 else "├ "
            if isinstance(one, EventRow):
                yield Line(deeper + mark, spans, event=one)
            else:
                yield from self.branch(one, lead=deeper, guide=mark)

    def _events(self, span: SpanRow) -> list[EventRow]:
        return [event for event in span.events if self._every or not event.name.isupper()]

    def _groups(self, spans: list[SpanRow]) -> Iterator[tuple[SpanRow, ...]]:
        """Join neighbours alike down to their leaves, with neither error nor event, when there are many."""
        for _, alike in itertools.groupby(spans, key=self._shape):
            run = tuple(alike)
            if len(run) >= GROUP_FROM and not self._every and not self._notable(run[0]):
                yield run
            else:
                yield from ((span,) for span in run)

    def _shape(self, span: SpanRow, depth: int = 0) -> tuple[object, ...]:
        below = self._children.get(span.span_id, ()) if depth < _MAX_DEPTH else ()
        events = tuple(event.name for event in self._events(span))
        return (span.name, span.service, span.error, events, *(self._shape(child, depth + 1) for child in below))

    def _notable(self, span: SpanRow, depth: int = 0) -> bool:
        below = self._children.get(span.span_id, ()) if depth < _MAX_DEPTH else ()
        own = span.error or bool(self._events(span))
        return own or any(self._notable(child, depth + 1) for child in below)


def _queue_ms(span: SpanRow, below: Sequence[SpanRow]) -> float | None:
    """Return how long a request waited in its model's queue: from Triton's mark to that of the computation below it."""
    queued = _marked(span, "QUEUE_START")
    begun = [at for child in below if (at := _marked(child, "COMPUTE_START")) is not None]
    return (min(begun) - queued) / 1e6 if queued is not None and begun else None


def _marked(span: SpanRow, name: str) -> int | None:
    return next((event.at_unix_ns for event in span.events if event.name == name), None)
