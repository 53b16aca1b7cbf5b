"""Say by its grammar whether a sentence asks for more, whatever the planner makes of it. Used by turn.reading. Pure."""

import calendar
import re

# A sentence that ends with one of these goes on, unless it is a question ("Who is it for?") or a short answer.
_OPEN_ENDS = frozenset(
    "a an the and or but because so if to of for with from at in on by about into my your our his her their its this "
    "that these is are was were am be been i we they it's i'm i'd i've there's can could would will um uh "
    "er erm hmm like number between than as when while which who what where "
    # words that degree, deny or begin a clause, and what belongs to a verb or a name behind it
    "he she you're we're they're some after very really quite every another each its without against near behind under "
    "during through toward towards whose whether unless until although since except per should must may might shall "
    "does has have mister mrs named called".split()
)
_OPEN_PAIRS = frozenset(
    {"you please", "please can", "please could", "i please"}
    | {f"{word} you" for word in "can could would will do did does have are were if when what that and".split()}
)
# These never end a sentence, also where the recognizer makes a question of it.
_NEVER_LAST = frozenset(
    "a an the and or but because if whether when while unless until although than my your our their um uh".split()
)
# A phone line makes "the end" of "Monday and", and "Monday end"; these stand before an end that is meant.
_DAYS = frozenset(name.lower() for name in calendar.day_name)
_BEFORE_THE_END = frozenset("at in by till until to near before from of after since toward towards around".split())
_CLOSED = frozenset({"i am", "it is", "there is", "i can", "i could", "i will", "you are", "yes please", "no please"})
_CLOSED |= {f"{word} after" for word in "day week month year soon shortly look looks".split()}
_AUXILIARY = (
    r"(?:is|are|was|were|am|be|been|has|have|had|do|does|did|can|could|will|would|should|must|may|might|cannot|\w+n't)"
)
_SOMEBODY = r"(?:i|you|he|she|it|we|they)"
_SHORT_ANSWER = re.compile(
    rf"(?:(?:yes|yeah|yep|no|nope|sure|well|okay|ok|oh|of course)\W+)+(?:{_SOMEBODY}|that|there) {_AUXILIARY}\W*", re.I
)  # "yes, I do"
# "I want to know where my parcel is": what is asked stands before the verb that ends it.
_ASKED_INSIDE = re.compile(r".+\b(?:where|what|who|how \w+)(?: [\w']+){1,4} (?:is|are|was|were)\W*", re.I)
_BEFORE = r"(?:(?:um|uh|er|well|so|hi|hello|hey|okay|yes|yeah|please|and)\W+)*"
# What asks for more whatever the voice does: recognizers put a question mark behind "Can you tell me".
_STEM = re.compile(
    rf"{_BEFORE}"
    r"(?:(?:can|could|would|will) (?:you|i|we)(?: please)?(?: (?:tell|show|give)(?: me)?| check| find out| look up)?"
    r"|(?:tell|show|give) me|(?:what|where|when|how|who|which) (?:is|are|was|were|do|does|did|can|will)"
    r"(?: your| my| the)?|(?:what|when) (?:are|do|did|can|will) you|(?:is|was|would) it (?:be )?possible"
    r"|i (?:just )?(?:want|wanted|need|would like|'d like) to (?:know|ask|check|find out)(?: if| it| whether| about)?"
    r"|(?:do|does|did|is|are|was|were|have|has) (?:you|the|my|your|it|there))\W*",
    re.I,
)
_ADJECTIVES = (
    "big bigger large larger small smaller new newer old older different same other next last first second third good "
    "great bad long longer short early earlier late later whole own special certain heavy light tall wide very red "
    "blue green white black brown gray yellow"
)
# "a large", "my new": whatever follows, something does.
_DESCRIBED = re.compile(
    rf"(?:.*\s)?(?:the|a|an|my|our|your|his|her|their|some|any)(?: (?:{'|'.join(_ADJECTIVES.split())}))+\W*", re.I
)
_SAYS = rf"(?:{_AUXILIARY}|came|left|went|got|fell|broke|lost|took|gave|said|needs?|wants?|\w+ed)"
_NAMED = rf"(?:the|my|our|one of \w+)(?: (?!{_SAYS}\b)[\w']+){{1,3}}"
# "The package", "One of your drivers", "the thing I ordered": what is spoken of, and nothing said of it yet.
_TOPIC = re.compile(
    rf"{_BEFORE}{_NAMED}(?: (?:(?:that|which|who|where)(?: {_SOMEBODY})?|{_SOMEBODY})(?: {_AUXILIARY})?"
    rf"(?: (?!{_AUXILIARY}\b)[\w']+){{1,2}}(?: (?:last|on|in|from|for|with|at)(?: the| my)? [\w']+)?)?[.,]?",
    re.I,
)
# "I am trying to find", "could you explain": nothing is named yet, and the verb needs something to do it to.
_NEEDY = "bring|send|find|get|give|take|put|keep|buy|sell|tell|show|ask|explain|expect|receive|say|think|believe|wonder"
_HANGING = re.compile(
    rf"{_BEFORE}(?:(?:{_SOMEBODY}(?:'\w+)?|{_AUXILIARY}|to|not|please|just|really|still|only|also|trying|going|want"
    rf"|wanted|need|needed|like|try|keep) )+"
    rf"(?:want|need|told|said|thought|(?:to|let (?:me|us)) know|hop(?:e|ing)|mak(?:e|ing)|{_NEEDY}"
    rf"|(?:giv|tak|putt|gett|receiv|believ)ing|(?:{_NEEDY})ing)[.?]?"
    rf"|{_BEFORE}(?:i|you|he|she|we|they)(?:'ve| have| had| just)* (?:ordered|bought|sent|received|lost|found)[.?]?",
    re.I,
)
_MAIN = "i|you|he|she|we|they|please|what|where|who|how|can|could|will|would|do|does|did|tell|give|show"
# "If nobody is at home", "When I was out": a condition, and what follows from it is still to come.
_CONDITION = re.compile(
    rf"{_BEFORE}(?:if|because|unless|although|as soon as|whenever|(?:when|before|after|since|while)(?= {_SOMEBODY}\b))"
    rf" [\w']+(?: (?!(?:{_MAIN})\b)[\w']+){{1,6}}\W*",
    re.I,
)  # "before I send it"
_SEEKING = re.compile(
    rf"(?:.*\W)?let me (?:see|think|check|look)\W*"
    rf"|{_BEFORE}(?:(?:hold|hang) on|wait|(?:just )?(?:a|one) (?:second|moment|minute))\W*",
    re.I,
)
_GREETING = re.compile(rf"{_BEFORE}(?:hello|hi|hey|good (?:morning|afternoon|evening|day))(?: there)?\W*", re.I)
_BEGINNINGS = (_DESCRIBED, _CONDITION, _HANGING)


def is_unfinished(text: str, words: list[str], *, understood: bool, expected: bool = False) -> bool:
    """Say whether the sentence asks for more: "can you tell me", "I want to change the", "well..."."""
    text = text.strip()
    if _STEM.fullmatch(text) is not None:
        return True
    if text.endswith(("...", ",", "-")) and not expected:
        return True
    if len(words) > 3 and words[-1] in _NEVER_LAST:
        return True
    if not expected and any(each.fullmatch(text) for each in _BEGINNINGS):
        return True
    if understood and not expected and _TOPIC.fullmatch(text):
        return True
    if text.endswith("?"):
        return False
    if len(words) > 3 and words[-1] == "end" and _is_and(words[-3], words[-2]):
        return True
    last_two = " ".join(words[-2:])
    if last_two in _OPEN_PAIRS:
        return True
    if last_two in _CLOSED or len(words) == 1 or words[-1] not in _OPEN_ENDS:
        return False
    return _SHORT_ANSWER.fullmatch(text) is None and _ASKED_INSIDE.fullmatch(text) is None


def is_preface(text: str) -> bool:
    """Say whether this is whole, and seldom all: "good morning", "let me see", "one moment"."""
    return _GREETING.fullmatch(text.strip()) is not None or seeks_time(text)


def seeks_time(text: str) -> bool:
    """Say whether these words only ask for time to find what is wanted."""
    return _SEEKING.fullmatch(text.strip()) is not None


def _is_and(before: str, last: str) -> bool:
    """Say whether an "end" behind these two words was rather an "and"."""
    return last in _DAYS or (last == "the" and before not in _BEFORE_THE_END)
