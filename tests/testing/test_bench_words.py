"""Words between the ledger and the wire, and numbers made for dictation."""

import random

import pytest

from voiceplane.testing.bench.align import errors, words_off
from voiceplane.testing.bench.cutoffs import dictated


@pytest.mark.parametrize(
    ("ledger", "wire", "off"),
    [
        ("every parcel is insured", "every parcel is insured", 0),
        ("every parcel is insured against", "every parcel is insured", 1),
        ("every parcel is", "every parcel is insured against loss", 3),
        ("every parcel is insured", "every partial is insured", 0),  # the recognizer's error inside does not count
        ("every parcel is insured", "every parcel is insur", 0),  # a word of which the beginning was heard
        ("every parcel is insured", "", 4),
        ("", "", 0),
        ("costs sixteen dollars delivery", "costs sixteen delivery before", 1),  # two alignments are as good
        ("the price depends on weight", "the the price depends on weight", 0),
    ],
)
def test_words_off_counts_what_stands_behind_the_last_agreement(ledger: str, wire: str, off: int) -> None:
    assert words_off(ledger.split(), wire.split()) == off


def test_errors_count_changed_lost_and_invented_words() -> None:
    assert errors("a b c d".split(), "a x c d e".split()) == 2
    assert errors("a b c".split(), []) == 3


def test_a_dictated_number_has_its_digits_in_groups_and_pauses_within_bounds() -> None:
    pieces = dictated("456721", (1, 2, 3), random.Random(1))
    assert pieces.words == ("four", "five six", "seven two one")
    assert len(pieces.pauses) == 2 and all(0.3 <= seconds <= 1.2 for seconds in pieces.pauses)
    assert pieces.text.startswith("four (")
