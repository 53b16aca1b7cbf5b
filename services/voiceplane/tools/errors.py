"""What can go wrong on the way of a tool.

ToolAttemptError           one attempt brought no result
    AttemptTimedOutError     no answer in the tool's timeout: may be repeated when idempotent
    AttemptUnreachableError  no connection, or 429 and 5xx: may be repeated when idempotent
    AttemptFailedError       a clear no: another try would be the same
    ResultRefusedError       too large, not JSON, or not what the schema says
InvalidArgumentsError      the request's arguments do not fit the tool
AuditAwayError             an audit record cannot be kept: no tool may run
UnsafeSchemaError          a schema of the VoiceAgent points outside of itself or could run for ever
"""

from voiceplane.contract.dialogue import ToolOutcome


class ToolAttemptError(Exception):
    """An attempt did not bring a result; the message has no personal data."""

    outcome = ToolOutcome.FAILED
    repeatable = False


class AttemptTimedOutError(ToolAttemptError):
    """No answer in time."""

    outcome = ToolOutcome.TIMED_OUT
    repeatable = True


class AttemptUnreachableError(ToolAttemptError):
    """The other system is away or overloaded."""

    repeatable = True


class AttemptFailedError(ToolAttemptError):
    """The other system said no."""


class ResultRefusedError(ToolAttemptError):
    """The result cannot be used."""

    outcome = ToolOutcome.INVALID_RESULT


class InvalidArgumentsError(ValueError):
    """Arguments that do not fit; the message names the field, never its value."""


class AuditAwayError(OSError):
    """The disk does not take an audit record."""


class UnsafeSchemaError(ValueError):
    """A schema that no tool may use; the message says where and why."""
