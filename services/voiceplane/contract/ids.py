"""Identifiers that every stage shares. A call's id is its RFC 7989 UUID, which is also its W3C trace id."""

import uuid
from typing import NewType

CallId = NewType("CallId", str)  # 32 lowercase hex digits: Session-ID local UUID = trace id


def new_call_id() -> CallId:
    """Return a fresh UUIDv4 as 32 hex digits (RFC 7989 section 4.1; W3C trace-id)."""
    return CallId(uuid.uuid4().hex)


def is_session_uuid(text: str) -> bool:
    """Say whether `text` is a legal RFC 7989 sess-uuid: 32 lowercase hex digits."""
    return len(text) == 32 and all(character in "0123456789abcdef" for character in text)
