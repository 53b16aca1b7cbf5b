"""Arguments and results against JSON Schema (2020-12). Pure; no schema may point outside of itself or run for ever."""

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import SchemaError
from referencing import Registry
from referencing.exceptions import Unresolvable

from voiceplane.contract.agent import Intent, Slot, SlotType
from voiceplane.contract.tool import Tool
from voiceplane.tools.errors import InvalidArgumentsError, ResultRefusedError, UnsafeSchemaError

MAX_NAME = 100  # characters of a spoken name
MAX_ARGUMENT = 500  # characters of any one string argument
MAX_ARGUMENTS = 8_192  # characters of all arguments as JSON
MAX_TEXT = 2_000  # characters of one string in a result: more is nothing to say aloud
MAX_DEPTH = 20  # levels of a result or a schema
MAX_PATTERN = 200  # characters of a regular expression
END = r"(?![\s\S])"  # the very end: `$` would also match before a last newline
_BROKEN = "the schema itself is broken"
_OPEN_KEYWORDS = ("additionalProperties", "unevaluatedProperties", "patternProperties")
_DATES = FormatChecker(formats=["date"])


def argument_schema(tool: Tool, intent: Intent) -> dict[str, Any]:
    """Return the schema of a tool's arguments: its own, closed to unknown names, or one made of the intent's slots."""
    if tool.arguments is not None:
        given = {"type": "object"} | tool.arguments
        return given if any(word in given for word in _OPEN_KEYWORDS) else given | {"additionalProperties": False}
    properties = {slot.name: _slot_schema(slot) for slot in intent.slots}
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _slot_schema(slot: Slot) -> dict[str, Any]:
    match slot.type:
        case SlotType.DIGITS:
            count = f"{{{slot.length}}}" if slot.length else "{1,32}"
            return {"type": "string", "pattern": f"^[0-9]{count}{END}"}
        case SlotType.DATE:
            return {"type": "string", "format": "date", "pattern": f"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}{END}"}
        case SlotType.CHOICE:
            return {"enum": list(slot.choices)}
        case SlotType.YES_NO:
            return {"enum": ["yes", "no"]}
        case SlotType.NAME:
            return {"type": "string", "minLength": 1, "maxLength": MAX_NAME}


def check_schema(schema: dict[str, Any], where: str) -> None:
    """Refuse a schema that is not one, refers outside of itself, or holds a regular expression that could hang."""
    try:
        Draft202012Validator.check_schema(schema)
        for keyword, value in _keywords(schema, MAX_DEPTH):
            if keyword in ("$ref", "$dynamicRef") and not str(value).startswith("#"):
                raise UnsafeSchemaError(f"{where}: {keyword} may only point into the schema itself")
            if keyword == "pattern" and isinstance(value, str):
                _check_pattern(value, where)
            if keyword == "patternProperties" and isinstance(value, dict):
                for pattern in value:
                    _check_pattern(pattern, where)
    except (SchemaError, RecursionError, re.error) as error:
        raise UnsafeSchemaError(f"{where}: this is not a JSON Schema of draft 2020-12") from error


def _keywords(schema: Any, levels: int) -> Iterator[tuple[str, Any]]:
    if levels == 0:
        raise RecursionError
    if isinstance(schema, dict):
        for keyword, value in schema.items():
            yield keyword, value
            yield from _keywords(value, levels - 1)
    elif isinstance(schema, list):
        for value in schema:
            yield from _keywords(value, levels - 1)


def _check_pattern(pattern: str, where: str) -> None:
    """Keep to patterns whose cost is bounded: Python's engine goes back over every repetition inside a repetition."""
    bare = re.sub(r"\\.", "x", pattern)
    bare = re.sub(r"\[\^?\]?[^\]]*\]", "x", bare)
    unbounded = len(re.findall(r"[*+]|\{\d*,\}", bare))
    if len(pattern) > MAX_PATTERN or unbounded > 2 or re.search(r"\)[*+{]", bare) or re.search(r"\\[1-9]", pattern):
        raise UnsafeSchemaError(
            f"{where}: a pattern has at most {MAX_PATTERN} characters, two * or +, no repeated group"
        )
    re.compile(pattern)


def read_arguments(arguments_json: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Parse and check arguments; InvalidArgumentsError names the first field that does not fit."""
    if len(arguments_json) > MAX_ARGUMENTS:
        raise InvalidArgumentsError(f"the arguments are longer than {MAX_ARGUMENTS} characters")
    try:
        arguments = json.loads(arguments_json, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidArgumentsError("the arguments are not JSON") from error
    if not isinstance(arguments, dict):
        raise InvalidArgumentsError("the arguments are not an object")
    problem = _unspeakable(arguments) or _first_problem(arguments, schema)
    if problem is not None:
        raise InvalidArgumentsError(problem)
    return arguments


def _unspeakable(arguments: dict[str, Any]) -> str | None:
    """Name the first argument that no caller can have said: control characters, nesting, or endless text."""
    known = [str(name) if str(name).isidentifier() else "(name)" for name in arguments]
    for name, value in zip(known, arguments.values(), strict=True):
        if isinstance(value, (dict, list)):
            return f"{name} is not a plain value"
        if isinstance(value, str) and (len(value) > MAX_ARGUMENT or not value.isprintable()):
            return f"{name} holds control characters or is too long"
    return None


def read_result(text: str, schema: dict[str, Any] | None) -> dict[str, Any]:
    """Parse, clean and check a result; ResultRefusedError when it cannot be used."""
    try:
        result = json.loads(text, parse_constant=_no_constant)
        if not isinstance(result, dict):
            raise ResultRefusedError("the result is not an object")
        cleaned = {_clean_text(str(name)): _cleaned(value, MAX_DEPTH) for name, value in result.items()}
    except (ValueError, RecursionError) as error:
        raise ResultRefusedError("the result is not JSON, or nested too deeply") from error
    problem = _first_problem(cleaned, schema) if schema is not None else None
    if problem is not None:
        raise ResultRefusedError(f"the result does not fit its schema: {problem}")
    return cleaned


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON (RFC 8259 section 6)")


def _first_problem(value: Any, schema: dict[str, Any]) -> str | None:
    try:
        validator = Draft202012Validator(schema, registry=Registry(), format_checker=_DATES)
        error = next(iter(validator.iter_errors(value)), None)
    except (SchemaError, Unresolvable, RecursionError, re.error):
        return _BROKEN
    if error is None:
        return None
    # A name in the path may come from outside: only plain ones are shown.
    parts = [str(part) if str(part).isidentifier() or isinstance(part, int) else "(name)" for part in error.path]
    return f"{'.'.join(parts)[:200] or '(object)'} breaks {error.validator}"


def _cleaned(value: Any, levels: int) -> Any:
    """Take control characters out of a result's strings and cut what is too long: it is data, to be read aloud."""
    if levels == 0:
        raise RecursionError
    if isinstance(value, str):
        return _clean_text(value)
    if isinstance(value, dict):
        return {_clean_text(str(name)): _cleaned(item, levels - 1) for name, item in value.items()}
    if isinstance(value, list):
        return [_cleaned(item, levels - 1) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("1e999 reads as infinity, which JSON cannot write")
    return value


def _clean_text(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text[:MAX_TEXT])
