"""The sets for the end of turn: their halves, and that no two of them share sentences or voices."""

from collections import Counter

import pytest

from voiceplane.planner.digits import best_run
from voiceplane.testing.bench import cutoffs, held_out, wider
from voiceplane.testing.bench.place import VOICES
from voiceplane.turn.reading import said_digits


def test_both_halves_have_the_same_number_of_every_kind_and_each_number_six_digits() -> None:
    said = list(wider.said())
    counts = Counter((each.kind, each.tuning) for each in said)
    assert all(counts[kind, True] == counts[kind, False] for kind, _ in counts)
    assert counts["digits", True] == wider.NUMBERS // 2 and counts["hesitation", True] >= 40
    assert {len(said_digits(" ".join(each.pieces.words))) for each in said if each.kind == "digits"} == {6}
    assert all(0.3 <= pause <= 0.9 for each in said for pause in each.pieces.pauses)


def test_the_set_is_the_same_each_time_and_shares_no_sentence_or_voice_with_the_others() -> None:
    said = list(wider.said())
    assert said == list(wider.said())
    sentences = {each.pieces.words for each in said if each.kind == "hesitation"}
    others = {*cutoffs.SENTENCES, *(each.words for half in held_out.HALVES for each in half.sentences)}
    assert not sentences & others
    assert not set(wider.VOICES) & {*VOICES, *(voice for half in held_out.HALVES for voice in half.voices)}


def test_the_held_out_halves_have_about_a_hundred_utterances_that_no_other_set_has() -> None:
    first, second = held_out.HALVES
    assert len(first.digits) + len(first.sentences) == 40
    assert len(second.digits) + len(second.sentences) >= 60
    every = [each.words for half in held_out.HALVES for each in (*half.digits, *half.sentences)]
    assert len(set(every)) == len(every) and not set(every) & set(cutoffs.SENTENCES)
    voices = [*VOICES, *first.voices, *second.voices]
    assert len(set(voices)) == len(voices)


@pytest.mark.parametrize("half", held_out.HALVES, ids=lambda half: half.name)
def test_each_held_out_voice_says_its_share_and_each_number_has_six_digits(half: held_out.Half) -> None:
    shares = [half.of(voice) for voice in range(len(half.voices))]
    assert sorted(each.text for digits, _ in shares for each in digits) == sorted(each.text for each in half.digits)
    assert sum(len(sentences) for _, sentences in shares) == len(half.sentences)
    for number in half.digits:
        assert len(best_run(" ".join(number.words), 6)) == 6, number.text
        assert len(number.pauses) == len(number.words) - 1 and all(0.3 <= pause <= 1.2 for pause in number.pauses)
    assert all(len(each.pauses) == len(each.words) - 1 for each in half.sentences)
