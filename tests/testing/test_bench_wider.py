"""The wider set for the end of turn: its halves, and that no other set has its sentences."""

from collections import Counter

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
    others = {*cutoffs.SENTENCES, *(each.words for each in held_out.SENTENCES)}
    assert not sentences & others
    assert not set(wider.VOICES) & {*held_out.VOICES, *VOICES}
