"""Between the wire and the inside: protobuf messages to frozen dataclasses and back. The only place that knows both."""

from voiceplane.contract.dialogue import (
    CallerSaid,
    DialogueState,
    Done,
    HangUp,
    HeardTurn,
    ReplyEvent,
    ReplyRequest,
    RunningTool,
    Say,
    ToolCall,
    ToolOutcome,
    ToolReply,
    ToolRequest,
    ToolResult,
    Transfer,
)
from voiceplane.contract.ids import CallId
from voiceplane.rpc.v1 import planner_pb2 as planner
from voiceplane.rpc.v1 import tools_pb2 as tools

_OUTCOMES = {outcome: index for index, outcome in enumerate(ToolOutcome, start=1)}
_OUTCOMES_BACK = {index: outcome for outcome, index in _OUTCOMES.items()}
_SPEAKERS = {"caller": planner.HeardTurn.CALLER, "agent": planner.HeardTurn.AGENT}


def state_to_wire(state: DialogueState) -> planner.DialogueState:
    """Write a dialogue state."""
    return planner.DialogueState(
        intent=state.intent,
        slots=dict(state.slots),
        asking=state.asking,
        confirming=state.confirming,
        confirming_slot=state.confirming_slot,
        unsure=state.unsure,
        last_reply=state.last_reply,
        done_intents=state.done_intents,
        running=[planner.RunningTool(tool=t.tool, intent=t.intent, slots=dict(t.slots)) for t in state.running],
        unheard=state.unheard,
        wanted=state.wanted,
        also=state.also,
    )


def state_from_wire(wire: planner.DialogueState) -> DialogueState:
    """Read a dialogue state; slots in the order of their names."""
    return DialogueState(
        wire.intent,
        tuple(sorted(wire.slots.items())),
        wire.asking,
        wire.confirming,
        wire.confirming_slot,
        wire.unsure,
        wire.last_reply,
        tuple(wire.done_intents),
        tuple(RunningTool(t.tool, t.intent, tuple(sorted(t.slots.items()))) for t in wire.running),
        wire.unheard,
        wire.wanted,
        wire.also,
    )


def request_to_wire(request: ReplyRequest) -> planner.ReplyRequest:
    """Write a question to the planner."""
    wire = planner.ReplyRequest(
        call_id=request.call_id,
        agent=request.agent,
        revision=request.revision,
        turn_index=request.turn_index,
        request_id=request.request_id,
        state=state_to_wire(request.state),
        today=request.today,
        history=[planner.HeardTurn(speaker=_SPEAKERS[turn.speaker], text=turn.text) for turn in request.history],
    )
    match request.input:
        case CallerSaid(text, confidence, keys):
            wire.said.CopyFrom(planner.CallerSaid(text=text, confidence=confidence, dtmf=keys))
        case ToolResult(tool, outcome, result_json, reason):
            result = planner.ToolResult(tool=tool, result_json=result_json, reason=reason)
            result.outcome = planner.ToolOutcome.ValueType(_OUTCOMES[outcome])
            wire.tool_result.CopyFrom(result)
    return wire


def request_from_wire(wire: planner.ReplyRequest) -> ReplyRequest:
    """Read a question to the planner; ValueError when it has no input."""
    given: CallerSaid | ToolResult
    kind = wire.WhichOneof("input")
    if kind == "said":
        given = CallerSaid(wire.said.text, wire.said.confidence, wire.said.dtmf)
    elif kind == "tool_result":
        result = wire.tool_result
        outcome = _OUTCOMES_BACK.get(result.outcome, ToolOutcome.FAILED)
        given = ToolResult(result.tool, outcome, result.result_json, result.reason)
    else:
        raise ValueError("a ReplyRequest needs said or tool_result")
    speakers = {number: name for name, number in _SPEAKERS.items()}
    return ReplyRequest(
        CallId(wire.call_id),
        wire.agent,
        wire.revision,
        wire.turn_index,
        wire.request_id,
        state_from_wire(wire.state),
        given,
        wire.today,
        tuple(HeardTurn(speakers.get(turn.speaker, "caller"), turn.text) for turn in wire.history),
    )


def event_to_wire(event: ReplyEvent) -> planner.ReplyEvent:
    """Write one event of a reply."""
    match event:
        case Say(text, constant):
            return planner.ReplyEvent(say=planner.Say(text=text, constant=constant))
        case ToolCall(tool, intent, arguments_json):
            call = planner.ToolCall(tool=tool, intent=intent, arguments_json=arguments_json)
            return planner.ReplyEvent(tool_call=call)
        case Transfer(reason, summary):
            return planner.ReplyEvent(transfer=planner.Transfer(reason=reason, summary=summary))
        case HangUp(reason):
            return planner.ReplyEvent(hang_up=planner.HangUp(reason=reason))
        case Done(state, intent, confidence):
            done = planner.Done(state=state_to_wire(state), intent=intent, confidence=confidence)
            return planner.ReplyEvent(done=done)


def event_from_wire(wire: planner.ReplyEvent) -> ReplyEvent:
    """Read one event of a reply; ValueError for one we do not know."""
    match wire.WhichOneof("event"):
        case "say":
            return Say(wire.say.text, wire.say.constant)
        case "tool_call":
            return ToolCall(wire.tool_call.tool, wire.tool_call.intent, wire.tool_call.arguments_json)
        case "transfer":
            return Transfer(wire.transfer.reason, wire.transfer.summary)
        case "hang_up":
            return HangUp(wire.hang_up.reason)
        case "done":
            return Done(state_from_wire(wire.done.state), wire.done.intent, wire.done.confidence)
        case other:
            raise ValueError(f"a ReplyEvent of kind {other!r}: is the planner newer than this gateway?")


def tool_request_to_wire(request: ToolRequest) -> tools.InvokeRequest:
    """Write a tool request."""
    return tools.InvokeRequest(
        call_id=request.call_id,
        agent=request.agent,
        revision=request.revision,
        turn_index=request.turn_index,
        intent=request.intent,
        tool=request.tool,
        arguments_json=request.arguments_json,
        idempotency_key=request.idempotency_key,
        authentication=request.authentication,
        failed_proofs=request.failed_proofs,
        caller_number_pii=request.caller_number,
    )


def tool_request_from_wire(wire: tools.InvokeRequest) -> ToolRequest:
    """Read a tool request."""
    return ToolRequest(
        CallId(wire.call_id),
        wire.agent,
        wire.revision,
        wire.turn_index,
        wire.intent,
        wire.tool,
        wire.arguments_json,
        wire.idempotency_key,
        wire.authentication or "none",
        wire.failed_proofs,
        wire.caller_number_pii,
    )


def tool_reply_to_wire(reply: ToolReply) -> tools.InvokeResponse:
    """Write how a tool went."""
    response = tools.InvokeResponse(result_json=reply.result_json, reason=reply.reason, attempts=reply.attempts)
    response.outcome = planner.ToolOutcome.ValueType(_OUTCOMES[reply.outcome])
    return response


def tool_reply_from_wire(wire: tools.InvokeResponse) -> ToolReply:
    """Read how a tool went."""
    outcome = _OUTCOMES_BACK.get(wire.outcome, ToolOutcome.FAILED)
    return ToolReply(outcome, wire.result_json, wire.reason, wire.attempts)
