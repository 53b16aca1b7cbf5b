"""A tool's result is spoken as words: without the mark-up, signs and letters that a voice would read out one by one."""

import datetime

import pytest

from voiceplane.contract.agent import Intent
from voiceplane.planner import slots
from voiceplane.planner.render import fill

LOCALE = slots.Locale(datetime.date(2026, 11, 20))
INTENT = Intent.model_validate({"name": "ask", "examples": ["ask"], "reply": "It is {value}."})


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("your order is **ready**", "your order is ready"),
        ("<b>Ready</b> for <a href='x'>pick-up</a>", "Ready for pick-up"),
        ("Tom &amp; Jerry", "Tom and Jerry"),
        ("[the shop](https://example.com/shop)", "the shop"),
        ("Ready ✅", "Ready"),
        ("- one item", "one item"),
        ("IN_TRANSIT", "IN TRANSIT"),
        ("****-****-****-4242", "ending in 4 2 4 2"),
        ("***1234", "ending in 1 2 3 4"),
        ("apt #5", "apt number five"),
        ("jo_smith@example.com", "jo underscore smith at example dot com"),
        ("<5 kg", "less than five kilograms"),
        ("Hà Nội", "Hà Noi"),
        ("Zürich", "Zürich"),
        ("Shop 北京", "Shop"),
    ],
)
def test_a_value_is_spoken_without_what_no_voice_reads(value: str, said: str) -> None:
    assert fill(INTENT.reply, INTENT, {}, {"value": value}, locale=LOCALE) == f"It is {said}."


@pytest.mark.parametrize("value", ["北京", "Москва", "✅", "**", "<br>"])
def test_a_value_without_a_word_that_a_voice_reads_is_none(value: str) -> None:
    with pytest.raises(KeyError):
        fill(INTENT.reply, INTENT, {}, {"value": value}, locale=LOCALE)
