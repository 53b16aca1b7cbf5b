"""The gateway's composition: sockets, clients, voices; a task for each call; and the way out, drain first."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from voiceplane.call import trunks
from voiceplane.call.calls_service import CallsService
from voiceplane.call.hub import CallHub
from voiceplane.call.loop import run_call
from voiceplane.call.readiness import Readiness
from voiceplane.call.site import Site
from voiceplane.contract.load import Bundle
from voiceplane.media.server import MediaServer, MediaSettings
from voiceplane.media.told import told
from voiceplane.planner.aloud import for_the_ear
from voiceplane.planner.client import limits
from voiceplane.planner.client import open_client as open_planner
from voiceplane.planner.render import constant_phrases
from voiceplane.records.client import open_client as open_records
from voiceplane.rpc.v1 import calls_pb2_grpc
from voiceplane.runtime import grpc_server
from voiceplane.runtime.clock import SystemClock
from voiceplane.runtime.metrics import CALLS_REFUSED
from voiceplane.runtime.models import cache_root
from voiceplane.sip.admission import Limits
from voiceplane.sip.agent import UserAgent
from voiceplane.sip.server import IncomingCall, SipServer
from voiceplane.sip.state import AgentSettings
from voiceplane.speech.cache import PhraseCache, VoiceChoice
from voiceplane.speech.client import TritonSpeech
from voiceplane.speech.profiles import load_profile
from voiceplane.speech.vad import SileroModel
from voiceplane.tools.client import open_client as open_tools

log = logging.getLogger(__name__)
RATES = (8000, 16_000)  # of G.711 and of G.722


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """Where the gateway listens and whom it asks."""

    sip_host: str
    sip_port: int
    advertised_host: str
    media: MediaSettings
    limits: Limits
    speech: tuple[str, ...]
    planner: str
    tools: str
    records: str
    spool: Path
    certificates: Path | None = None  # for records in another cluster, as runtime.tls reads them
    grpc_host: str = "127.0.0.1"
    grpc_port: int = 0
    longest_hold_s: float = 600.0
    trunks: Path | None = None  # who may call, for which numbers; without it, anyone


class Gateway:
    """A running gateway: its doors are open from the start and say no until it can take calls."""

    def __init__(self, site: Site, sip: SipServer, readiness: Readiness) -> None:
        """Answer what `sip` admits."""
        self._site = site
        self._sip = sip
        self._readiness = readiness

    @property
    def problem(self) -> str | None:
        """Say why no new call is taken now, if so."""
        return self._readiness.problem

    @property
    def records_problem(self) -> str | None:
        """Say why records wait, as far as certificates tell; calls are taken all the same."""
        return self._site.records.problem

    async def serve(self, stop: asyncio.Event, *, ready: Callable[[], None]) -> None:
        """Wait for speech, tell `ready`, answer calls until `stop`; then refuse new ones and finish the live ones."""
        watching = asyncio.create_task(self._readiness.watch(), name="watch speech")
        try:
            if await self._begun(stop):
                ready()
                await self._answer_all(stop)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _begun(self, stop: asyncio.Event) -> bool:
        """Return whether calls can be taken; False when `stop` came first. Raises SpeechRefusedError."""
        phrases = constant_phrases(for_the_ear(self._site.bundle.agent.spec))
        beginning = asyncio.create_task(self._readiness.begin(self._site.voices, phrases), name="begin")
        stopping = asyncio.create_task(stop.wait(), name="stop")
        try:
            await asyncio.wait({beginning, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if stop.is_set():
                return False
            beginning.result()
            return True
        finally:
            for task in (beginning, stopping):
                task.cancel()
            await asyncio.gather(beginning, stopping, return_exceptions=True)

    async def _answer_all(self, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as calls:
            accepting = calls.create_task(self._accept(calls), name="accept")
            await stop.wait()
            await self._readiness.drain()
            log.info("draining", extra={"live_calls": len(self._site.hub.live())})
            await self._sip.idle()  # an admitted call that still waits for its task is answered too
            accepting.cancel()
        await self._sip.linger()

    async def _accept(self, calls: asyncio.TaskGroup) -> None:
        async for call in self._sip.calls():
            calls.create_task(self._answer(call), name=f"call-{call.call_id[:8]}")

    async def _answer(self, call: IncomingCall) -> None:
        try:
            await run_call(call, self._site)
        except asyncio.CancelledError:
            raise
        except Exception:  # a call's outermost edge: one call's fault is not the others'
            log.exception("a call failed")
            call.reject(500)
            call.hang_up()


@contextlib.asynccontextmanager
async def open_gateway(bundle: Bundle, settings: GatewaySettings) -> AsyncIterator[tuple[Gateway, int, int]]:
    """Connect everything and open the doors. Yields the gateway, its SIP port and its gRPC port."""
    clock = SystemClock()
    profile = load_profile(bundle.agent.spec.voice.profile)
    planner_limits = limits(bundle.agent.spec.planner)
    async with contextlib.AsyncExitStack() as stack:
        voice = bundle.agent.spec.voice
        speech = await stack.enter_async_context(TritonSpeech(settings.speech, wanted=profile.wanted(voice.name)))
        media = await stack.enter_async_context(MediaServer(settings.media, clock).running())
        stack.enter_context(told(media.lateness))
        digest = profile.voice(voice.name).digest
        voices = {
            rate: PhraseCache(speech, VoiceChoice(voice.name, digest, rate, voice.speed), cache_root())
            for rate in RATES
        }
        site = Site(
            bundle=bundle,
            clock=clock,
            media=media,
            recognizer=speech,
            judge=speech,
            voices=voices,
            vad=SileroModel(profile.vad.file(".onnx")),
            planner=await stack.enter_async_context(
                open_planner(settings.planner, reply_s=planner_limits.reply_s, try_s=planner_limits.try_s)
            ),
            tools=await stack.enter_async_context(open_tools(settings.tools)),
            records=await stack.enter_async_context(
                open_records(settings.records, settings.spool, certificates=settings.certificates)
            ),
            hub=CallHub(clock.wall_ns),
            second=speech if profile.asr_second is not None else None,
            longest_hold_s=settings.longest_hold_s,
        )
        agent = UserAgent(AgentSettings(settings.advertised_host, settings.sip_port), settings.limits)
        server = SipServer(agent, clock, refused=lambda event: CALLS_REFUSED.labels(str(event.status)).inc())

        async def tell(ready: bool) -> None:
            await rpc.ready(ready)

        readiness = Readiness(server, speech.look, tell)  # before the port is open: no call comes in too early
        if settings.trunks is not None:
            await stack.enter_async_context(_following(settings.trunks, server))
        sip = await stack.enter_async_context(server.listening(settings.sip_host, settings.sip_port))
        service = CallsService(site.hub, drain=readiness.drain, draining=lambda: sip.draining)
        rpc = await stack.enter_async_context(
            grpc_server.serve(
                lambda server: calls_pb2_grpc.add_CallsServicer_to_server(service, server),
                host=settings.grpc_host,
                port=settings.grpc_port,
                ready=False,
            )
        )
        yield Gateway(site, sip, readiness), sip.port, rpc.port


@contextlib.asynccontextmanager
async def _following(path: Path, server: SipServer) -> AsyncIterator[None]:
    """Have the server know the trunks before its doors open, and whenever they change."""
    ways = await asyncio.to_thread(trunks.read, path)
    server.open_to(ways)
    following = asyncio.create_task(trunks.follow(path, ways, server.open_to), name="trunks")
    try:
        yield
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
