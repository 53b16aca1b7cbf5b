"""What a caller says about what was asked or answered, instead of answering it: "that's my postcode". Pure."""

import re

_TAKEN_BACK = re.compile(
    r"\b(?:wrong|incorrect|not (?:that|this) one"
    r"|(?:not|isn'?t|wasn'?t) (?:quite )?(?:right|correct|mine)\b"
    r"|(?:not|isn'?t|wasn'?t) (?:the|my) (?:\w+ )?(?:number|code|parcel|one)"
    r"|(?:that|this|it)(?:'?s| is| was) my (?:\w+ )?(?:number|code|post ?code|zip|id)"
    r"|(?:start|begin) (?:over|again)|start from|from the (?:start|beginning|top)|scratch that)\b",
    re.I,
)
_ASKED_BACK = re.compile(
    r"\b(?:how many|(?:which|what) (?:\w+ )?(?:number|digits?|one|day|date|parcel)"
    r"|(?:is|was|do you mean) (?:it|that) (?:the|my|a|really)|do (?:i|you) (?:need|want|have to|mean)|you mean"
    r"|are you sure"
    r"|(?:i )?(?:already )?(?:told|gave|said) (?:you )?(?:that|it|this)|i already (?:did|told|gave|said))\b",
    re.I,
)
_HELPLESS = re.compile(
    r"\bwhy (?:do|would|should|is)\b|\bwhat (?:do you need|for)\b"
    r"|\bwhere (?:do|can|would|will|is|are|should) (?:i|it|that|the)\b"
    r"|\b(?:can'?t|can|could) you (?:\w+ )?(?:find|look|search|check)\b",
    re.I,
)
_ENDS = re.compile(
    r"\b(?:ends?|ending|finish(?:es)?) (?:in|with)\b|\blast (?:\w+ )?(?:digits?|numbers?|figures?|ones?|are)\b", re.I
)
_SAME = re.compile(r"\b(?:it|that one|this one|the same (?:one|\w+))\b", re.I)


def takes_back(text: str) -> bool:
    """Say whether what was given before is not what was asked for: "that's my postcode, not my parcel number"."""
    return _TAKEN_BACK.search(text) is not None


def asks_back(text: str) -> bool:
    """Say whether a caller asks about the question, which is then asked once more: "how many digits?"."""
    return _ASKED_BACK.search(text) is not None


def is_helpless(text: str) -> bool:
    """Say whether a caller asks why, or where to find it, or for another way."""
    return _HELPLESS.search(text) is not None


def says_the_end(text: str) -> bool:
    """Say whether digits are the last of a number and not its first: "it ends in 721"."""
    return _ENDS.search(text) is not None


def about_the_same(text: str) -> bool:
    """Say whether words go on about what was just answered: "when will it arrive"."""
    return _SAME.search(text) is not None
