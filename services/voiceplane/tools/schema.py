"""Arguments and results against JSON Schema (2020-12). Pure; no schema may point outside of itself."""

import json
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from referencing import Registry

from voiceplane.contract.agent import Intent, Slot, SlotType, Tool
from voiceplane.tools.errors import ResultRefusedError

MAX_ARGUMENT = 200  # characters of a slot's value
MAX_DEPTH_TEXT = 4000  # characters of one string in a result: more is nothing to say aloud
_TEXT = {"type": "string", "minLength": 1, "maxLength": MAX_ARGUMENT, "pattern": r"^[^\u0000-\u001f\u007f]*$"}


class InvalidArgumentsError(ValueError):
    """Arguments that do not fit; the message names the field, never its value."""


def argument_schema(tool: Tool, intent: Intent) -> dict[str, Any]:
    """Return the schema of a tool's arguments: its own, or one made of the intent's slots."""
    if tool.arguments is not None:
        return tool.arguments
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
            return {"type": "string", "pattern": f"^[0-9]{count}$"}
        case SlotType.DATE:
            return {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"}
        case SlotType.CHOICE:
            return {"enum": list(slot.choices)}
        case SlotType.YES_NO:
            return {"enum": ["yes", "no"]}
        case SlotType.NAME:
            return _TEXT


def read_arguments(arguments_json: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Parse and check arguments; InvalidArgumentsError names the first field that does not fit."""
    try:
        arguments = json.loads(arguments_json)
    except (ValueError, RecursionError) as error:
        raise InvalidArgumentsError("the arguments are not JSON") from error
    if not isinstance(arguments, dict):
        raise InvalidArgumentsError("the arguments are not an object")
    problem = _first_problem(arguments, schema)
    if problem is not None:
        raise InvalidArgumentsError(problem)
    return arguments


def read_result(text: str, schema: dict[str, Any] | None) -> dict[str, Any]:
    """Parse and check a result; ResultRefusedError when it cannot be used."""
    try:
        result = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ResultRefusedError("the result is not JSON") from error
    if not isinstance(result, dict):
        raise ResultRefusedError("the result is not an object")
    cleaned = _cleaned(result)
    problem = _first_problem(cleaned, schema) if schema is not None else None
    if problem is not None:
        raise ResultRefusedError(f"the result does not fit its schema: {problem}")
    assert isinstance(cleaned, dict)
    return cleaned


def _first_problem(value: Any, schema: dict[str, Any]) -> str | None:
    try:
        validator = Draft202012Validator(schema, registry=Registry())
        error = next(iter(validator.iter_errors(value)), None)
    except SchemaError:
        return "the schema itself is broken"
    if error is None:
        return None
    where = ".".join(str(part) for part in error.absolute_path) or "(object)"
    return f"{where} breaks {error.validator}"


def _cleaned(value: Any) -> Any:
    """Take control characters out of a result's strings and cut what is too long: it is data, to be read aloud."""
    if isinstance(value, str):
        return "".join(c if c.isprintable() else " " for c in value)[:MAX_DEPTH_TEXT]
    if isinstance(value, dict):
        return {str(key)[:MAX_ARGUMENT]: _cleaned(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    return value
