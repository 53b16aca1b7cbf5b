"""What the tests of the turn machine share: its usual parameters, and events fed to it one after the other."""

from voiceplane.turn.events import Action, Event
from voiceplane.turn.machine import TurnState, advance
from voiceplane.turn.parameters import TurnParameters

P = TurnParameters()


def run(state: TurnState, *events: Event) -> tuple[TurnState, list[Action]]:
    """Return the state behind these events, and all actions that they caused."""
    actions: list[Action] = []
    for event in events:
        state, step = advance(state, event, P)
        actions += step
    return state, actions
