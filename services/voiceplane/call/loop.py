"""One call, from INVITE to record: the page to read first. A call is one task group; nothing of it outlives it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from dataclasses import replace
from typing import Any

from opentelemetry.trace import Span, get_current_span

from voiceplane.call import ending as ends
from voiceplane.call.ending import End, Ending, Outcome
from voiceplane.call.holding import CallClock
from voiceplane.call.hub import LiveCall
from voiceplane.call.line import PatientSpeaker, SessionPlayout
from voiceplane.call.listening import Listening
from voiceplane.call.mouth import Mouth
from voiceplane.call.recorder import CallFacts, Recorder
from voiceplane.call.rehearsal import RehearsedSpeaker
from voiceplane.call.replies import Replies
from voiceplane.call.signaling import HoldSpan, trace_exchanges, trace_invite
from voiceplane.call.site import Site
from voiceplane.call.speaking import Speaking
from voiceplane.call.summary import call_row
from voiceplane.call.talk import Talk
from voiceplane.call.transfers import Transfers
from voiceplane.media.ports_pool import PortsExhaustedError
from voiceplane.media.session import MediaAgreement, MediaSession, MediaStatistics
from voiceplane.runtime import telemetry
from voiceplane.runtime.metrics import CALLS_ACTIVE, CALLS_ENDED, CALLS_REFUSED
from voiceplane.sip.events import CallEnded, Confirmed, MediaChanged, ReferProgress
from voiceplane.sip.incoming import CallEvent
from voiceplane.sip.sdp import Agreed
from voiceplane.sip.server import IncomingCall

log = logging.getLogger(__name__)
SPANS = telemetry.tracer("voiceplane.call")
ACK_S = 33.0  # the user agent gives up after 32 s
_BY_SIP = {
    "bye": ends.CALLER_HUNG_UP,
    "cancelled": ends.CANCELLED,
    "no-ack": ends.NO_ACK,
    "session-expired": ends.SESSION_EXPIRED,
    "bad-answer": ends.NO_ACK,
    "local": ends.AGENT_HUNG_UP,
}


async def run_call(call: IncomingCall, site: Site) -> None:
    """Answer a call and see it through; its record is appended whatever happens."""
    offered = call.offered
    facts = CallFacts(offered.call_id, offered.sip_call_id, offered.remote_session_id, offered.caller, call.received_ns)
    recorder = Recorder(facts, site.bundle)
    attributes = {
        "sip.call_id": offered.sip_call_id,
        "sip.session_id.local": offered.call_id,
        "sip.session_id.remote": offered.remote_session_id,
        "gen_ai.agent.name": recorder.agent,
        "gen_ai.agent.version": site.bundle.revision,
        "voice.policy.digest": site.bundle.policy_digest,
    }
    with telemetry.start_call_span(offered.call_id, attributes) as span:
        trace_exchanges(call)
        try:
            async with site.media.open_session() as session:
                await _answered(call, site, recorder, session, span)
        except PortsExhaustedError:
            CALLS_REFUSED.labels("503").inc()
            span.set_attribute("sip.response.status_code", 503)
            call.reject(503, retry_after_s=5)
            trace_invite(call, site.clock.wall_ns())


async def _answered(call: IncomingCall, site: Site, recorder: Recorder, session: MediaSession, span: Span) -> None:
    ending = Ending()
    live = LiveCall(call.call_id, recorder.agent, site.bundle.revision, recorder.facts.started_ns, ending)
    site.hub.add(live)
    CALLS_ACTIVE.inc()
    end = ends.TROUBLE
    try:
        end = await _connected(call, site, recorder, session, live)
    finally:
        CALLS_ACTIVE.dec()
        call.hang_up()
        outcome = _outcome(end, recorder)
        CALLS_ENDED.labels(outcome.value, end.reason).inc()
        caller = recorder.caller
        span.set_attributes(
            {
                "voice.outcome": outcome.value,
                "sip.reason.text": end.reason,
                "voice.caller.trust": caller.trust.value,
                "voice.caller.authentication": caller.level.value,
            }
        )
        try:
            site.records.append(call_row(recorder, end, outcome, site.clock.wall_ns(), _statistics(session)))
        finally:
            site.hub.remove(live, reason=end.reason)
            trace_invite(call, site.clock.wall_ns())


async def _connected(call: IncomingCall, site: Site, recorder: Recorder, session: MediaSession, live: LiveCall) -> End:
    """Answer, then run the call's tasks until it ends."""
    events = _vouched(call, recorder)
    agreed = await _accept(call, site, session, events)
    if agreed is None:
        return ends.CANCELLED
    recorder.answered_ns = site.clock.wall_ns()
    clock = CallClock(site.clock)
    site = replace(site, clock=clock)
    session.start(_media(agreed))
    clock.follow(held=not agreed.sends)
    live.press = session.send_digits
    async with asyncio.TaskGroup() as tasks:
        voice = RehearsedSpeaker(PatientSpeaker(site.voices[session.sample_rate], site.clock), tasks, recorder.waste)
        mouth = Mouth(voice, SessionPlayout(session))
        listening = Listening(site, session, mouth, live.ending, tasks=tasks, clock=clock)
        replies = Replies(site, recorder, tasks, voice)
        transfers = Transfers(call, live, site, recorder)
        speaking = Speaking(site, recorder, mouth, listening)
        talk = Talk(site, speaking, listening, replies=replies, transfers=transfers, ending=live.ending)
        with SPANS.start_as_current_span("media.session") as span:
            running = [
                tasks.create_task(_surely(listening.run(), live.ending), name="listen"),
                tasks.create_task(_surely(talk.run(), live.ending), name="talk"),
                tasks.create_task(_signals(events, session, clock, live.ending, transfers=transfers), name="signals"),
                tasks.create_task(_not_held_for_ever(clock, site.longest_hold_s, live.ending), name="hold"),
            ]
            end = await live.ending.wait()
            statistics = session.statistics()
            span.set_attributes(
                {"rtp.codec": statistics.codec, "rtp.jitter_ms": statistics.jitter_ms, "rtp.mos": statistics.mos}
            )
        listening.close()
        talk.close()
        for task in running:
            task.cancel()
    # Now that all has ended, and is counted.
    get_current_span().set_attributes(recorder.waste.total(listening.waste))
    return end


async def _accept(
    call: IncomingCall, site: Site, session: MediaSession, events: AsyncIterator[object]
) -> Agreed | None:
    """Ring and answer; None when the caller gave up. An offer of ours is agreed by the ACK."""
    call.ring()
    host, port = site.media.advertised(session)
    agreed = call.accept(host, port)
    if agreed is not None:
        return agreed
    async with asyncio.timeout(ACK_S):
        async for event in events:
            if isinstance(event, Confirmed):
                return event.agreed
            if isinstance(event, CallEnded):
                break
    return None


async def _vouched(call: IncomingCall, recorder: Recorder) -> AsyncIterator[CallEvent]:
    """Yield the call's events. What a trunk says of the caller counts from the ACK on: who has it got our answer.

    A datagram in the trunk's name may be anybody's, and the sound would go where its SDP says.
    """
    async for event in call.events():
        if isinstance(event, Confirmed):
            recorder.caller.vouch(call.offered.identity)
        yield event


async def _signals(
    events: AsyncIterator[object], session: MediaSession, clock: CallClock, ending: Ending, *, transfers: Transfers
) -> None:
    hold = HoldSpan()
    hold.follow(held=clock.held)  # a call may begin on hold
    try:
        async for event in events:
            match event:
                case MediaChanged(agreed=agreed):
                    session.update(_media(agreed))
                    clock.follow(held=not agreed.sends)
                    hold.follow(held=not agreed.sends)
                case ReferProgress(status=status, final=final):
                    transfers.progress(status, final=final)
                case CallEnded(reason=reason):
                    ending.settle(transfers.end_by(reason) or _BY_SIP[reason])
    finally:
        hold.follow(held=False)


async def _not_held_for_ever(clock: CallClock, longest_s: float, ending: Ending) -> None:
    """End a call that is kept on hold: media that does not come is no sign of a caller who has gone, then."""
    await clock.held_for(longest_s)
    ending.settle(ends.HELD_TOO_LONG)


def _media(agreed: Agreed) -> MediaAgreement:
    remote = (agreed.host, agreed.port)
    return MediaAgreement(
        agreed.codec, remote, agreed.event_payload_type, sends=agreed.sends, payload_type=agreed.payload_type
    )


async def _surely(work: Coroutine[Any, Any, None], ending: Ending) -> None:
    """Run a part of the call; a fault in it ends this call only, and is logged."""
    try:
        await work
    except asyncio.CancelledError:
        raise
    except Exception:  # the outermost edge of a call's task
        log.exception("a part of the call failed")
        ending.settle(ends.TROUBLE)


def _outcome(end: End, recorder: Recorder) -> Outcome:
    if end.transferred:
        return Outcome.TRANSFERRED
    if end.failed:
        return Outcome.FAILED
    return Outcome.COMPLETED if recorder.understood() else Outcome.ABANDONED


def _statistics(session: MediaSession) -> tuple[MediaStatistics, float] | None:
    """Return the line's quality; None for a call that never had media."""
    return (session.statistics(), session.lateness().quantile_ms(0.99)) if session.started else None
