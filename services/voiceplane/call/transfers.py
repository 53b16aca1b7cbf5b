"""Give the call to a person: REFER with a summary, followed to its final result. Between call.talk and SIP."""

import asyncio
from dataclasses import dataclass

from opentelemetry.trace import SpanKind

from voiceplane.call import ending as ends
from voiceplane.call.ending import End
from voiceplane.call.hub import LiveCall
from voiceplane.call.recorder import Recorder
from voiceplane.call.signaling import mark_failure
from voiceplane.call.site import Site
from voiceplane.runtime import telemetry
from voiceplane.sip.incoming import IncomingCall

SPANS = telemetry.tracer("voiceplane.call")
RESULT_S = 70.0  # the user agent tells the end of a REFER within 60 s
TIMED_OUT = 408
ACCEPTED, RINGING = 100, 180  # how far a REFER has come, at least


@dataclass(frozen=True, slots=True)
class Order:
    """An operator wants the call to go to this target."""

    target: str


class Transfers:
    """The transfers of one call, one at a time."""

    def __init__(self, call: IncomingCall, live: LiveCall, site: Site, recorder: Recorder) -> None:
        """Transfer this call."""
        self._call = call
        self._live = live
        self._site = site
        self._recorder = recorder
        self._result: asyncio.Future[int] | None = None
        self._came_to = 0  # the newest status of the running REFER; 0: not answered yet

    async def ordered(self) -> Order:
        """Wait for an operator's order."""
        return Order(await self._live.transfer.get())

    async def carry_out(self, target: str, *, reason: str, summary: str) -> bool:
        """Refer the caller's side and wait; the call ends when a person has it, else False: nobody was reached."""
        self._recorder.summary = summary
        self._result, self._came_to = asyncio.get_running_loop().create_future(), 0
        with SPANS.start_as_current_span("sip.refer", kind=SpanKind.CLIENT) as span:
            span.set_attributes({"sip.method": "REFER", "voice.transfer.reason": reason})
            self._call.refer(target, summary)
            try:
                async with asyncio.timeout(RESULT_S):
                    status = await self._result
            except TimeoutError:
                status = TIMED_OUT
            finally:
                self._result = None
            span.set_attribute("sip.response.status_code", status)
            mark_failure(span, status, ours=True)
        self._site.hub.tell(self._call.call_id, "transfer", {"status": str(status)})
        if not 200 <= status < 300:
            return False
        self._live.ending.settle(ends.TRANSFERRED)
        return True

    def progress(self, status: int, *, final: bool) -> None:
        """Take what the answer to REFER and NOTIFY say."""
        self._came_to = max(self._came_to, status)  # the first NOTIFY may overtake the answer
        if final and self._result is not None and not self._result.done():
            self._result.set_result(status)

    def end_by(self, reason: str) -> End | None:
        """Name a BYE: many PBXes complete a REFER by it; one before that, or while a target rings, is the caller's."""
        completes = self._result is not None and ACCEPTED <= self._came_to < 300
        rings = RINGING <= self._came_to < 200
        return End("transferred", transferred=True, bye=False) if reason == "bye" and completes and not rings else None
