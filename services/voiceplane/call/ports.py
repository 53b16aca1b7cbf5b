"""What the call wants from the planner and the tools. The clients in planner/ and tools/ fit these."""

from collections.abc import AsyncGenerator
from typing import Protocol

from voiceplane.contract.dialogue import ReplyEvent, ReplyRequest, ToolReply, ToolRequest


class PlannerPort(Protocol):
    """A planner: the flow planner's client, or a model's."""

    def reply(self, request: ReplyRequest) -> AsyncGenerator[ReplyEvent, None]:
        """Yield the reply phrase by phrase; Done is last. PlannerUnavailableError when none answers."""
        ...


class ToolsPort(Protocol):
    """The tool gateway."""

    async def invoke(self, request: ToolRequest) -> ToolReply:
        """Run a tool; refusals and failures are outcomes. ToolsUnavailableError when no gateway answers."""
        ...
