"""Random calls as the call layer can make them: edges alternate, a tick every 20 ms, facts late, lost or about old
pauses, replies that come or do not. What must hold in every one of them."""

from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from voiceplane.turn.events import (
    Action,
    AgentFinished,
    AgentStarted,
    AskAgain,
    BeginUtterance,
    Duck,
    EndTurn,
    Event,
    GiveUp,
    Interrupt,
    OverlapJudged,
    PauseJudged,
    Resume,
    Retracted,
    SpeechResumed,
    Tick,
    TurnStands,
    WordsRead,
)
from voiceplane.turn.gate import SpeechPaused, SpeechStarted
from voiceplane.turn.machine import Floor, TurnState, advance
from voiceplane.turn.overlap import Overlap
from voiceplane.turn.parameters import TurnParameters
from voiceplane.turn.reading import Reading

P = TurnParameters(max_utterance_s=8.0, ask_after_s=3.0)
TICK_S, PAUSE_S = 0.02, 0.064
QUIET = (Floor.AGENT, Floor.OPEN, Floor.THINKING)


@dataclass(slots=True)
class Call:
    """A call so far."""

    state: TurnState = field(default_factory=TurnState)
    now: float = 0.0
    voiced: bool = False
    sounds: bool = False  # something is heard that is no edge of speech
    happened: list[tuple[Event, TurnState, TurnState, tuple[Action, ...]]] = field(default_factory=list)

    def feed(self, event: Event) -> tuple[Action, ...]:
        before = self.state
        self.state, actions = advance(before, event, P)
        self.happened.append((event, before, self.state, actions))
        return actions

    def pass_time(self, seconds: float) -> None:
        for _ in range(max(1, round(seconds / TICK_S))):
            self.now += TICK_S
            self.feed(Tick(self.now, self.sounds))

    def voice(self, *, retract: bool) -> None:
        """Flip the gate; it says so PAUSE_S after the fact."""
        self.voiced = not self.voiced
        if not self.voiced:
            self.pass_time(2 * PAUSE_S)
            self.feed(SpeechPaused(self.now, self.now - PAUSE_S))
            return
        self.pass_time(2 * PAUSE_S)
        for action in self.feed(SpeechStarted(self.now - PAUSE_S)):
            if isinstance(action, SpeechResumed):
                self.feed(Retracted(self.now) if retract else TurnStands(self.now))


@st.composite
def calls(draw: st.DrawFn) -> Call:
    call = Call()
    for _ in range(draw(st.integers(0, 25))):
        call.pass_time(draw(st.sampled_from([0.02, 0.06, 0.2, 0.5, 1.0, 3.0])))
        match draw(st.integers(0, 8)):
            case 0 | 1:
                call.voice(retract=draw(st.booleans()))
            case 2:
                call.feed(AgentStarted(call.now))
            case 3:
                call.feed(AgentFinished(call.now))
            case 4:
                call.feed(PauseJudged(call.now, draw(st.integers(0, call.state.pause)), draw(st.floats(0, 1))))
            case 5:
                reading = draw(st.sampled_from(Reading))
                call.feed(WordsRead(call.now, draw(st.integers(0, call.state.pause)), reading))
            case 6:
                kind = draw(st.sampled_from(Overlap))
                call.feed(OverlapJudged(call.now, draw(st.integers(0, call.state.overlap)), kind))
            case 7:
                call.sounds = not call.sounds
            case _:
                shield = draw(st.sampled_from([0.0, call.now + 1.0, float("inf")]))
                call.state = replace(call.state, shield_until=shield)
    return call


@settings(max_examples=150, deadline=None)
@given(calls())
def test_a_turn_has_one_end_and_only_after_it_began(call: Call) -> None:
    begun: float | None = None
    for event, _, _, actions in call.happened:
        if isinstance(event, Retracted):
            begun = -1.0 if begun is None else begun
        for action in actions:
            match action:
                case BeginUtterance(since):
                    begun = since
                case EndTurn(at, spoken_until, reason):
                    assert begun is not None and begun <= spoken_until <= at == event.at
                    assert reason in ("judged", "silence", "too-long")
                    begun = None


@settings(max_examples=150, deadline=None)
@given(calls())
def test_time_never_runs_back(call: Call) -> None:
    for event, before, after, actions in call.happened:
        moments = [after.since, after.utterance_since, after.overlap_since, after.overlap_ended]
        moments += [getattr(action, "at", event.at) for action in actions]
        assert all(moment is None or moment <= call.now + 1e-9 for moment in moments)
        assert after.pause >= before.pause and after.overlap >= before.overlap
        if after.floor is not before.floor and after.floor in (Floor.OPEN, Floor.THINKING):
            assert after.since >= before.since - 1e-9


@settings(max_examples=150, deadline=None)
@given(calls())
def test_the_state_stays_within_its_bounds(call: Call) -> None:
    pauses = sum(isinstance(event, SpeechPaused) for event, *_ in call.happened)
    sounds = sum(isinstance(event, SpeechStarted | AgentStarted) for event, *_ in call.happened)
    for event, before, after, actions in call.happened:
        assert 0 <= after.overlap_stage <= len(P.overlap_stages_s)
        assert after.pause <= pauses and after.overlap <= sounds
        assert after.asked <= before.asked + isinstance(event, Tick)
        assert len(actions) <= 2
        assert after.probability is None or 0.0 <= after.probability <= 1.0


@settings(max_examples=150, deadline=None)
@given(calls())
def test_the_agent_is_cut_only_while_it_speaks_and_asks_only_while_nobody_does(call: Call) -> None:
    for _, before, after, actions in call.happened:
        for action in actions:
            match action:
                case Duck():
                    assert before.floor in (Floor.AGENT, Floor.THINKING) and after.floor is Floor.DUCKED
                case Resume():
                    assert before.floor is Floor.DUCKED and after.floor is Floor.AGENT
                case Interrupt():
                    assert before.floor is Floor.DUCKED or before.unread_until is not None
                    assert after.floor in (Floor.CALLER, Floor.PAUSED)
                case AskAgain() | GiveUp():
                    assert before.floor is Floor.OPEN and after.floor is Floor.THINKING
                case SpeechResumed():
                    assert before.floor is Floor.THINKING


@settings(max_examples=150, deadline=None)
@given(calls())
def test_a_caller_who_falls_silent_is_never_waited_on_for_ever(call: Call) -> None:
    if call.voiced:
        call.voice(retract=False)
    call.pass_time(P.digits_max_pause_s + P.overlap_wait_s)
    assert call.state.floor in QUIET


@settings(max_examples=150, deadline=None)
@given(calls())
def test_a_caller_who_never_stops_is_answered_after_the_longest_utterance(call: Call) -> None:
    call.feed(AgentFinished(call.now))
    if not call.voiced:
        call.voice(retract=True)
    call.pass_time(P.max_utterance_s + P.interrupt_s)
    assert call.state.floor in QUIET


@settings(max_examples=100, deadline=None)
@given(calls())
def test_a_phrase_that_must_be_heard_is_never_cut(call: Call) -> None:
    call.state = TurnState(floor=Floor.AGENT, shield_until=float("inf"), pause=call.state.pause)
    first = len(call.happened)
    for _ in range(3):
        call.voice(retract=True)
        call.pass_time(1.5)
    actions = [action for *_, taken in call.happened[first:] for action in taken]
    assert not any(isinstance(action, Duck | Interrupt) for action in actions)
    assert call.state.floor is Floor.AGENT
