"""Who calls, as headers of an INVITE tell it: P-Asserted-Identity, a verdict on the number's signature, Privacy. Pure.

Only a peer of the trust domain may be believed (RFC 3325 section 4): opening.py asks the trunks. What does not keep to
the grammar, or says two things at once, tells nothing.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from voiceplane.contract.trunk import Trust
from voiceplane.sip.message import Request, user_of
from voiceplane.sip.trunks import plain

MAX_HEADER = 1024  # characters of all values together: two numbers with their parameters take a fifth of it
# Also passed are -B and -C, where not even the signer knows the caller's number to be his: they are not believed.
PASSED = frozenset({"tn-validation-passed", "tn-validation-passed-a"})
HIDING = frozenset({"id", "user", "header"})  # RFC 3325 section 9.3, RFC 3323 section 4.2

_NUMBER = re.compile(r"\+?[0-9]{2,20}")
_DISPLAY = r"(?:\"(?:[^\"\\\x00-\x1f\x7f]|\\[\x20-\x7e])*\"[ \t]*|[A-Za-z0-9.!%*_+`'~ \t-]*)"
_VALUE = re.compile(rf"[ \t]*(?:{_DISPLAY}<([^<>\"\s]+)>|([^<>\"\s,?]+))[ \t]*")


@dataclass(frozen=True, slots=True)
class Identity:
    """A number that a trunk vouches for, and on which ground. The number is personal data."""

    number: str
    trust: Trust


@dataclass(frozen=True, slots=True)
class _Named:
    """A URI of a header: its number, empty where it names no number, and the verdicts on it."""

    scheme: str
    number: str
    verdicts: frozenset[str]

    @property
    def passed(self) -> bool:
        return bool(self.verdicts) and self.verdicts <= PASSED

    @property
    def failed(self) -> bool:
        return any(verdict.startswith("tn-validation-failed") for verdict in self.verdicts)


def recorded(request: Request) -> str:
    """Return who calls by the word of the caller alone, for the record; empty when it asks for privacy."""
    return "" if _is_private(request) else user_of(request.from_addr)


def believed(request: Request, trusted: Collection[Trust]) -> Identity | None:
    """Return the number to believe from a peer that is trusted so far; None for none, or for a caller who hides it."""
    if not trusted or _is_private(request):
        return None
    asserted, claimed = _asserted(request.headers.get("p-asserted-identity")), _from(request)
    if asserted is None or any(named.failed for named in (*asserted, *claimed)):
        return None
    attested = _attested(request, asserted) or _attested(request, claimed)
    if attested and Trust.ATTESTED in trusted:
        return Identity(attested, Trust.ATTESTED)
    number = _one_number(asserted)
    return Identity(number, Trust.ASSERTED) if number and Trust.ASSERTED in trusted else None


def _attested(request: Request, named: Collection[_Named]) -> str:
    """Return the number whose signature is good, by one who gave it to the caller (attestation A) as far as is told."""
    indicated = {value.strip().upper() for value in request.headers.get("p-attestation-indicator")}
    return _one_number([one for one in named if one.passed]) if indicated <= {"A"} else ""


def _asserted(values: Collection[str]) -> tuple[_Named, ...] | None:
    """Read P-Asserted-Identity: a sip(s) URI, a tel URI or both (RFC 3325 section 9.1); None for anything else.

    RFC 5876 lets a second URI of a kind be passed over. Here it would choose who the caller is.
    """
    text = ",".join(values)
    found = list(_values(text)) if len(text) <= MAX_HEADER else [None]
    named = tuple(one for one in found if one is not None)
    kinds = [one.scheme.rstrip("s") for one in named]
    agree = len({plain(one.number) for one in named if one.number}) <= 1
    return named if len(named) == len(found) and len(set(kinds)) == len(kinds) and agree else None


def _values(text: str) -> Iterator[_Named | None]:
    """Read the values of a header one by one; None for what is none, and nothing after it."""
    at = 0
    while at < len(text):
        match = _VALUE.match(text, at)
        named = _named(match[1] or match[2]) if match is not None else None
        yield named
        if match is None or named is None:
            return
        at = match.end()
        if at < len(text):
            if text[at] != "," or at + 1 == len(text):
                yield None
                return
            at += 1


def _from(request: Request) -> tuple[_Named, ...]:
    """Read the From, whose number counts for nothing without a verdict on it."""
    text = request.headers.get("from")[0]
    match = _VALUE.match(text) if len(text) <= MAX_HEADER else None
    if match is None or match[1] is None or not (text[match.end() :] or ";").startswith(";"):
        return ()  # without brackets the parameters are the header's, not the number's (RFC 3261 section 20.10)
    named = _named(match[1])
    return (named,) if named is not None else ()


def _named(uri: str) -> _Named | None:
    """Read a sip, sips or tel URI; None for any other."""
    scheme, _, rest = uri.partition(":")
    scheme = scheme.lower()
    if scheme == "tel":
        number, _, parameters = rest.partition(";")
    elif scheme in ("sip", "sips"):
        user, at, host = rest.rpartition("@")
        if not host or "@" in user:
            return None
        number, _, of_user = (user if at else "").partition(";")
        parameters = f"{of_user};{host.partition('?')[0].partition(';')[2]}"
    else:
        return None
    pairs = (pair.partition("=") for pair in parameters.split(";"))
    verdicts = frozenset(value.strip().lower() for name, _, value in pairs if name.strip().lower() == "verstat")
    return _Named(scheme, _number(number), verdicts)


def _number(text: str) -> str:
    """Return a number without its visual separators, with the plus that makes it global; empty when it is none."""
    decoded = unquote(text)
    written = ("+" if decoded.startswith("+") else "") + plain(decoded)
    return written if _NUMBER.fullmatch(written) else ""


def _one_number(named: Collection[_Named]) -> str:
    """Return the number that they name, of two ways to write it the global one; empty for none."""
    return min((one.number for one in named if one.number), default="")  # "+" sorts before digits


def _is_private(request: Request) -> bool:
    """Say whether the caller asks that his identity be told to nobody."""
    wishes = (wish for value in request.headers.get("privacy") for wish in re.split(r"[;,]", value))
    return any(wish.strip().lower() in HIDING for wish in wishes)
