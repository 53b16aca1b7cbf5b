"""Why a call ends. The first word counts: hang-ups, failures and the dialogue tell one Ending. Read by call.loop."""

import asyncio
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What became of a call, as the record says it."""

    COMPLETED = "completed"
    TRANSFERRED = "transferred"
    ABANDONED = "abandoned"  # the caller left before saying anything that was understood
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class End:
    """The end of a call: a bounded reason, and who still has to be told by BYE."""

    reason: str
    failed: bool = False
    transferred: bool = False
    bye: bool = True  # False: the far side has ended the dialog already


CALLER_HUNG_UP = End("caller-hung-up", bye=False)
CANCELLED = End("cancelled", bye=False)
AGENT_HUNG_UP = End("agent-hung-up")
CALLER_SILENT = End("caller-silent")
TRANSFERRED = End("transferred", transferred=True)
MEDIA_TIMEOUT = End("media-timeout", failed=True)
HELD_TOO_LONG = End("held-too-long")
SESSION_EXPIRED = End("session-expired", failed=True, bye=False)
NO_ACK = End("no-ack", failed=True, bye=False)
OPERATOR = End("operator")
TROUBLE = End("agent-trouble", failed=True)
REASONS = (
    *(CALLER_HUNG_UP, CANCELLED, AGENT_HUNG_UP, CALLER_SILENT, TRANSFERRED, MEDIA_TIMEOUT),
    *(HELD_TOO_LONG, SESSION_EXPIRED, NO_ACK, OPERATOR, TROUBLE),
)  # each a call record may name


class Ending:
    """Settled once, by whoever comes first."""

    def __init__(self) -> None:
        """Start unsettled; needs a running loop."""
        self._end: asyncio.Future[End] = asyncio.get_running_loop().create_future()

    def settle(self, end: End) -> None:
        """End the call for this reason unless it is ending already."""
        if not self._end.done():
            self._end.set_result(end)

    @property
    def settled(self) -> bool:
        """Say whether the call is ending."""
        return self._end.done()

    async def wait(self) -> End:
        """Wait until the call ends and say why."""
        return await asyncio.shield(self._end)
