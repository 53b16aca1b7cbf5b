"""Chat completions as they stream: bytes of server-sent events in, pieces of a reply out. Sans I/O. Fed by endpoint.py.

The format is OpenAI's chat completions API with `stream: true`, as vLLM, llama.cpp, Triton and others speak it.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

MAX_LINE = 65_536  # bytes of one event; a token needs a few hundred, a whole function call 8,192 and their escapes
MAX_ARGUMENTS = 8_192  # characters of a function's arguments
MAX_CALLS = 8  # function calls in one reply; an agent acts on one
MAX_NAME = 200  # characters of the names that an endpoint gives
MAX_TOKENS = 2**31  # of one reply, as it is counted


class NonsenseError(Exception):
    """The endpoint sent what is no chat completion."""


@dataclass(frozen=True, slots=True)
class Text:
    """Some more letters of the reply."""

    text: str


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A function that the model wants; its arguments as it wrote them."""

    name: str
    arguments: str
    id: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that the endpoint counted."""

    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class End:
    """The reply is whole: why it ended and what it was, as far as the endpoint says."""

    finish_reason: str
    calls: tuple[FunctionCall, ...] = ()
    usage: Usage | None = None
    model: str = ""


Piece = Text | End


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(slots=True)
class ChatStream:
    """Reads one streamed reply. A function call may be split over any number of events."""

    done: bool = False
    pieces: int = 0  # words, and parts of function calls, so far
    _calls: dict[int, _Call] = field(default_factory=dict)
    _finish_reason: str = ""
    _usage: Usage | None = None
    _model: str = ""
    _rest: bytes = b""  # of an event that is not whole

    def read(self, chunk: bytes | None) -> Iterator[Piece]:
        """Take some more bytes, None for their end; NonsenseError when they cannot be part of a reply."""
        *lines, self._rest = (self._rest + (b"\n" if chunk is None else chunk)).split(b"\n")
        for line in lines:
            piece = self.feed(line.decode(errors="replace"))
            if piece is not None:
                yield piece
        if len(self._rest) > MAX_LINE:
            raise NonsenseError("an event is too long")
        if chunk is None and not self.done:
            yield self.close()

    def feed(self, line: str) -> Piece | None:
        """Take one line; NonsenseError when it cannot be part of a reply."""
        if len(line) > MAX_LINE:
            raise NonsenseError("an event is too long")
        if not line.startswith("data:") or self.done:
            return None  # comments, empty lines, other fields (server-sent events, section 9.2)
        data = line.removeprefix("data:").strip()
        if data == "[DONE]":
            return self._end()
        try:
            event = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise NonsenseError("an event is not JSON") from error
        if not isinstance(event, dict) or "error" in event:
            raise NonsenseError("an event reports an error" if isinstance(event, dict) else "an event is no object")
        try:
            return self._read(event)
        except (AttributeError, TypeError, LookupError, ValueError, OverflowError) as error:
            raise NonsenseError("an event has another shape") from error

    def close(self) -> End:
        """Take the end of the stream; NonsenseError where it broke off before the reply was finished."""
        if not self.done and not self._finish_reason:
            raise NonsenseError("the stream ended before the reply did")
        return self._end()

    def _end(self) -> End:
        self.done = True
        calls = tuple(
            FunctionCall(each.name, each.arguments or "{}", each.id) for _, each in sorted(self._calls.items())
        )
        return End(self._finish_reason, calls, self._usage, self._model)

    def _read(self, event: dict[str, Any]) -> Text | None:
        self._model = _name(event.get("model")) or self._model
        usage = event.get("usage")
        if usage:
            self._usage = Usage(_count(usage["prompt_tokens"]), _count(usage["completion_tokens"]))
        if not event.get("choices"):
            return None
        choice = event["choices"][0]
        self._finish_reason = _name(choice.get("finish_reason")) or self._finish_reason
        delta = choice.get("delta") or {}
        for part in delta.get("tool_calls") or ():
            self._join(part)
            self.pieces += 1
        content = delta.get("content")
        if content is not None and not isinstance(content, str):
            raise TypeError("content is text")
        self.pieces += bool(content)
        return Text(_sound(content)) if content else None

    def _join(self, part: dict[str, Any]) -> None:
        call = self._calls.setdefault(int(part.get("index") or 0), _Call())
        function = part.get("function") or {}
        call.id = _name(part.get("id")) or call.id
        call.name += _name(function.get("name"))
        call.arguments += _sound(str(function.get("arguments") or ""))
        if len(self._calls) > MAX_CALLS or len(call.arguments) > MAX_ARGUMENTS or len(call.name) > MAX_NAME:
            raise NonsenseError("a function call without bounds")


def _sound(text: str) -> str:
    """Drop halves of surrogate pairs: JSON can write them, and nothing after this can carry them."""
    return text.encode(errors="ignore").decode()


def _name(value: object) -> str:
    return _sound(str(value or "")[:MAX_NAME])


def _count(value: object) -> int:
    if not isinstance(value, int) or not 0 <= value < MAX_TOKENS:
        raise ValueError("no number of tokens")
    return value
