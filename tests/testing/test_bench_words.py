"""Words between the ledger and the wire, and numbers made for dictation."""

import random

import pytest

from voiceplane.testing.bench import ledger
from voiceplane.testing.bench.align import Inside, begun, errors, inside, words_off
from voiceplane.testing.bench.cutoffs import dictated


@pytest.mark.parametrize(
    ("said", "wire", "off"),
    [
        ("every parcel is insured", "every parcel is insured", 0),
        ("every parcel is insured against", "every parcel is insured", 1),
        ("every parcel is", "every parcel is insured against loss", 3),
        ("every parcel is insured", "every partial is insured", 0),  # the recognizer's error inside does not count
        ("every parcel is insured", "every parcel is insur", 0),  # a word of which the beginning was heard
        ("every parcel is insured", "", 4),
        ("every parcel is insured", "every parcel is ensured against", 1),  # one letter of a long word
        ("it is there", "it is where", 1),
        ("", "", 0),
        ("costs sixteen dollars delivery", "costs sixteen delivery before", 1),  # two alignments are as good
        ("the price depends on weight", "the the price depends on weight", 0),
    ],
)
def test_words_off_counts_what_stands_behind_the_last_agreement(said: str, wire: str, off: int) -> None:
    assert words_off(said.split(), wire.split()) == off


@pytest.mark.parametrize(
    ("said", "wire", "found"),
    [
        ("every parcel is insured", "every partial is insured", Inside(0, 0, 0)),  # a changed word is the recognizer's
        ("every parcel is insured against loss", "every parcel against loss", Inside(2, 0, 2)),
        ("every parcel is insured", "every parcel is every parcel is insured", Inside(0, 3, 3)),
        ("a b c d e f", "a c d x e f", Inside(1, 1, 1)),
        ("every parcel is insured against", "every parcel is", Inside(0, 0, 0)),  # behind the last agreement
    ],
)
def test_words_lost_or_doubled_inside_are_counted_with_their_longest_stretch(
    said: str, wire: str, found: Inside
) -> None:
    assert inside(said.split(), wire.split()) == found


def test_a_ledger_that_lost_words_inside_fails_though_its_end_agrees() -> None:
    said = "every parcel is insured against loss and damage up to a value of five hundred dollars".split()
    whole = [ledger.Compared(said, said)]
    resumed_late = ledger.Compared(said, [*said[:4], *said[8:]])
    made = {line.what: line for line in ledger.lines([resumed_late], [None], whole, (1, 1), wanted=2)}
    assert made["words between ledger and wire"].reached is True
    assert made["replies with words lost or doubled inside"].reached is False
    assert made["missing of 2 to be judged"].reached is False


@pytest.mark.parametrize(
    ("second", "off"),
    [
        ("a small letter box within the city", 0.0),  # the first ear lost the end
        ("a small letter box within", 2.0),  # both hear less than the ledger has
    ],
)
def test_the_ledger_is_off_by_the_words_that_two_ears_miss(second: str, off: float) -> None:
    said = "a small letter box within the city".split()
    first = ledger.Compared(said, said[:4])
    made = {
        line.what: line for line in ledger.lines([first], [ledger.Compared(said, second.split())], [], (1, 1), wanted=1)
    }
    assert made["words between ledger and wire"].values == (off,)
    assert made["- by the small recognizer alone"].cases == 1


def test_the_beginning_that_was_heard_ends_where_the_sound_did() -> None:
    whole = "every parcel is insured against loss and damage and more".split()
    assert begun(whole, "every parcel is insured against loss and".split()) == whole[:7]
    assert begun(whole, "every partial is against loss and".split()) == whole[:7]
    assert begun(whole, []) == []


def test_errors_count_changed_lost_and_invented_words() -> None:
    assert errors("a b c d".split(), "a x c d e".split()) == 2
    assert errors("a b c".split(), []) == 3


def test_a_dictated_number_has_its_digits_in_groups_and_pauses_within_bounds() -> None:
    pieces = dictated("456721", (1, 2, 3), random.Random(1))
    assert pieces.words == ("four", "five six", "seven two one")
    assert len(pieces.pauses) == 2 and all(0.3 <= seconds <= 1.2 for seconds in pieces.pauses)
    assert pieces.text.startswith("four (")


@pytest.mark.parametrize(
    ("ledger_has", "wire_has", "off"),
    [
        ("a value of five hundred", "a value of $500", 0),
        ("a value of five hundred", "a value of 5", 1),
        ("a value of five hundred dollars", "a value of five", 1),
        ("parcel 1 0 0 2", "parcel 1002", 0),
    ],
)
def test_a_hundred_is_one_word_however_it_is_written(ledger_has: str, wire_has: str, off: int) -> None:
    assert words_off(ledger.compared_words(ledger_has), ledger.compared_words(wire_has)) == off
