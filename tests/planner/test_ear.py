"""Text for the ear: a table of what is written and how it is said, and what holds for any text."""

import datetime
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceplane.contract.spoken_digits import NAMES, NAMES_OF_TENS
from voiceplane.planner import counting, ear
from voiceplane.planner.speech import unmarked

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
    "on 2026-11-24T14:30:00Z": "on Tuesday, November twenty-fourth at two thirty PM",
    "11/24/2026": "Tuesday, November twenty-fourth",
    "2026-13-45": "2026-13-45",
    "14:30": "two thirty PM",
    "at 09:05, 12:00 and 00:00": "at nine oh five AM, noon and midnight",
    "8am to 5:15 p.m.": "eight AM to five fifteen PM.",
    "10:30 AM EST, 10.30am": "ten thirty AM EST, ten thirty AM",
    "9:00-17:00": "nine AM to five PM",
    "2-4 pm, 9am-5pm": "two to four PM, nine AM to five PM",
    "Open Mon-Fri 9-5.": "Open Monday to Friday nine to five.",
    "on 12/5 or 05.12.2026": "on December fifth or Saturday, December fifth",
    "by 12-05-2026": "by Saturday, December fifth",
    "on Nov 27, 2026": "on November twenty-seventh, twenty twenty-six",
    "27 November": "November twenty-seventh",
    "Dec 3-5, or 12-14 December": "December third to fifth, or December twelfth to fourteenth",
    "until 2028-03-01": "until March first, twenty twenty-eight",
    "since 2025-12-05": "since December fifth, twenty twenty-five",
    "Mon-Sat": "Monday to Saturday",
    "Fri 8 pm": "Friday eight PM",
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
    # as tools write them
    "It has 10000 pages.": "It has ten thousand pages.",
    ".5 kg": "zero point five kilograms",
    "+5%": "plus five percent",
    "1.000.000": "one million",
    "1'000": "one thousand",
    "10,000+ users": "ten thousand plus users",
    ">5": "more than five",
    "~5 min": "about five minutes",
    "±2": "plus or minus two",
    "2x": "two times",
    "10x faster": "ten times faster",
    "5$": "five dollars",
    "50¢": "fifty cents",
    "99p": "ninety-nine pence",
    "¥5000": "five thousand yen",
    "₹500": "five hundred rupees",
    "A$10": "ten Australian dollars",
    "CA$10.50": "ten Canadian dollars and fifty cents",
    "NZD 5": "five New Zealand dollars",
    "SEK 100": "one hundred kronor",
    "JPY 1200": "one thousand two hundred yen",
    "PLN 50": "fifty zlotys",
    "2026/12/05": "Saturday, December fifth",
    "05.12.": "December fifth",
    "5.12.26": "Saturday, December fifth",
    "Arrives 5.12. at noon": "Arrives December fifth at noon",
    "It costs 10.05. Then it goes.": "It costs ten point zero five. Then it goes.",
    "Sat, 5 Dec 2026": "Saturday, December fifth, twenty twenty-six",
    "Sat 12/5": "Saturday December fifth",
    "30-Nov-2026": "November thirtieth, twenty twenty-six",
    "30 Nov. 2026": "November thirtieth, twenty twenty-six",
    "Jan-Mar": "January to March",
    "Jan 2027": "January twenty twenty-seven",
    "Q3 2026": "Q3 twenty twenty-six",
    "in the 1990s": "in the nineteen nineties",
    "the 90s": "the nineties",
    "Tue/Thu": "Tuesday and Thursday",
    "24:00": "midnight",
    "17:00h": "five PM",
    "10:30am-noon": "ten thirty AM to noon",
    "We open at 9 a.m. Monday.": "We open at nine AM Monday.",
    "1h 30m": "one hour thirty minutes",
    "1h30": "one hour thirty minutes",
    "2h": "two hours",
    "2 hrs 15 mins": "two hours fifteen minutes",
    "PT1H30M": "one hour thirty minutes",
    "2 wks": "two weeks",
    "9-17h": "nine to seventeen hours",
    "100 Main St. #5": "one hundred Main Street number five",
    "221B Baker Street": "two twenty-one B Baker Street",
    "St. Louis, MO": "Saint Louis, Missouri",
    "All right, OK": "All right, OK",
    "Hwy 101": "Highway one oh one",
    "I-95": "I ninety-five",
    "Exit 12A": "Exit twelve A",
    "Gate B12": "Gate B twelve",
    "Flat 3b": "Flat three B",
    "Room 101": "Room one oh one",
    "PO Box 4567": "P O Box 4 5 6 7",
    "123 Martin Luther King Jr. Dr.": "one twenty-three Martin Luther King Junior Drive.",
    "Dr. Smith": "Doctor Smith",
    "Mr. Jones and Mrs. Brown": "Mister Jones and Missus Brown",
    "Ms. Lee, Prof. King": "Miz Lee, Professor King",
    "John Smith Jr.": "John Smith Junior.",
    "Smith & Co.": "Smith and Company.",
    "Mt. Everest": "Mount Everest",
    "Acme Inc. and Foo Ltd.": "Acme Incorporated and Foo Limited.",
    "max. 5 kg": "at most five kilograms",
    "min. 2 people": "at least two people",
    "incl. VAT": "including V A T",
    "excl. tax": "excluding tax",
    "w/o fee": "without fee",
    "w/ signature": "with signature",
    "N/A": "not available",
    "ETA 5pm": "E T A five PM",
    "FAQ": "F A Q",
    "UPS": "U P S",
    "ext 450": "extension 4 5 0",
    "flight LH 456": "flight L H, 4 5 6",
    "code: a1b2c3": "code: A as in Alpha, one, B as in Bravo, two, C as in Charlie, three",
    "license plate M-AB 1234": "license plate M as in Mike, A as in Alpha, B as in Bravo, 1 2 3 4",
    "VIN 1HGCM82633A004352": (
        "VIN one, H as in Hotel, G as in Golf, C as in Charlie, M as in Mike, 8 2 6 3 3, A as in Alpha, 0 0 4 3 5 2"
    ),
    "Order-ID 4711-0815": "Order-ID 4 7 1 1, 0 8 1 5",
    "zip code 94107-1234": "zip code 9 4 1 0 7, 1 2 3 4",
    "1-800-FLOWERS": "1, 8 0 0, Flowers",
    "XXXX-1234": "ending in 1 2 3 4",
    "john_doe99@mail.co.uk": "john underscore doe 9 9 at mail dot co dot uk",
    "example.de/hilfe": "example dot de slash hilfe",
    "v2.1": "version two point one",
    "ticket #4821": "ticket number 4 8 2 1",
    "PENDING - AWAITING CUSTOMER": "PENDING, AWAITING CUSTOMER",
    "5 m²": "five square meters",
    "500 ml": "five hundred milliliters",
    "2.4 GHz": "two point four gigahertz",
    "8 pcs": "eight pieces",
    "1:1": "one to one",
    "4.5/5": "four point five out of five",
    "9/10": "nine out of ten",
    "yes/no": "yes or no",
    "and/or": "and or",
    "AT&T": "AT&T",
    "30-day return": "thirty-day return",
    "100 W": "one hundred watts",
    "Call 911": "Call 9 1 1",
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


@pytest.mark.timeout(5)
@pytest.mark.parametrize(
    "part", ["*", "X", "-", "1.", "1 ", "A1", "a/", "Mon-", "#", "< ", "<a", "12 Oak ", "x1@", "**-", "1h", "P1", "$1 "]
)
def test_a_long_text_of_any_sort_is_written_at_once(part: str) -> None:
    """No pattern goes back over what it has read again and again; a tool's value has 800 characters at most."""
    text = part * (800 // len(part))
    ear.written(unmarked(text))
    ear.written(unmarked(f"{text}!"))


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
    assert re.fullmatch(r"at (?:noon|midnight|[a-z -]+ [AP]M)", said)


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
