"""P-Asserted-Identity, verdicts on a number's signature and Privacy: whom a gateway believes, and whom it records."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from voiceplane.contract.trunk import Trust
from voiceplane.sip.identity import Identity, believed, recorded
from voiceplane.sip.message import Request, parse
from voiceplane.testing.caller import Caller

THOROUGH = settings(max_examples=500, deadline=None)
BOTH = frozenset({Trust.ASSERTED, Trust.ATTESTED})
PASSED, FAILED = ";verstat=TN-Validation-Passed", ";verstat=TN-Validation-Failed"
SIP, TEL = "<sip:+15550100@carrier.example;user=phone>", "<tel:+1-555-0100>"
FROM = "From: <sip:+15550100@192.0.2.1>"

NUMBERS = st.from_regex(r"\A\+?[0-9]{2,15}\Z")
SPACE = st.sampled_from(["", " ", "\t", "  "])
NAMES = st.one_of(
    st.sampled_from(["", "Ann ", '"Ann, A." ', '"<sip:+19990000@evil.example>, " ', r'"a\"b" ', '"\u00e4" ']),
    st.from_regex(r"\A[A-Za-z0-9.!%*_+`'~-]{1,9} \Z"),
)
HOSTS = st.sampled_from(["carrier.example", "192.0.2.1", "[2001:db8::1]:5060", "h;user=phone", "h?Subject=a"])
PIECES = st.lists(
    st.one_of(
        st.sampled_from(["<", ">", '"', ",", ";", "sip:", "tel:", "sips:", "@", "+15550100", "verstat=", "\\", " "]),
        st.sampled_from(["TN-Validation-Passed", "<tel:+15550100>", "%2B", "%", "?", "\x00", "\x7f", "\u0663\u0664"]),
        st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=6),
    ),
    max_size=14,
).map("".join)


def request(*lines: str, sender: str = FROM) -> Request:
    """Return an INVITE with these lines of headers."""
    text = Caller().invite(headers="".join(f"{line}\r\n" for line in lines)).decode()
    message = parse(text.replace(FROM, sender).encode())
    assert isinstance(message, Request)
    return message


def asserts(*values: str) -> Request:
    return request(*(f"P-Asserted-Identity: {value}" for value in values))


def number(message: Request, trust: Trust = Trust.ASSERTED) -> str:
    found = believed(message, {trust})
    return found.number if found is not None else ""


@THOROUGH
@given(digits=NUMBERS, names=st.tuples(NAMES, NAMES), host=HOSTS, space=st.tuples(SPACE, SPACE, SPACE, SPACE))
def test_one_sip_and_one_tel_uri_in_any_order_and_form_name_the_caller(
    digits: str, names: tuple[str, str], host: str, space: tuple[str, str, str, str]
) -> None:
    uris = [f"{names[0]}<sip:{digits}@{host}>", f"{names[1]}<tel:{digits}>"]
    for values in (uris, uris[::-1], uris[:1], uris[1:]):
        joined = f"{space[0]},{space[1]}".join(values)
        assert number(asserts(f"{space[2]}{joined}{space[3]}")) == digits
        assert number(asserts(*values)) == digits, "the same in a header each"


@THOROUGH
@given(PIECES, st.sampled_from(list(Trust)))
@example('"' + "\\a" * 400 + "<tel:+15550100>", Trust.ASSERTED)
@example("A" * 900 + " <", Trust.ASSERTED)
@example("<tel:+15550100>" * 3000, Trust.ASSERTED)
def test_nothing_in_the_header_raises_and_a_number_is_one_that_stands_in_it(value: str, trust: Trust) -> None:
    message = asserts(value)
    found = number(message, trust)
    assert re.fullmatch(r"(\+?[0-9]{2,20})?", found)
    assert found.removeprefix("+") in re.sub(r"[-.() +]", "", re.sub("%2[Bb]", "", value))
    assert believed(message, frozenset()) is None


@pytest.mark.parametrize(
    "values",
    [
        (SIP, SIP),
        (TEL, TEL),
        (SIP, "<sips:+15550100@h>"),
        (SIP, TEL, TEL),
        (SIP, "<tel:+15550199>"),
        (SIP, "<http://evil.example>"),
        (f"{SIP},",),
        (f",{SIP}",),
        (f"{SIP} {TEL}",),
        (f"{SIP};x=y",),
        ("<sip:+15550100@h",),
        ('"Ann <sip:+15550100@h>',),
        ("<sip:+15550100@evil@h>",),
        ("sip:+15550100@h, tel:+15550100, tel:+15550100",),
        ("<sip:anonymous@anonymous.invalid>",),
        ("<sip:carrier.example>",),
        ("<sip:+1555 0100@h>",),
        ("<tel:\u0661\u0662\u0663>",),
        ("<tel:" + "5" * 21 + ">",),
        ("<tel:+15550100;x=" + "y" * 1024 + ">",),
        (f"<sip:+15550100{FAILED}@h>",),
    ],
)
def test_what_breaks_the_rule_or_says_two_things_names_nobody(values: tuple[str, ...]) -> None:
    assert believed(asserts(*values), BOTH) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("tel:+15550100", "+15550100"),
        ("<tel:7042;phone-context=pbx.example>", "7042"),
        ("<sip:%2B15550100@h>", "+15550100"),
        ("<sip:15550100@h>, <tel:+15550100>", "+15550100"),
        ("<sip:ann@h>, <tel:+15550100>", "+15550100"),
        ('"<tel:+19990000>" <SIP:+15550100@h>', "+15550100"),
    ],
)
def test_a_number_is_read_as_it_can_be_called_back(value: str, expected: str) -> None:
    assert number(asserts(value)) == expected


@pytest.mark.parametrize(
    ("lines", "attested"),
    [
        ((f"P-Asserted-Identity: <tel:+15550100{PASSED}>",), True),
        ((f"P-Asserted-Identity: tel:+15550100{PASSED}-A",), True),
        ((f"P-Asserted-Identity: <sip:+15550100{PASSED}@h;user=phone>",), True),
        ((f"P-Asserted-Identity: <sip:+15550100@h;user=phone{PASSED}>", "P-Attestation-Indicator: A"), True),
        ((f"P-Asserted-Identity: <tel:+15550100{PASSED}>", "P-Attestation-Indicator: B"), False),
        ((f"P-Asserted-Identity: <tel:+15550100{PASSED}-B>",), False),
        (("P-Asserted-Identity: <tel:+15550100;verstat=No-TN-Validation>",), False),
        ((f"P-Asserted-Identity: <tel:+15550100{PASSED}{FAILED}>",), False),
        ((f"P-Asserted-Identity: <tel:+15550100{PASSED};verstat=No-TN-Validation>",), False),
        ((f"P-Asserted-Identity: <tel:+15550100;x=TN-Validation-Passed>, <sip:ann{PASSED}@h>",), False),
        (("P-Asserted-Identity: <tel:+15550100>",), False),
        ((), False),
    ],
)
def test_only_a_verdict_on_the_number_itself_attests_it(lines: tuple[str, ...], attested: bool) -> None:
    found = believed(request(*lines), {Trust.ATTESTED})
    assert found == (Identity("+15550100", Trust.ATTESTED) if attested else None)


def test_a_verdict_may_stand_in_the_from_and_a_bad_one_there_counts_too() -> None:
    passed = f"From: <sip:+15550100{PASSED}@192.0.2.1;user=phone>"
    outside = f"From: <sip:+15550100@192.0.2.1>{PASSED}"
    assert number(request(sender=passed), Trust.ATTESTED) == "+15550100"
    assert number(request(sender=outside), Trust.ATTESTED) == "", "a parameter of the header is none of the number"
    assert number(request(sender=passed)) == "", "a From is asserted by nobody"
    failed = f"From: <sip:+15550100{FAILED}@192.0.2.1>"
    assert number(request(f"P-Asserted-Identity: {TEL}", sender=failed)) == ""


def test_a_verified_signature_is_the_better_ground_where_both_are_believed() -> None:
    assert believed(asserts(f"<tel:+15550100{PASSED}>"), BOTH) == Identity("+15550100", Trust.ATTESTED)
    assert believed(asserts(TEL), BOTH) == Identity("+15550100", Trust.ASSERTED)


@pytest.mark.parametrize("wish", ["id", "ID;critical", "user", "header; none", "none;id", "session,id"])
def test_who_hides_his_number_is_neither_believed_nor_recorded(wish: str) -> None:
    private = request(f"P-Asserted-Identity: {TEL}", f"Privacy: {wish}")
    assert believed(private, BOTH) is None and recorded(private) == ""


def test_a_caller_without_such_a_wish_is_recorded_by_his_own_word() -> None:
    assert recorded(request("Privacy: none")) == recorded(request()) == "+15550100"
