"""Structured logs: one JSON object a line on stderr, with the trace's ids and without personal data."""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any

from opentelemetry import trace

from voiceplane.runtime.telemetry import is_personal

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """Write a record as JSON; fields marked as personal data become their length."""

    def __init__(self, service: str, *, keep_personal: bool = False) -> None:
        """Name the service in every line; `keep_personal` is for a laptop only."""
        super().__init__()
        self._service = service
        self._keep_personal = keep_personal

    def _shown(self, key: str, value: Any) -> Any:
        if is_personal(key) and not self._keep_personal:
            return f"[{len(str(value))} characters]"
        if isinstance(value, dict):
            return {str(name): self._shown(str(name), part) for name, part in value.items()}
        return value

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
        }
        span = trace.get_current_span().get_span_context()
        if span.is_valid:
            line["trace_id"], line["span_id"] = f"{span.trace_id:032x}", f"{span.span_id:016x}"
        for key, value in vars(record).items():
            if key not in _STANDARD and key not in line:
                line[key] = self._shown(key, value)
        if record.exc_info and record.exc_info[0] is not None:
            line["error.type"] = record.exc_info[0].__name__
            line["stack"] = "".join(traceback.format_tb(record.exc_info[2]))
        return json.dumps(line, default=str, ensure_ascii=False)


def configure(service: str, level: str = "INFO", *, keep_personal: bool = False) -> None:
    """Send every log of this process to stderr as JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(service, keep_personal=keep_personal))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
