import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceplane.turn.stability import Stable, extend, next_partial_s, plain, plain_text

WORDS = st.sampled_from(["where", "is", "my", "parcel", "Parcel,", "wear", "six", "IS"])
DECODES = st.lists(st.lists(WORDS, max_size=6).map(tuple), max_size=12)


def after(*decodes: str) -> Stable:
    state = Stable()
    for decode in decodes:
        state = extend(state, tuple(decode.split()))
    return state


def shown(state: Stable) -> list[str]:
    return [plain(word) for word in state.words[: state.stable]]


def test_a_word_seen_once_may_still_change() -> None:
    assert after("where is").stable == 0


def test_words_that_two_decodes_agree_on_are_stable_and_the_new_ones_are_not() -> None:
    state = after("where is", "where is my")
    assert (state.stable, state.whole, state.text) == (2, False, "where is my")


def test_case_and_punctuation_are_no_disagreement() -> None:
    assert after("Where is my parcel.", "where is my parcel?").whole


def test_an_agreement_that_is_not_at_the_beginning_makes_nothing_stable() -> None:
    assert after("wear is my parcel", "where is my parcel").stable == 0


def test_no_words_are_never_whole() -> None:
    assert not after("", "", "").whole


def test_each_word_that_a_later_decode_changed_or_dropped_is_counted_once() -> None:
    assert after("wear is", "where is").changed == 2  # the second stands behind a change
    assert after("where is my", "where is").changed == 1
    assert after("where", "where is", "where is my").changed == 0


def test_a_stable_word_that_later_decodes_contradict_counts_as_changed_once() -> None:
    assert after("where is", "where is", "wear is").changed == 1
    assert after("where is", "where is", "wear is", "wear is my", "where is my").changed == 1
    assert after("where is", "where is", "where").changed == 1


@given(DECODES)
def test_a_stable_word_is_never_taken_back(decodes: list[tuple[str, ...]]) -> None:
    state = Stable()
    for decode in decodes:
        before, state = state, extend(state, decode)
        assert shown(state)[: before.stable] == shown(before)
        assert 0 <= before.stable <= state.stable <= len(state.words)
        assert state.changed >= before.changed


@given(DECODES, st.lists(WORDS, min_size=1, max_size=6).map(tuple))
def test_a_recognizer_that_settles_is_believed_after_two_decodes(
    decodes: list[tuple[str, ...]], last: tuple[str, ...]
) -> None:
    state = Stable()
    for decode in decodes:
        state = extend(state, decode)
    assert extend(extend(state, last), last).whole


@given(st.lists(WORDS, max_size=6))
def test_two_texts_that_differ_only_in_how_they_are_written_mean_the_same(words: list[str]) -> None:
    text = " ".join(words)
    assert plain_text(text) == plain_text("  " + text.upper() + " ?!") == plain_text(plain_text(text))


@pytest.mark.parametrize(("latency_s", "between_s"), [(0.0, 0.18), (0.1, 0.18), (0.12, 0.2), (0.3, 0.75), (1.2, 4.0)])
def test_partials_come_every_200_ms_and_slow_down_with_the_recognizer(latency_s: float, between_s: float) -> None:
    assert next_partial_s(latency_s) == pytest.approx(between_s)


@given(st.floats(0.0, 10.0))
def test_partials_of_one_call_never_keep_the_recognizer_busy_for_more_than_their_share(latency_s: float) -> None:
    assert latency_s <= 0.6 * next_partial_s(latency_s) + 1e-9


def test_partials_of_a_dictated_number_give_way_as_soon_as_there_are_other_calls() -> None:
    assert next_partial_s(0.11, digits=True) == next_partial_s(0.11)
    assert next_partial_s(0.14, digits=True) == pytest.approx(0.14 / 0.4)
    assert next_partial_s(0.17, digits=True) == pytest.approx(0.17 / 0.2)
    assert next_partial_s(0.3, digits=True) == pytest.approx(3 * next_partial_s(0.3))
