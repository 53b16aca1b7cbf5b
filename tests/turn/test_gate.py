from hypothesis import given
from hypothesis import strategies as st

from voiceplane.turn.gate import GateParameters, GateState, Loudness, Onset, SpeechPaused, SpeechStarted, hear

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


def loudness(levels: list[float], probability: float = 0.9) -> Loudness:
    known = Loudness()
    for level in levels:
        known = known.follow(level, probability, GateParameters())
    return known


def test_the_echo_of_a_loud_voice_is_quiet_and_its_soft_sounds_are_not() -> None:
    known = loudness([66.0] * 30)
    assert known.is_quiet(38.0)
    assert not known.is_quiet(46.0)


def test_the_first_word_of_a_faint_caller_is_not_too_quiet() -> None:
    assert not Loudness().is_quiet(25.0)


def test_a_caller_who_turns_away_is_heard_again_within_three_seconds() -> None:
    known = loudness([70.0] * 30)
    assert known.is_quiet(40.0)
    assert not loudness([70.0] * 30 + [40.0] * 94).is_quiet(40.0)


def test_the_noise_between_words_does_not_lower_the_voices_level() -> None:
    known = loudness([66.0] * 30)
    assert known.follow(10.0, 0.1, GateParameters()) == known


def begins(levels_db: list[float], probability: float = 0.1) -> list[bool]:
    onset, found = Onset(), []
    for level_db in levels_db:
        onset = onset.follow(level_db, probability, GateParameters())
        found.append(onset.loud_s is not None)
    return found


def test_a_sound_of_three_steps_may_be_a_words_beginning_voice_or_not() -> None:
    assert begins([30.0, 54.0, 55.0, 55.0]) == [False, False, False, True]
    assert begins([30.0, 54.0, 55.0, 55.0], probability=0.9) == [False, False, False, True]


def test_a_click_across_two_steps_and_what_is_softer_than_any_consonant_begin_nothing() -> None:
    assert not any(begins([30.0, 60.0, 60.0, 30.0, 60.0, 60.0, 30.0]))
    assert not any(begins([44.0] * 40))


def test_a_sound_that_lasts_is_no_consonant_and_becomes_the_lines_noise() -> None:
    found = begins([55.0] * 400)
    assert not any(found[25:])
    assert not any(begins([55.0] * 400 + [20.0] + [58.0] * 10)[400:])


def test_a_sound_that_counts_as_speech_has_begun_where_it_began_but_not_before_the_last_pause() -> None:
    def begun(state: GateState, since: float) -> SpeechStarted | SpeechPaused | None:
        return hear(state, 0.1, start=1.0, end=1.032, parameters=GateParameters(), begun=since)[1]

    assert begun(GateState(), 0.984) == SpeechStarted(0.984)
    assert begun(GateState(last_voiced=0.99), 0.9) == SpeechStarted(0.99)
    assert begun(GateState(speaking=True, last_voiced=0.9), 0.95) is None  # it goes on
