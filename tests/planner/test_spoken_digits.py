"""Numbers as callers say them and as whisper writes them."""

import pytest

from voiceplane.planner.corrections import corrected, said_digits
from voiceplane.planner.digits import hidden, runs

SIX = [
    "four five two two one zero", "four five two two one oh", "four five double two one zero", "4 5 2 2 1 0", "452210",
    "4-5-2-2-1-0", "45-22-10", "45 22 10", "452,210", "452 210", "4, 5, 2, 2, 1, 0", "4. 5. 2. 2. 1. 0.", "452-210",
    "forty-five twenty-two ten", "forty five twenty two ten", "fourty five twenty two one zero", "45 double 2 1 0",
    "for five two two one zero", "for five to to one oh", "four five too too won oh", "4 5 to 2 1 0",
    "four fife two two one zero",
    "it's four five two two one zero", "the number is 452210", "number is four five two, two one zero",
    "my parcel number is 452210.",
    "it is for 452210", "that would be four five two two one zero please", "yes, it's 4 5 2 2 1 0",
    "um four five uh two two one zero",
    "four five two and then two one zero", "four five two dash two one zero", "four hundred fifty two two hundred ten",
    "four hundred and fifty two, two hundred and ten", "four hundred fifty-two thousand two hundred ten",
    "452 thousand 210", "four fifty two two ten", "four five two two hundred ten", "four, five, two, two, one, nought",
    "Four Five Two Two One Zero", "FOUR FIVE TWO TWO ONE ZERO", "four five two... two one zero",
    "oh, four five two two one zero",
    "oh it's four five two two one zero", "okay so 452 then 210", "sure, 45 22 10", "45 2 2 10", "4 52 210",
    "four fifty-two two one zero",
    "I think it's four five two two one zero", "four five two two ten", "I have it here, it's 452210, thanks",
    "hash 452210", "#452210",
    "four five a double two one zero", "four five two two one zero zero, no, four five two two one zero",
    "four five three, sorry, four five two two one zero", "four five two two one nine, no wait, zero",
    "no, I said 452210",
    "four five six no four five two two one zero", "452219 no 452210", "four five two two, no, two two one zero",
    "parcel 452210 to Friday", "one moment please, four five two two one zero",
    "the first one is four five two two one zero",
    "for the other one it's 452210", "no, it's four five two two one zero", "45221 0", "4522 10",
    "four five twenty-two ten",
]  # fmt: skip


@pytest.mark.parametrize("text", SIX)
def test_six_digits_are_read_however_they_are_said(text: str) -> None:
    assert said_digits(text, 6) == "452210"


@pytest.mark.parametrize(
    ("text", "length", "digits"),
    [
        ("four five double two", 4, "4522"),
        ("forty-five twenty-two", 4, "4522"),
        ("4-5-5-2", 4, "4552"),
        ("45,522", 5, "45522"),
        ("one hundred twenty three", 3, "123"),
        ("a hundred and five", 3, "105"),
        ("one hundred five", 4, "1005"),
        ("two thousand five", 4, "2005"),
        ("two thousand and five", 5, "20005"),
        ("two thousand twenty six", 4, "2026"),
        ("twenty twenty-six", 4, "2026"),
        ("nineteen oh five", 4, "1905"),
        ("nineteen hundred", 4, "1900"),
        ("twenty two hundred", 4, "2200"),
        ("five thousand", 4, "5000"),
        ("five thousand two hundred", 4, "5200"),
        ("twenty five one", 4, "2051"),
        ("triple seven", 3, "777"),
        ("triple seven double oh one", 6, "777001"),
        ("treble eight nine", 4, "8889"),
        ("double oh seven", 3, "007"),
        ("three sevens two zeros nine", 6, "777009"),
        ("two sixes and a five", 3, "665"),
        ("six triple zero five one", 6, "600051"),
        ("quadruple one", 4, "1111"),
        ("oh four oh seven", 4, "0407"),
        ("o seven", 2, "07"),
        ("nil nil seven", 3, "007"),
        ("ninety nine", 2, "99"),
        ("ninety nine", 3, "909"),
        ("twelve thirty four fifty six", 6, "123456"),
        ("one two three, four five six", 6, "123456"),
        ("one twenty three four fifty six", 6, "123456"),
        ("one hundred twenty three thousand four hundred fifty six", 6, "123456"),
        ("one hundred thousand", 6, "100000"),
        ("niner niner five", 3, "995"),
        ("double 22", 3, "222"),
        ("for for five five two two", 6, "445522"),
        ("to", 1, "2"),
        ("for", 1, "4"),
        ("ate", 1, "8"),
        ("it's one", 1, "1"),
        ("two", 1, "2"),
        ("seven", None, "7"),
        ("my account is 12345678", None, "12345678"),
        ("eleven twelve thirteen", 6, "111213"),
        ("four five two", 6, "452"),
        ("four five two two one zero seven", 6, "4522107"),
    ],
)
def test_the_expected_length_chooses_between_readings(text: str, length: int | None, digits: str) -> None:
    assert said_digits(text, length) == digits


@pytest.mark.parametrize(
    "text",
    [
        "", "hello", "one moment please", "give me one second", "just two minutes", "the other one", "this one please",
        "I want to talk to you", "for what", "to be or not to be", "what is it for", "oh okay", "oh", "I don't have it",
        "no", "yes", "tree", "that one", "wait a second", "which one", "no one told me", "it won", "I ate already",
        "double trouble", "hundred", "...", "٣٤٥", "one more time please", "two more things", "to whom",
    ],
)  # fmt: skip
def test_words_that_only_sound_like_digits_are_none(text: str) -> None:
    assert said_digits(text, 6) == ""


@pytest.mark.parametrize(
    ("known", "text", "now"),
    [
        ("452219", "no, the last digit is 0", "452210"),
        ("492210", "no, I said five", "452210"),  # nine and five sound alike on a telephone
        ("452210", "no, four five two three one zero", "452310"),
        ("452215", "not five, nine", "452219"),
        ("452210", "no, not five, nine", "492210"),
        ("452210", "nine not five", "492210"),
        ("452210", "it's a nine, not a four", "952210"),
        ("452210", "sorry, the last digit is 7", "452217"),
        ("452210", "last digit one", "452211"),
        ("452210", "the last one is a seven", "452217"),
        ("452210", "the first digit should be 9", "952210"),
        ("452210", "the second digit is eight", "482210"),
        ("452210", "the third digit is nine", "459210"),
        ("452210", "the second to last digit is 9", "452290"),
        ("452210", "the last two are four five", "452245"),
        ("452210", "the last two digits are 4 5", "452245"),
        ("452210", "the first three are nine nine eight", "998210"),
        ("452210", "the last three digits are wrong, it's 9 9 8", "452998"),
        ("452210", "change the five to a nine", "492210"),
        ("452210", "no, four six", "462210"),
        ("452210", "no it's 452211", "452211"),
        ("452210", "452211", "452211"),
        ("452210", "wrong, it is four five two two double one", "452211"),
        ("452210", "actually one one at the end", "452211"),
        ("4522", "no, nine", "4922"),
        ("452210", "yes", None),
        ("452210", "no", None),
        ("452210", "that's right, 452210", None),
        ("452210", "no, four five", None),  # repeats what is known: corrects nothing
        ("452210", "what", None),
        ("452210", "the twelfth digit is four", None),
        ("45", "the last three are one two three", None),
    ],
)
def test_a_correction_changes_what_was_meant(known: str, text: str, now: str | None) -> None:
    assert corrected(known, text, 6) == now


def test_runs_are_ended_by_other_words() -> None:
    assert runs("parcel 123456 on the 5th of 12") == ["123456", "5", "12"]


def test_a_hostile_text_is_read_in_bounded_time_and_size() -> None:
    for text in (
        "for to " * 3000,
        "23456789 zeros " * 50,
        "nine thousand " * 2000,
        "twenty five " * 3000,
        "9" * 100_000,
    ):
        said_digits(text[:600], 6)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("my PIN is 1 2 3 4 by the way", "my PIN is [digits] by the way"),
        ("it's 1234", "it's [digits]"),
        ("PIN1234", "PIN [digits]"),
        ("1-2-3-4 or 12:34", "[digits] or [digits]"),
        ("twelve thirty", "[digits]"),
        ("double five double six", "[digits]"),
        ("one, uh, two and then three four", "[digits]"),
        ("one two for five", "[digits]"),
        ("three sevens", "[digits]"),
        ("two parcels and one letter", "two parcels and one letter"),
        ("the other one", "the other one"),
        ("in a moment, at 12", "in a moment, at 12"),
    ],
)
def test_a_text_is_told_on_without_its_numbers(said: str, shown: str) -> None:
    assert hidden(said) == shown


@pytest.mark.parametrize("said", SIX)
def test_digits_are_hidden_however_they_are_said(said: str) -> None:
    assert all(len(run) < 3 for run in runs(hidden(said)))
