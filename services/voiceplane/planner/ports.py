"""What a planner is: the flow brain and the model brain fit this. Used by deployment.py."""

from collections.abc import AsyncGenerator
from typing import Protocol

from opentelemetry.trace import Span

from voiceplane.contract.dialogue import ReplyEvent, ReplyRequest


class Planner(Protocol):
    """The brain of one agent revision. It keeps nothing between requests: a request carries all state."""

    def stream(self, request: ReplyRequest, span: Span) -> AsyncGenerator[ReplyEvent, None]:
        """Yield the reply as it is made, Done last; closing the generator stops the making. `span` takes facts."""
        ...
