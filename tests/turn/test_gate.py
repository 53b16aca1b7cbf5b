from hypothesis import given
from hypothesis import strategies as st

from voiceplane.turn.gate import GateParameters, GateState, SpeechPaused, SpeechStarted, hear

WINDOW_S = 0.032


def edges(probabilities: list[float]) -> list[SpeechStarted | SpeechPaused]:
    state, found = GateState(), []
    for index, probability in enumerate(probabilities):
        start = index * WINDOW_S
        state, edge = hear(state, probability, start=start, end=start + WINDOW_S, parameters=GateParameters())
        if edge is not None:
            found.append(edge)
    return found


def test_one_loud_window_is_a_click_and_not_speech() -> None:
    assert edges([0.0, 0.9, 0.0, 0.0]) == []


def test_speech_is_dated_back_to_its_first_window() -> None:
    assert edges([0.0, 0.9, 0.9, 0.9]) == [SpeechStarted(WINDOW_S)]


def test_a_pause_is_said_once_and_names_the_end_of_the_last_voiced_window() -> None:
    found = edges([0.9] * 4 + [0.0] * 20)
    assert [type(edge) for edge in found] == [SpeechStarted, SpeechPaused]
    pause = found[1]
    assert isinstance(pause, SpeechPaused)
    assert pause.since == 4 * WINDOW_S
    assert pause.at - pause.since >= GateParameters().pause_s - 1e-6


def test_a_dip_between_the_two_thresholds_does_not_pause() -> None:
    assert len(edges([0.9] * 4 + [0.4] * 30)) == 1


@given(st.lists(st.floats(0, 1), max_size=400))
def test_starts_and_pauses_alternate_whatever_is_heard(probabilities: list[float]) -> None:
    kinds = [type(edge) for edge in edges(probabilities)]
    assert kinds == [SpeechStarted, SpeechPaused] * (len(kinds) // 2) + [SpeechStarted] * (len(kinds) % 2)
