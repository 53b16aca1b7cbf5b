"""Log lines: JSON, traceable, without personal data."""

import json
import logging
import sys
from typing import Any

from opentelemetry.sdk.trace import TracerProvider

from voiceplane.runtime.logs import JsonFormatter

SECRET = "my card is 4111 1111"


def _line(extra: dict[str, Any], *, keep_personal: bool = False, error: bool = False) -> dict[str, Any]:
    record = logging.getLogger("x").makeRecord(
        "voiceplane.call", logging.INFO, __file__, 1, "turn ended", (), sys.exc_info() if error else None, extra=extra
    )
    text = JsonFormatter("gateway", keep_personal=keep_personal).format(record)
    assert "\n" not in text
    line: dict[str, Any] = json.loads(text)
    return line


def test_a_line_names_time_level_service_message_and_facts() -> None:
    line = _line({"turns": 3})
    assert (line["level"], line["service"], line["message"], line["turns"]) == ("info", "gateway", "turn ended", 3)
    assert line["time"].endswith("+00:00")


def test_personal_fields_become_their_length_at_any_depth() -> None:
    line = _line({"pii.text": SECRET, "facts": {"caller_pii": SECRET, "turn": 1}})
    assert SECRET not in json.dumps(line)
    assert line["pii.text"] == f"[{len(SECRET)} characters]"
    assert line["facts"]["turn"] == 1


def test_personal_fields_are_kept_only_when_allowed() -> None:
    assert _line({"pii.text": SECRET}, keep_personal=True)["pii.text"] == SECRET


def test_an_exception_shows_its_type_and_place_but_neither_words_nor_locals() -> None:
    words = SECRET + " by value"
    try:
        raise ValueError(words)
    except ValueError:
        line = _line({}, error=True)
    assert line["error.type"] == "ValueError"
    assert "test_logs.py" in line["stack"]
    assert SECRET not in json.dumps(line)


def test_a_fact_cannot_replace_what_every_line_says() -> None:
    assert _line({"service": "forged", "level": "forged"})["service"] == "gateway"


def test_a_line_inside_a_span_carries_its_ids() -> None:
    with TracerProvider(shutdown_on_exit=False).get_tracer("t").start_as_current_span("s") as span:
        line = _line({})
    assert line["trace_id"] == f"{span.get_span_context().trace_id:032x}"
    assert "trace_id" not in _line({})


def test_a_value_that_json_does_not_know_is_written_as_text() -> None:
    assert _line({"what": {1, 2}.__class__})["what"] == "<class 'set'>"
