"""The caller: places a call from a free port. `async with Phone(target) as call:` is the whole of its use.

>>> async with Phone("sip:agent@127.0.0.1:5060") as call:
...     await call.wait_for_agent_silence()
...     await call.say(pcm)
...     await call.hang_up()
"""

import asyncio
import secrets
import socket
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from aiosipua.header_codec import parse_uri
from aiosipua.message import SipResponse

from voiceplane.contract.ids import new_call_id
from voiceplane.runtime.clock import Clock, SystemClock
from voiceplane.testing.phone.call import PhoneCall, TransferPolicy
from voiceplane.testing.phone.codecs import EVENT_TYPE
from voiceplane.testing.phone.dialog import Dialog
from voiceplane.testing.phone.errors import CallNotAnswered, CallRefused, SignalingError
from voiceplane.testing.phone.leg import Leg
from voiceplane.testing.phone.rtp import MediaStream
from voiceplane.testing.phone.sdp import Direction, Speaker, chosen
from voiceplane.testing.phone.wire import Address, Message, Wire, open_tcp, open_udp

DEFAULT_PORT = 5060
_CANCEL_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class PhoneSettings:
    """How the phone calls."""

    codecs: tuple[str, ...] = ("PCMU", "PCMA", "G722")
    payload_type: int | None = None  # dynamic number (96 to 127) of the first codec; None: its static one
    telephone_event: bool = True
    transport: str = "udp"
    ring_timeout_s: float = 30.0
    transfers: TransferPolicy = TransferPolicy()
    caller: str = "phone"
    offer: bool = True  # False: INVITE without SDP, our answer goes in the ACK
    held: bool = False  # the call begins on hold
    session_expires_s: int | None = None  # asks for RFC 4028 timers
    headers: tuple[tuple[str, str], ...] = ()  # more of them in the INVITE
    host: str | None = None  # address to call from; by default the one that reaches the target
    clock: Clock = SystemClock()


class Phone:
    """Places one call to one SIP URI."""

    def __init__(self, target: str, settings: PhoneSettings | None = None) -> None:
        """Check the target; ValueError if it is no SIP URI with a host."""
        self._uri = parse_uri(target)
        port = 5060 if self._uri.port is None else self._uri.port
        if not target.startswith("sip:") or not self._uri.host or not 0 < port < 65_536:
            raise ValueError(f"write the target as sip:name@host:port, not {target!r}")
        self._target = target.split(";")[0]
        self._settings = settings or PhoneSettings()
        if self._settings.transport not in ("udp", "tcp"):
            raise ValueError(f"transport is udp or tcp, not {self._settings.transport!r}")
        codecs = chosen(self._settings.codecs)
        if self._settings.payload_type is not None:
            codecs = (replace(codecs[0], payload_type=self._settings.payload_type), *codecs[1:])
        self._codecs = codecs if self._settings.offer else codecs[:1]  # our answer is written before their offer comes
        self._wire: Wire | None = None
        self._leg: Leg | None = None
        self.call: PhoneCall | None = None
        self._inviting: asyncio.Task[SipResponse] | None = None

    async def __aenter__(self) -> PhoneCall:
        """Place the call and wait for the answer; CallRefused, CallNotAnswered or SignalingError."""
        try:
            await self.dial()
            return await self.answered()
        except BaseException:
            await self.close()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hang up and free everything."""
        await self.close()

    async def dial(self) -> Self:
        """Send the INVITE and return while it rings; `answered` or `cancel` comes next."""
        settings = self._settings
        peer = await _resolve(self._uri.host, self._uri.port or DEFAULT_PORT)
        host = settings.host or _local_host(peer)
        receive = self._receive
        self._wire = await (open_tcp(peer, receive) if settings.transport == "tcp" else open_udp((host, 0), receive))
        contact = f"sip:{settings.caller}@{host}:{self._wire.local[1]}"
        if settings.transport == "tcp":
            contact += ";transport=tcp"
        dialog = Dialog(
            call_id=f"{secrets.token_hex(12)}@{host}",
            local_uri=f"sip:{settings.caller}@{host}",
            remote_uri=self._target,
            contact=contact,
            session_id=new_call_id(),
            transport=self._wire.name,
        )
        self._leg = Leg(self._wire, dialog, peer, settings.clock)
        media = MediaStream(host, self._codecs[0], settings.clock)
        events = EVENT_TYPE if settings.telephone_event else None
        speaker = Speaker((host, media.local[1]), secrets.randbits(31), self._codecs, events)
        self.call = PhoneCall(self._leg, media, speaker, clock=settings.clock, transfers=settings.transfers)
        headers = settings.headers
        if settings.session_expires_s is not None:
            headers = (*headers, ("Supported", "timer"), ("Session-Expires", str(settings.session_expires_s)))
        self._dialled_at = settings.clock.monotonic()
        sdp = speaker.write(1, Direction.SEND if settings.held else Direction.BOTH)
        body, answer = (sdp, "") if settings.offer else ("", sdp)
        invite = self._leg.invite(body=body, headers=headers, answer=answer)
        self._inviting = asyncio.create_task(invite, name="phone INVITE")
        return self

    async def answered(self) -> PhoneCall:
        """Wait for the final response and start the sound."""
        assert self._inviting is not None and self.call is not None
        done, _ = await asyncio.wait({self._inviting}, timeout=self._settings.ring_timeout_s)
        if not done:
            rang = self.ringing
            if rang:  # RFC 3261 section 9.1: no CANCEL before a provisional response
                await self.cancel()
            raise CallNotAnswered(self._settings.ring_timeout_s, rang=rang)
        response = self._inviting.result()
        if response.status_code >= 300:
            raise CallRefused(response.status_code, response.reason_phrase)
        self.call.facts.answered_after_ms = (self._settings.clock.monotonic() - self._dialled_at) * 1000
        self.call.take_answer(response.text, codec=None if self._settings.offer else self._codecs[0])
        self.call.media.started_at = self._settings.clock.monotonic()
        self.call.begin()
        return self.call

    @property
    def ringing(self) -> bool:
        """Say whether the other side has shown a sign of life."""
        return self._leg is not None and bool(self._leg.provisionals)

    async def cancel(self) -> int:
        """Cancel while it rings; return the INVITE's final status (487, or 200 if the answer came first: then BYE)."""
        assert self._inviting is not None and self._leg is not None and self.call is not None
        try:
            async with asyncio.timeout(_CANCEL_TIMEOUT_S):
                await self._leg.cancel()
                response = await asyncio.shield(self._inviting)
        except TimeoutError as error:
            raise SignalingError("CANCEL was not followed by a final response") from error
        if response.status_code < 300:
            await self.call.hang_up()
        return response.status_code

    async def close(self) -> None:
        """Hang up what is up, cancel what rings, free the sockets."""
        call, inviting, wire = self.call, self._inviting, self._wire
        self.call = self._inviting = self._wire = None
        try:
            if call is not None:
                answered = inviting is not None and inviting.done() and not inviting.cancelled()
                if not answered or inviting is None or inviting.exception() or inviting.result().status_code >= 300:
                    call.give_up()
                await call.close()
        finally:
            if inviting is not None and not inviting.done():
                inviting.cancel()
                await asyncio.gather(inviting, return_exceptions=True)
            if wire is not None:
                wire.close()
            await asyncio.sleep(0)  # a transport closes in the loop's next turn

    def _receive(self, message: Message, source: Address) -> None:
        if self._leg is not None:
            self._leg.receive(message, source)


async def _resolve(host: str, port: int) -> Address:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(5.0):
        found = await loop.getaddrinfo(host, port, family=socket.AF_INET, type=socket.SOCK_DGRAM)
    return str(found[0][4][0]), port


def _local_host(peer: Address) -> str:
    """Ask the routing table which of our addresses reaches the peer; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(peer)
        return str(probe.getsockname()[0])
