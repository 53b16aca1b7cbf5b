"""The called side: a phone that answers one call. For tests of the phone itself and of transfers' targets."""

import asyncio
import secrets
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from aiosipua.header_codec import stringify_uri
from aiosipua.message import SipRequest

from voiceplane.contract.ids import new_call_id
from voiceplane.runtime.clock import Clock, SystemClock
from voiceplane.testing.phone.call import PhoneCall, TransferPolicy
from voiceplane.testing.phone.dialog import Dialog
from voiceplane.testing.phone.leg import Leg
from voiceplane.testing.phone.rtp import MediaStream
from voiceplane.testing.phone.sdp import Speaker, chosen, read
from voiceplane.testing.phone.wire import Address, Message, UdpWire, open_udp


@dataclass(frozen=True, slots=True)
class AnsweringSettings:
    """How the phone answers."""

    codecs: tuple[str, ...] = ("PCMU", "PCMA", "G722")
    status: int = 200  # 300 and more refuses; 180 rings without end
    transfers: TransferPolicy = TransferPolicy()
    clock: Clock = SystemClock()


class AnsweringPhone:
    """Listens on a free UDP port of the loopback and takes the first call."""

    def __init__(self, settings: AnsweringSettings | None = None) -> None:
        """Keep how to answer."""
        self._settings = settings or AnsweringSettings()
        self._codecs = chosen(self._settings.codecs)
        self._wire: UdpWire | None = None
        self._media: MediaStream | None = None
        self._leg: Leg | None = None
        self._invite: SipRequest | None = None
        self.call: PhoneCall | None = None
        self.cancelled = asyncio.Event()
        self._answered = asyncio.Event()

    @property
    def uri(self) -> str:
        """Return what to dial."""
        assert self._wire is not None
        return f"sip:answering@127.0.0.1:{self._wire.local[1]}"

    async def __aenter__(self) -> Self:
        """Bind the sockets."""
        self._wire = await open_udp(("127.0.0.1", 0), self._receive)
        self._media = MediaStream("127.0.0.1", self._codecs[0], self._settings.clock)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hang up and free the sockets."""
        assert self._wire is not None and self._media is not None
        try:
            if self.call is not None:
                await self.call.close()
            elif self._leg is not None:
                await self._leg.close()
        finally:
            self._media.close()
            self._wire.close()
            await asyncio.sleep(0)  # a transport closes in the loop's next turn

    async def answered(self, timeout_s: float = 5.0) -> PhoneCall:
        """Return the call once its ACK has come."""
        async with asyncio.timeout(timeout_s):
            await self._answered.wait()
        assert self.call is not None
        return self.call

    def _receive(self, message: Message, source: Address) -> None:
        if self._leg is None:
            if not isinstance(message, SipRequest) or message.method != "INVITE":
                return
            self._leg = self._open_leg(message, source)
        self._leg.receive(message, source)

    def _open_leg(self, invite: SipRequest, source: Address) -> Leg:
        assert self._wire is not None and invite.from_addr is not None
        dialog = Dialog(
            call_id=invite.call_id or "",
            local_uri=self.uri,
            remote_uri=stringify_uri(invite.from_addr.uri),
            contact=self.uri,
            session_id=new_call_id(),
            transport="UDP",
        )
        dialog.learn(invite)
        leg = Leg(self._wire, dialog, source, self._settings.clock)
        leg.on_request = self._ring
        return leg

    def _ring(self, request: SipRequest) -> None:
        assert self._leg is not None and self._media is not None
        if request.method == "CANCEL" and self._invite is not None:
            self._leg.respond(request, 200)
            self._leg.respond(self._invite, 487)
            self.cancelled.set()
            return
        if request.method != "INVITE":
            self._leg.respond(request, 481)
            return
        self._invite = request
        self._leg.respond(request, 180)
        if self._settings.status >= 300:
            self._leg.respond(request, self._settings.status)
        elif self._settings.status >= 200:
            self._accept(request)

    def _accept(self, invite: SipRequest) -> None:
        assert self._leg is not None and self._media is not None
        shared = self._codecs
        if invite.body:
            offered = read(invite.text).codecs
            shared = tuple(codec for codec in self._codecs if codec in offered)
            if not shared:
                self._leg.respond(invite, 488)
                return
            shared = shared[:1]
        self._media.use(shared[0])
        speaker = Speaker(self._media.local, secrets.randbits(31), shared)
        settings = self._settings
        self.call = PhoneCall(self._leg, self._media, speaker, clock=settings.clock, transfers=settings.transfers)
        if invite.body:
            self.call.take_answer(invite.text, codec=shared[0])
        self._leg.on_ack = self._begin
        self._leg.respond(invite, 200, body=speaker.write(1))

    def _begin(self, ack: SipRequest) -> None:
        assert self.call is not None and self._leg is not None and self._media is not None
        if ack.body:
            self.call.take_answer(ack.text)
        self._leg.on_ack = self.call.acknowledged
        self._media.started_at = self._settings.clock.monotonic()
        self.call.begin()
        self._answered.set()
