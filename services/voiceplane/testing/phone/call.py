"""One call as a script sees it: say, listen, press keys, hold, hang up. Made by phone.py or answering.py.

Joins leg.py (signaling) and rtp.py (sound); keeps the facts that a test asserts on.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field

from aiosipua.message import SipRequest

from voiceplane.contract.audio import Pcm
from voiceplane.runtime.clock import Clock
from voiceplane.testing.phone.audio import as_samples, resample
from voiceplane.testing.phone.codecs import CodecName
from voiceplane.testing.phone.errors import CallEnded, NoAgentAudio, SignalingError
from voiceplane.testing.phone.leg import REASONS, Leg
from voiceplane.testing.phone.recording import Recording
from voiceplane.testing.phone.rtp import MediaStream
from voiceplane.testing.phone.sdp import MIRRORED, Direction, Speaker, read
from voiceplane.testing.phone.timings import TurnTiming, first_sound_ms, turn_timings

_POLL_S = 0.02  # one packet time: nothing that a script waits for changes faster
QUIET_MS = 700.0  # agent silence that ends its turn
HANG_UP_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class TransferPolicy:
    """What the phone answers to a REFER and what it then reports (RFC 3515)."""

    accept: int = 202
    result: int = 200  # the final status that its last NOTIFY reports
    hang_up: bool = True  # after a reported success, as a phone does that has reached the target
    after_s: float = 0.0  # between the first NOTIFY and the last: the target rings


@dataclass(slots=True)
class CallFacts:
    """What happened, in the order of a call; times are milliseconds."""

    answered_after_ms: float | None = None  # INVITE to 200
    refer_to: str | None = None
    refer_headers: dict[str, str] = field(default_factory=dict)
    ended_by: str | None = None  # us | them
    reinvites: list[Direction] = field(default_factory=list)  # directions that they offered


class PhoneCall:
    """An answered call."""

    def __init__(
        self, leg: Leg, media: MediaStream, speaker: Speaker, *, clock: Clock, transfers: TransferPolicy
    ) -> None:
        """Join the parts; `begin` starts the sound."""
        self.leg, self.media, self.facts = leg, media, CallFacts()
        self._speaker, self._clock, self._transfers = speaker, clock, transfers
        self._version = 1
        self._direction = Direction.BOTH
        self._ended = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()  # the pacer and one task for each REFER
        self._sounds_before = 0
        leg.on_request = self._answer
        leg.on_ack = self.acknowledged

    @property
    def session_id(self) -> str:
        """Return our RFC 7989 UUID, which is the call's trace id."""
        return self.leg.dialog.session_id

    @property
    def recording(self) -> Recording:
        """Return both tracks as they are now."""
        return self.media.recording

    @property
    def ended(self) -> bool:
        """Say whether a BYE has passed."""
        return self._ended.is_set()

    def begin(self) -> None:
        """Start the microphone."""
        self._spawn(self.media.pace(), "phone pacer")

    def take_answer(self, body: str, codec: CodecName | None = None) -> Direction:
        """Follow the other side's SDP: where to send, with which codec (ours if we chose it), and which way."""
        theirs = read(body)
        begun = bool(self.media.sent or self.media.received)
        keeps = begun and self.media.codec in theirs.codecs
        codec = codec or (self.media.codec if keeps else theirs.codecs[0])
        if codec != self.media.codec:
            if begun:
                raise SignalingError("the other side changed the codec in the middle of the call")
            self.media.use(codec)
        self.media.remote, self.media.event_type = theirs.address, theirs.event_type
        self._direction = MIRRORED[theirs.direction]
        self.media.sending = self._direction in (Direction.BOTH, Direction.SEND)
        return theirs.direction

    async def say(self, pcm: Pcm) -> None:
        """Speak and return when the last packet has left; CallEnded if the other side hangs up before."""
        self._require_live()
        self._sounds_before = self.media.sounds
        self.media.microphone.say(as_samples(resample(pcm, self.media.codec.sample_rate)))
        await self._until(self.media.microphone.idle.is_set, timeout_s=pcm.duration_ms / 1000 + 5.0, what="speaking")

    async def dtmf(self, digits: str) -> None:
        """Press keys (RFC 4733); SignalingError if the other side takes no telephone-event."""
        self._require_live()
        if self.media.event_type is None:
            raise SignalingError("the other side takes no telephone-event")
        self._sounds_before = self.media.sounds
        self.media.microphone.press(digits)
        await self._until(self.media.microphone.idle.is_set, timeout_s=len(digits) + 5.0, what="pressing keys")

    async def wait_for_agent_speech(self, timeout_s: float = 10.0) -> None:
        """Return at the agent's first sound after our last say; NoAgentAudio after `timeout_s`."""
        await self._until(lambda: self.media.sounds > self._sounds_before + 1, timeout_s=timeout_s, what="the agent")

    async def wait_for_agent_silence(self, quiet_ms: float = QUIET_MS, timeout_s: float = 30.0) -> None:
        """Return when the agent has spoken since our last say and then been silent for `quiet_ms`."""
        await self.wait_for_agent_speech(timeout_s)

        def is_quiet() -> bool:
            last = self.media.last_sound_at
            return last is not None and (self._clock.monotonic() - last) * 1000 >= quiet_ms

        await self._until(is_quiet, timeout_s=timeout_s + 60.0, what="the agent's silence")

    async def wait_ended(self, timeout_s: float = 30.0) -> None:
        """Return when the other side has hung up; TimeoutError after `timeout_s`."""
        async with asyncio.timeout(timeout_s):
            await self._ended.wait()

    async def hold(self) -> Direction:
        """Put the agent on hold; return the direction it answered (recvonly or inactive is right)."""
        return await self._renegotiate(Direction.SEND)

    async def unhold(self) -> Direction:
        """Take the agent back."""
        return await self._renegotiate(Direction.BOTH)

    async def update(self) -> int:
        """Refresh the session by UPDATE without SDP (RFC 3311, RFC 4028); return the status."""
        return (await self.leg.request("UPDATE")).status_code

    async def hang_up(self) -> None:
        """Send BYE unless the call has ended; SignalingError if it is not answered."""
        if self.ended:
            return
        self.facts.ended_by = "us"
        self._ended.set()
        try:
            async with asyncio.timeout(HANG_UP_TIMEOUT_S):
                status = (await self.leg.request("BYE")).status_code
        except TimeoutError as error:
            raise SignalingError("BYE was not answered") from error
        if status != 200:
            self.leg.faults.append(f"BYE was answered {status}")

    def timings(self) -> tuple[TurnTiming, ...]:
        """Measure the waits so far on the two recorded tracks."""
        recording = self.recording
        return turn_timings(recording.caller.samples(), recording.agent.samples(), recording.sample_rate)

    def first_agent_audio_ms(self) -> float | None:
        """Return the time from the answer to the agent's first sound."""
        return first_sound_ms(self.recording.agent.samples(), self.recording.sample_rate)

    def give_up(self) -> None:
        """Mark the call as over without a BYE: it was never answered."""
        self._ended.set()

    async def close(self) -> None:
        """Hang up if needed, stop the sound and free the sockets."""
        try:
            await self.hang_up()
        finally:
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.leg.close()
            self.media.close()

    async def _renegotiate(self, direction: Direction) -> Direction:
        self._version += 1
        response = await self.leg.invite(body=self._speaker.write(self._version, direction))
        if response.status_code != 200:
            raise SignalingError(f"re-INVITE was answered {response.status_code}")
        if direction is Direction.SEND:
            theirs = self.take_answer(response.text)
            self.media.sending = False  # on hold the phone sends nothing, as most phones do
            return theirs
        return self.take_answer(response.text)

    def _require_live(self) -> None:
        if self.ended:
            raise CallEnded(f"the call was ended by {self.facts.ended_by}")

    async def _until(self, condition: Callable[[], bool], *, timeout_s: float, what: str) -> None:
        deadline = self._clock.monotonic() + timeout_s
        while not condition():
            self._require_live()
            if self._clock.monotonic() > deadline:
                raise NoAgentAudio(f"waited {timeout_s:.1f} s for {what}")
            await asyncio.sleep(_POLL_S)

    def _spawn(self, work: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _answer(self, request: SipRequest) -> None:
        answers: dict[str, Callable[[SipRequest], None]] = {
            "BYE": self._on_bye,
            "INVITE": self._on_offer,
            "UPDATE": self._on_offer,
            "REFER": self._on_refer,
            "OPTIONS": self._on_notice,
            "INFO": self._on_notice,
            "NOTIFY": self._on_notice,
        }
        answers.get(request.method, self._on_unknown)(request)

    def _on_notice(self, request: SipRequest) -> None:
        self.leg.respond(request, 200)

    def _on_unknown(self, request: SipRequest) -> None:
        self.leg.respond(request, 405)

    def _on_bye(self, request: SipRequest) -> None:
        self.leg.respond(request, 200)
        if not self.ended:
            self.facts.ended_by = "them"
            self._ended.set()

    def _on_offer(self, request: SipRequest) -> None:
        """Answer a re-INVITE or UPDATE; without SDP a re-INVITE gets our offer, its ACK brings the answer."""
        self._version += 1
        self.leg.dialog.learn(request)
        if request.body:
            try:
                self.facts.reinvites.append(self.take_answer(request.text))
            except SignalingError as error:
                self.leg.faults.append(str(error))
                self.leg.respond(request, 488)
                return
            self.leg.respond(request, 200, body=self._speaker.write(self._version, self._direction))
        elif request.method == "INVITE":
            self.leg.respond(request, 200, body=self._speaker.write(self._version))
        else:
            self.leg.respond(request, 200)

    def acknowledged(self, ack: SipRequest) -> None:
        """Take the answer that an ACK brings to an offer of ours."""
        if ack.body:
            self.take_answer(ack.text)

    def _on_refer(self, request: SipRequest) -> None:
        self.facts.refer_to = (request.get_header("refer-to") or "").strip("<>")
        self.facts.refer_headers = {name.lower(): values[0] for name, values in request.headers.items()}
        self.leg.respond(request, self._transfers.accept)
        if self._transfers.accept < 300:
            self._spawn(self._report_transfer(), "phone transfer")

    async def _report_transfer(self) -> None:
        """Send NOTIFY 100 and the final result (RFC 3515 section 2.4.4), then leave as the policy says."""
        for status, state, after_s in (
            (100, "active;expires=60", 0.0),
            (self._transfers.result, "terminated;reason=noresource", self._transfers.after_s),
        ):
            await asyncio.sleep(after_s)
            headers = (
                ("Event", "refer"),
                ("Subscription-State", state),
                ("Content-Type", "message/sipfrag;version=2.0"),
            )
            body = f"SIP/2.0 {status} {REASONS.get(status, 'Result')}\r\n"
            try:
                answer = await self.leg.request("NOTIFY", body=body, headers=headers)
            except SignalingError as error:
                self.leg.faults.append(str(error))
                return
            if answer.status_code != 200:
                self.leg.faults.append(f"NOTIFY {status} was answered {answer.status_code}")
        if self._transfers.hang_up and self._transfers.result < 300:
            await asyncio.sleep(0.2)  # the other side normally sends BYE first, having read the result
            await self.hang_up()
