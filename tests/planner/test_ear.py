"""Text for the ear: a table of what is written and how it is said, and what holds for any text."""

import datetime
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceplane.contract.spoken_digits import NAMES, NAMES_OF_TENS
from voiceplane.planner import counting, ear

TODAY = datetime.date(2026, 11, 20)
SAID = {
    # plain words stay
    "Parcel 4 5 6 7 2 1 is out for delivery.": "Parcel 4 5 6 7 2 1 is out for delivery.",
    "Is there anything else I can help with?": "Is there anything else I can help with?",
    # numbers
    "You have 3 parcels.": "You have three parcels.",
    "1,250 people": "one thousand two hundred fifty people",
    "It weighs 3.75 units": "It weighs three point seven five units",
    "-5 outside": "minus five outside",
    "room #12": "room number twelve",
    "1000000 is long": "1 0 0, 0 0 0 0 is long",
    "15% off, or 2.5 %": "fifteen percent off, or two point five percent",
    "the 1st, 22nd, 33rd and 112th": "the first, twenty-second, thirty-third and one hundred twelfth",
    "10-15%, -5%": "ten to fifteen percent, minus five percent",
    "1/2 of it, 2 1/2 hours, 3/4": "one half of it, two and a half hours, three quarters",
    "24/7, 50/50, 12/27": "twenty-four seven, fifty fifty, twelve slash twenty-seven",
    "version 2.0.1, 0.5": "version two point zero point one, zero point five",
    "pages 8-10 and 3 – 4": "pages eight to ten and three to four",
    "since 1999, in 2026": "since nineteen ninety-nine, in twenty twenty-six",
    # references
    "Parcel 456721.": "Parcel 4 5 6 7 2 1.",
    "code 007": "code 0 0 7",
    "booking BK-4521": "booking B as in Bravo, K as in Kilo, 4 5 2 1",
    "1Z999": "one, Z as in Zulu, 9 9 9",
    "Order 9876543210": "Order 9 8 7, 6 5 4, 3 2 1 0",
    "COVID-19 rules": "COVID-19 rules",
    "ORDER-12345": "ORDER 1 2 3 4 5",
    "DE89 3704 0044 0532 0130 00": "D as in Delta, E as in Echo, 8 9, 3 7 0 4, 0 0 4 4, 0 5 3 2, 0 1 3 0, 0 0",
    "GB29NWBK60161331926819": (
        "G as in Golf, B as in Bravo, 2 9, N as in November, W as in Whiskey, B as in Bravo, K as in Kilo, "
        "6 0 1 6, 1 3 3 1, 9 2 6 8, 1 9"
    ),
    "12-345-678": "1 2, 3 4 5, 6 7 8",
    "card 4111 1111 1111 1111": "card 4 1 1 1, 1 1 1 1, 1 1 1 1, 1 1 1 1",
    "ending in 4321, PIN 1234": "ending in 4 3 2 1, PIN 1 2 3 4",
    "order #123456, order number #AB-12": "order number 1 2 3 4 5 6, order number A as in Alpha, B as in Bravo, 1 2",
    "No. 5, customer no. 4711": "number five, customer number 4 7 1 1",
    "Ready? No. 5 minutes more.": "Ready? No. five minutes more.",
    # money
    "USD 12.50": "twelve dollars and fifty cents",
    "$1": "one dollar",
    "$0.99": "ninety-nine cents",
    "$1,250.01.": "one thousand two hundred fifty dollars and one cent.",
    "€5 or £3.20": "five euros or three pounds and twenty pence",
    "12 EUR": "twelve euros",
    "$2.5 million": "two point five million dollars",
    "$2.5k or $1M": "two point five thousand dollars or one million dollars",
    "Your refund of -$20.00": "Your refund of minus twenty dollars",
    "Your balance is $-5.25.": "Your balance is minus five dollars and twenty-five cents.",
    "It is $5-$10, or 5–10 USD": "It is five to ten dollars, or five to ten dollars",
    "It costs 5€, 7 € or €1.234,50": (
        "It costs five euros, seven euros or one thousand two hundred thirty-four euros and fifty cents"
    ),
    "$10/month": "ten dollars per month",
    "a fee of $0.5": "a fee of fifty cents",
    # dates and times
    "2026-11-24": "Tuesday, November twenty-fourth",
    "on 2026-11-24T14:30:00Z": "on Tuesday, November twenty-fourth at two thirty P M",
    "11/24/2026": "Tuesday, November twenty-fourth",
    "2026-13-45": "2026-13-45",
    "14:30": "two thirty P M",
    "at 09:05, 12:00 and 00:00": "at nine oh five A M, noon and midnight",
    "8am to 5:15 p.m.": "eight A M to five fifteen P M.",
    "10:30 AM EST, 10.30am": "ten thirty A M EST, ten thirty A M",
    "9:00-17:00": "nine A M to five P M",
    "2-4 pm, 9am-5pm": "two to four P M, nine A M to five P M",
    "Open Mon-Fri 9-5.": "Open Monday to Friday nine to five.",
    "on 12/5 or 05.12.2026": "on December fifth or Saturday, December fifth",
    "by 12-05-2026": "by Saturday, December fifth",
    "on Nov 27, 2026": "on November twenty-seventh, twenty twenty-six",
    "27 November": "November twenty-seventh",
    "Dec 3-5, or 12-14 December": "December third to fifth, or December twelfth to fourteenth",
    "until 2028-03-01": "until March first, twenty twenty-eight",
    "since 2025-12-05": "since December fifth, twenty twenty-five",
    "Mon-Sat": "Monday to Saturday",
    "Fri 8 pm": "Friday eight P M",
    # addresses, spellings
    "12 N Main St., Apt 4B, Springfield, IL 62704": (
        "twelve North Main Street, Apartment four B, Springfield, Illinois, 6 2 7 0 4"
    ),
    "We are at 7 Elm St.": "We are at seven Elm Street.",
    "1250 Oak Avenue": "twelve fifty Oak Avenue",
    "305 5th Ave": "three oh five fifth Avenue",
    "jo.smith@example.com": "jo dot smith at example dot com",
    "See https://www.northwind.com/track.": "See www dot northwind dot com slash track.",
    "go to northwind.com": "go to northwind dot com",
    "Call (415) 555-0100": "Call 4 1 5, 5 5 5, 0 1 0 0",
    "22 St. James St., near St. Paul": "twenty-two Saint James Street, near Saint Paul",
    "on Main St. and Oak Ave.": "on Main Street and Oak Avenue.",
    "London SW1A 2AA": "London S as in Sierra, W as in Whiskey, one, A as in Alpha, two, A as in Alpha, A as in Alpha",
    "Call 0800 123 4567.": "Call 0 8 0 0, 1 2 3, 4 5 6 7.",
    "Call 555-0123, or 500-1000 units": "Call 5 5 5, 0 1 2 3, or five hundred to one thousand units",
    "(555) 123-4567 ext. 12": "5 5 5, 1 2 3, 4 5 6 7, extension 1 2",
    "+44 20 7946 0958": "plus 4 4, 2 0, 7 9 4 6, 0 9 5 8",
    # units, short forms
    "-5°C, 3-5 kg, 1 lb. 3 oz.": "minus five degrees Celsius, three to five kilograms, one pound three ounces.",
    "30x40x20 cm": "thirty by forty by twenty centimeters",
    "5 GB, 100 Mbps": "five gigabytes, one hundred megabits per second",
    "5 kg, 1 lb and 20°C": "five kilograms, one pound and twenty degrees Celsius",
    "Smith & Sons, e.g. Tom": "Smith and Sons, for example Tom",
}  # fmt: skip


@pytest.mark.parametrize("text", SAID)
def test_what_is_written_is_said(text: str) -> None:
    assert ear.written(text, today=TODAY) == SAID[text]


@pytest.mark.parametrize("text", SAID)
def test_what_is_written_for_the_ear_stays_as_it_is(text: str) -> None:
    assert ear.written(SAID[text], today=TODAY) == SAID[text]


def test_a_british_ear_hears_days_first_and_numbers_with_and() -> None:
    assert ear.written("24/11/2026", british=True, today=TODAY) == "Tuesday, November twenty-fourth"
    assert ear.written("1,250 items", british=True) == "one thousand two hundred and fifty items"


def test_a_date_is_said_with_its_year_where_nobody_knows_the_day() -> None:
    assert ear.written("2026-11-24") == "November twenty-fourth, twenty twenty-six"


def test_letters_are_spelled_so_that_none_is_mistaken() -> None:
    assert ear.spelled("Ab1") == "A as in Alpha, B as in Bravo, one"


@given(st.text(max_size=200))
def test_any_text_can_be_written_for_the_ear(text: str) -> None:
    said = ear.written(text)
    assert "None" not in said or "None" in text


@given(st.integers(-(10**15) + 1, 10**15 - 1))
def test_a_number_is_written_in_words_that_mean_it(number: int) -> None:
    words = counting.cardinal(number)
    assert re.fullmatch(r"[a-z -]+", words)
    assert _value(words) == number


@given(st.integers(-(10**15) + 1, 10**15 - 1))
def test_both_englishes_mean_the_same_number(number: int) -> None:
    assert _value(counting.cardinal(number, british=True)) == number


@given(st.from_regex(r"[0-9]{1,32}", fullmatch=True))
def test_digits_are_all_said_in_order_and_in_groups_that_can_be_followed(text: str) -> None:
    said = counting.digits(text)
    assert said.replace(" ", "").replace(",", "") == text
    assert len(text) <= 6 or all(3 <= len(group.split()) <= 4 for group in said.split(","))


@given(st.dates(datetime.date(1900, 1, 1), datetime.date(2199, 12, 31)))
def test_every_date_is_said_without_a_figure(day: datetime.date) -> None:
    assert not re.search(r"\d", ear.written(f"It comes on {day.isoformat()}."))


@given(st.times())
def test_every_time_is_said_without_a_figure(time: datetime.time) -> None:
    said = ear.written(f"at {time:%H:%M}")
    assert re.fullmatch(r"at (?:noon|midnight|[a-z -]+ [AP] M)", said)


@given(st.integers(0, 10**9), st.integers(0, 99))
def test_every_price_is_said_with_its_currency(whole: int, cents: int) -> None:
    said = ear.written(f"${whole:,}.{cents:02d}")
    assert "dollar" in said or "cent" in said
    assert not re.search(r"[\d$]", said)


_WORDS = {word: value for value, word in enumerate(NAMES)}
_WORDS |= {word: 10 * value for value, word in enumerate(NAMES_OF_TENS, start=2)}
_SCALE = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}


def _value(words: str) -> int:
    """Read a number back."""
    total = part = 0
    sign = -1 if words.startswith("minus ") else 1
    for word in re.split(r"[ -]", words.removeprefix("minus ")):
        if word == "hundred":
            part *= 100
        elif word in _SCALE:
            total, part = total + part * _SCALE[word], 0
        elif word != "and":
            part += _WORDS[word]
    return sign * (total + part)
