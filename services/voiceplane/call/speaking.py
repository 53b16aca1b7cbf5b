"""The agent's side of a turn: phrases out, bridges while something is slow, what was heard kept. For call.talk."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from dataclasses import replace
from typing import Any, TypeVar

from voiceplane.call.listening import Listening
from voiceplane.call.mouth import Chunk, Mouth, Spoken
from voiceplane.call.patience import bridged
from voiceplane.call.recorder import Recorder
from voiceplane.call.shields import PhraseShields
from voiceplane.call.site import Site
from voiceplane.call.timings import TurnTimings
from voiceplane.call.turns import Turn
from voiceplane.contract.dialogue import HeardTurn, Say
from voiceplane.contract.ids import CallId
from voiceplane.planner.aloud import for_the_ear
from voiceplane.planner.phrases import phrases
from voiceplane.runtime.metrics import TURN_LATENCY, TURNS_LATE
from voiceplane.turn.events import AgentFinished

T = TypeVar("T")


class Speaking:
    """Speaks the turns of one call."""

    def __init__(self, site: Site, recorder: Recorder, mouth: Mouth, listening: Listening) -> None:
        """Speak with this mouth, to a floor that listens."""
        self._site = site
        self._spec = for_the_ear(site.bundle.agent.spec)
        self._recorder = recorder
        self._mouth = mouth
        self._listening = listening
        self._shields = PhraseShields(site.bundle.agent.spec)
        self.index = 0  # of the caller's turn that is answered, for the record: its tools and its answer have it too
        self.begun = False  # something of this turn was given to the mouth
        self._unkept = False  # a turn has begun that is not in the record
        self._marks: dict[str, float] = {}  # of this turn's first phrase: given to the voice, first speech from it
        self._synthesis_ms = 0.0
        mouth.first_speech = self._speech_came

    def begin(self) -> None:
        """Begin a turn of the agent: what is heard from now on belongs to it."""
        self.begun, self._unkept = False, True
        self._marks, self._synthesis_ms = {}, 0.0
        self._mouth.begin()
        self._listening.first_packet.clear()

    async def say(self, say: Say) -> None:
        """Speak a phrase, sentence by sentence shielded from interruption as the agent wants it."""
        self.begun = True
        self._mark("phrase")
        for phrase in phrases(say.text):  # as they were cut for the phrase cache
            await self._mouth.phrase(phrase, constant=say.constant, shield=self._shields.of(phrase))

    async def turn(self, sentences: list[Say]) -> Spoken:
        """Speak sentences as a turn of their own."""
        self._site.hub.state(self._recorder.facts.call_id, "speaking")
        self.begin()
        for sentence in sentences:
            await self.say(sentence)
        return await self.finish()

    @property
    def call_id(self) -> CallId:
        """Return the call's id."""
        return self._recorder.facts.call_id

    @property
    def so_far(self) -> str:
        """Return what the caller has heard of this turn."""
        return self._mouth.heard

    @property
    def cut(self) -> bool:
        """Say whether the caller has taken the floor in this turn."""
        return self._mouth.interrupted

    def heard(self, last: int) -> tuple[HeardTurn, ...]:
        """Return the newest turns of both sides."""
        return self._recorder.heard(last)

    async def unless_cut(self, events: AsyncIterator[T], *, tool: bool) -> T | None:
        """Return the next of a reply's events; None at their end, or when the caller takes the floor."""
        coming = asyncio.create_task(_next_or_none(events), name="next event")
        cut = asyncio.create_task(self._mouth.until_interrupted(), name="cut")

        async def either() -> T | None:
            await asyncio.wait({coming, cut}, return_when=asyncio.FIRST_COMPLETED)
            return coming.result() if coming.done() else None

        try:
            return await self.patiently(either(), tool=tool)
        finally:
            for task in (coming, cut):
                task.cancel()
            await asyncio.gather(coming, cut, return_exceptions=True)

    async def patiently(self, work: Coroutine[Any, Any, T], *, tool: bool = False) -> T:
        """Await another process; while it is slow the caller is told. OutOfPatienceError when it never ends."""
        words, patience = self._spec.phrases, self._site.patience
        if tool:
            patience = replace(patience, bridge_s=patience.tool_bridge_s, trouble_s=patience.tool_progress_s)
        return await bridged(
            work,
            patience=patience,
            say_bridge=lambda: self._bridge(words.bridge),
            say_trouble=lambda: self._bridge(words.progress if tool else words.trouble),
            sleep=self._listening.clock.sleep,
        )

    async def _bridge(self, sentence: str) -> None:
        """Say a cached sentence; it belongs to the turn that is being made."""
        self.begun = True
        self._site.hub.tell(self._recorder.facts.call_id, "bridge", {})
        for phrase in phrases(sentence):
            await self._mouth.interject(phrase, self._listening.clock.sleep, shield=self._shields.of(phrase))

    async def finish(self, timings: TurnTimings | None = None) -> Spoken:
        """Wait until the agent's turn was heard, and keep what was."""
        spoken = await self._mouth.finish()
        now = self._now()
        self._unkept = False
        heard = self._listening.first_packet.is_set()
        if timings:
            timings.marks |= self._marks | self._listening.cut_marks()
            timings.synthesis_ms = self._synthesis_ms
        latency = timings.milliseconds(self._listening.started_at) if timings and heard else ()
        if timings and heard:
            self._waited(max(0.0, self._listening.started_at - timings.spoken_until))
        turn = self._turn(spoken.text, latency)
        facts = {"pii.text": self.shown(turn), "interrupted": str(spoken.interrupted).lower()}
        facts |= {f"ms.{name}": str(value) for name, value in latency}
        self.keep(turn)
        self._site.hub.tell(self._recorder.facts.call_id, "said", facts)
        if not spoken.interrupted:
            self._listening.floor.feed(AgentFinished(now))
        return spoken

    def end(self) -> None:
        """Keep what was heard of a turn that the end of the call cuts off."""
        unkept, self._unkept = self._unkept, False
        if unkept and (text := self._mouth.heard):
            self.keep(self._turn(text))

    def _turn(self, text: str, latency: tuple[tuple[str, float], ...] = ()) -> Turn:
        ended_ns = self._site.clock.wall_ns()
        heard = self._listening.first_packet.is_set()
        started_ns = self._listening.clock.wall_ns_at(self._listening.started_at) if heard else ended_ns
        return Turn(self.index, "agent", text, started_ns, ended_ns, timings_ms=latency)

    def _waited(self, wait_s: float) -> None:
        objectives = self._spec.objectives
        TURN_LATENCY.observe(wait_s)
        for name, longest_s in (("p50", objectives.turn_p50), ("p95", objectives.turn_p95)):
            if wait_s > longest_s:
                TURNS_LATE.labels(name).inc()

    def shown(self, turn: Turn) -> str:
        """Return the text of a turn that is not kept yet as it may be watched."""
        return self._recorder.shown(turn)

    def keep(self, turn: Turn) -> None:
        """Put a turn into the record."""
        self._recorder.add(turn)
        self._site.hub.turned(self._recorder.facts.call_id, len(self._recorder.turns))

    async def nothing(self) -> None:
        """Open the floor without a word; a bridge that was begun is heard out first."""
        if self._listening.first_packet.is_set():
            await self.finish()
        else:
            self._listening.floor.feed(AgentFinished(self._now()))

    def _speech_came(self, chunk: Chunk) -> None:
        self._mark(f"speech_{chunk.source.value}")
        self._synthesis_ms = chunk.synthesis_ms

    def _mark(self, name: str) -> None:
        self._marks.setdefault(name, self._now())

    def _now(self) -> float:
        return self._site.clock.monotonic()


async def _next_or_none(events: AsyncIterator[T]) -> T | None:
    try:
        return await anext(events)
    except StopAsyncIteration:
        return None
