"""The heard ledger against the wire: interrupt at random moments, compare the record with what the phone recorded."""

import asyncio
import math
import random
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import numpy as np

from voiceplane.contract.audio import SPEECH_RATE, Pcm
from voiceplane.speech.ports import Transcript
from voiceplane.testing.bench.align import Inside, begun, errors, inside, words_off
from voiceplane.testing.bench.barge_in import A_CALL, FIRST, QUICK, REQUESTS, interruptions, script, silenced_ms
from voiceplane.testing.bench.caller import RATE, Act, After, Deed, Held, hold_unread, voiced
from voiceplane.testing.bench.lines import Goal, Line, of_cases
from voiceplane.testing.bench.many import hold_all
from voiceplane.testing.bench.place import VOICES, Effort, Place
from voiceplane.testing.bench.sound import cut, first_after
from voiceplane.testing.phone.audio import Samples, resample
from voiceplane.testing.phone.pieces import pieces
from voiceplane.testing.scenarios.words import plain

AT_ONCE = 6  # nothing here is a latency
WANTED, MOST_CALLS = 200, 48  # of A_CALL interruptions each: a fifth may fall into pauses
LATEST_S = 7.0
LISTEN_S = 1.5
UNCUT_S = (2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0)
RECOGNIZED_AT_ONCE = 3  # the profile's recognizers
SPARE = 1.15  # some fall into pauses
ALLOWED_RUN = 2  # words in a row: a small recognizer's slip
MORE_SHARE = 2.0  # percent above the recognizer's own, which is of a few replies only
NEAR_MS = 2500.0  # the gateway closes an interrupted turn within this of its last sound
BEFORE_MS, BEHIND_MS = 150.0, 60.0
Hear = Callable[[bytes], Awaitable[Transcript]]
_HUNDRED = re.compile(r"(?<=[1-9]) 0 0\b")


@dataclass(frozen=True, slots=True)
class Heard:
    """One interrupted reply: what the record says was heard, and its sound."""

    ledger: str
    sound: Samples


@dataclass(frozen=True, slots=True)
class Compared:
    """What the record says of a reply and what was recognized of its sound."""

    ledger: list[str]
    wire: list[str]

    @property
    def off(self) -> int:
        """Return the words between their ends."""
        return words_off(self.ledger, self.wire)

    @property
    def inside(self) -> Inside:
        """Return the words lost or doubled before that."""
        return inside(self.ledger, self.wire)


async def run(place: Place, effort: Effort) -> list[Line]:
    """Interrupt until enough were judged, some calls at once; recognition waits until the calls are over."""
    wanted = effort.pick(WANTED, 4)
    async with asyncio.TaskGroup() as group:
        beside = group.create_task(_hold_uncut(place, effort), name="uncut replies")
        calls, found = await _interrupt(place, effort, wanted)
    whole = beside.result().read()
    compared = await _compared(place.recognizer.recognize, found)
    again = await _heard_again(place, found, compared)
    for each, second in zip(compared, again, strict=True):
        if each.off > 1 or each.inside.longest > ALLOWED_RUN:
            said, wire = " ".join(each.ledger[-12:]), " ".join(each.wire[-12:])
            other = f", {second.off} off by the second ear '...{' '.join(second.wire[-12:])}'" if second else ""
            place.tell(f"ledger: {each.off} off, {each.inside} inside: record '...{said}', wire '...{wire}'{other}")
    tried = sum(deed.act.after is After.AGENT_START for call in calls for deed in call.deeds)
    over = sum(len(interruptions(call)) for call in calls)
    return lines(compared, again, await uncut(place, whole), (tried, over), wanted=wanted)


async def _interrupt(place: Place, effort: Effort, wanted: int) -> tuple[list[Held], list[Heard]]:
    """Hold calls until so many interruptions can be judged, or too many calls were held."""
    dice, most = random.Random(23), effort.pick(MOST_CALLS, 2)
    calls: list[Held] = []
    found: list[Heard] = []
    while len(found) < wanted and len(calls) < most:
        missing = math.ceil((wanted - len(found)) * SPARE / A_CALL)
        scripts = [
            await _script(place, len(calls) + number, dice, quick=effort.quick)
            for number in range(min(most - len(calls), max(AT_ONCE, missing)))
        ]
        held = await hold_all(place, scripts, AT_ONCE, name="ledger", hear_out=False)
        calls += held
        found += [heard for call in held for heard in interrupted(call)]
    return calls, found


def compared_words(text: str) -> list[str]:
    """Return the words of a text but for "dollars", which a recognizer writes as a sign; "hundred" is one word."""
    words = _HUNDRED.sub(" hundred", " ".join(plain(text))).split()
    return [word for word in words if word != "dollars"]


async def _heard_again(place: Place, found: list[Heard], compared: list[Compared]) -> list[Compared | None]:
    """Give a larger recognizer those that are more than a word off by the first: who errs is seen by two."""
    doubtful = [heard for heard, each in zip(found, compared, strict=True) if each.off > 1]
    if place.second_ear is None or not doubtful:
        return [None] * len(found)
    place.tell(f"ledger: a larger recognizer hears {len(doubtful)} again")
    second = iter(await _compared(place.second_ear.recognize_again, doubtful))
    return [next(second) if each.off > 1 else None for each in compared]


async def _compared(hear: Hear, found: list[Heard]) -> list[Compared]:
    """Recognize the replies, a few at a time."""
    gate = asyncio.Semaphore(RECOGNIZED_AT_ONCE)

    async def one(heard: Heard) -> Compared:
        async with gate:
            return Compared(compared_words(heard.ledger), compared_words(await _recognized(hear, heard.sound)))

    return list(await asyncio.gather(*(one(heard) for heard in found)))


async def _script(place: Place, number: int, dice: random.Random, *, quick: bool) -> list[Act]:
    """Interrupt each reply; the last interruption is listened to only as long as its effect takes."""
    acts = await script(place, VOICES[number % len(VOICES)], dice, latest_s=4.0 if quick else LATEST_S)
    listen = Act("listen", "", np.zeros(0, dtype=np.int16), After.ACT, LISTEN_S)
    return [*acts[: QUICK if quick else None], listen]


def lines(
    compared: list[Compared],
    again: list[Compared | None],
    whole: list[Compared],
    cases: tuple[int, int],
    *,
    wanted: int,
) -> list[Line]:
    """Return the table's lines.

    `again` are those that a larger recognizer heard too: by as many words is the ledger off as both hear, at least.
    `whole` are of replies that nobody interrupted: the first recognizer's errors.
    """
    tried, over = cases
    alone = tuple(float(each.off) for each in compared)
    off = tuple(
        float(min(each.off, second.off) if second else each.off) for each, second in zip(compared, again, strict=True)
    )
    own = max((each.inside.longest for each in whole), default=0)
    allowed = max(ALLOWED_RUN, own)
    runs = [each.inside.longest > allowed for each in compared]
    said = sum(len(each.ledger) for each in compared)
    own_words = sum(len(each.ledger) for each in whole)
    own_inside, own_errors = sum(e.inside.words for e in whole), sum(errors(e.ledger, e.wire) for e in whole)
    own_share = 100 * own_inside / own_words if own_words else 0.0
    dropped = f"{tried} interruptions, {tried - over} fell into a pause of the agent and are left out"
    return [
        Line("words between ledger and wire", "words", off, goal=Goal(worst=2), note=f"at most 1 off; {dropped}"),
        of_cases("interruptions with more than 1 word off", [each > 1 for each in off], Goal(share=0)),
        of_cases("- by the small recognizer alone", [each > 1 for each in alone]),
        of_cases(
            "replies with words lost or doubled inside",
            runs,
            Goal(share=0),
            note=f"more than {allowed} in a row; the recognizer's longest where nobody interrupted is {own}",
        ),
        Line(
            "words lost or doubled inside",
            "",
            cases=sum(each.inside.words for each in compared),
            count=said,
            goal=Goal(share=own_share + MORE_SHARE),
            note=f"the recognizer's own where nobody interrupted {own_share:.1f} %",
        ),
        of_cases(
            "interruptions without a turn in the record", [True] * (over - len(compared)) + [False] * len(compared)
        ),
        of_cases(
            f"missing of {wanted} to be judged", [index >= len(compared) for index in range(wanted)], Goal(share=0)
        ),
        Line("recognizer's own errors", "", cases=own_errors, count=own_words, note="where nobody interrupted"),
    ]


def interrupted(call: Held) -> list[Heard]:
    """Return the interrupted replies of a call that have a turn in its record."""
    if call.record is None:
        return []
    turns = [turn for turn in call.record.turns if turn.speaker == "agent"]
    found = []
    for deed in interruptions(call):
        stop = silenced_ms(call, deed)
        begun_before = (turn for turn in turns if call.ms(turn.started_unix_ns) <= deed.start_ms)
        near = min(begun_before, key=lambda turn: abs(call.ms(turn.ended_unix_ns) - stop), default=None)
        start = _reply_start(call, deed)
        if near is None or start is None or abs(call.ms(near.ended_unix_ns) - stop) > NEAR_MS:
            continue
        found.append(Heard(near.text_pii, cut(call.agent, RATE, start - BEFORE_MS, stop + BEHIND_MS)))
    return found


def _reply_start(call: Held, deed: Deed) -> float | None:
    """Return when the reply began that this act interrupts: the first sound after the caller's act before it."""
    index = call.deeds.index(deed)
    before = call.deeds[index - 1].end_ms if index else 0.0
    return next((sound.start_ms for sound in call.agent_sounds if before <= sound.start_ms < deed.start_ms), None)


async def _hold_uncut(place: Place, effort: Effort) -> Held:
    wishes = (FIRST,) if effort.quick else (FIRST, *REQUESTS[:2])
    return await hold_unread(place, [Act("request", each, await voiced(place, each, VOICES[0])) for each in wishes])


async def uncut(place: Place, call: Held) -> list[Compared]:
    """Return the beginnings of replies that nobody interrupted, as long as the interrupted ones.

    What differs there is the recognizer's; in a whole long reply it would lose more and excuse more.
    """
    found = []
    turns = [turn for turn in call.record.turns if turn.speaker == "agent"] if call.record else []
    for turn, deed in zip(turns[1:], call.deeds, strict=False):
        start = first_after(call.agent_sounds, deed.end_ms)
        if start is None:
            continue
        for length_s in UNCUT_S:
            end = start + 1000 * length_s
            heard = compared_words(
                await _recognized(place.recognizer.recognize, cut(call.agent, RATE, start - BEFORE_MS, end))
            )
            found.append(Compared(begun(compared_words(turn.text_pii), heard), heard))
    return found


async def _recognized(hear: Hear, track: Samples) -> str:
    """Recognize in pieces that end at the speaker's pauses: a small recognizer loses words in long audio."""
    words = []
    for piece in pieces(track, RATE):
        sound = Pcm(track[piece.start : piece.end].astype("<i2").tobytes(), RATE)
        words.append((await hear(resample(sound, SPEECH_RATE).data)).text)
    return " ".join(words)
