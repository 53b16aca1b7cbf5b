"""The heard ledger against the wire: interrupt at random moments, compare the record with what the phone recorded."""

import asyncio
import random
from dataclasses import dataclass

from voiceplane.contract.audio import SPEECH_RATE, Pcm
from voiceplane.testing.bench.align import errors, words_off
from voiceplane.testing.bench.barge_in import FIRST, QUICK, REQUESTS, interruptions, script, silenced_ms
from voiceplane.testing.bench.caller import RATE, Act, Deed, Held, hold_unread, voiced
from voiceplane.testing.bench.lines import Goal, Line, of_cases
from voiceplane.testing.bench.many import hold_all
from voiceplane.testing.bench.place import VOICES, Effort, Place
from voiceplane.testing.bench.sound import cut, joined, sounds
from voiceplane.testing.phone.audio import Samples, resample
from voiceplane.testing.scenarios.words import plain

AT_ONCE = 2
LATEST_S = 12.0
NEAR_MS = 2500.0  # the gateway closes an interrupted turn within this of its last sound
BEFORE_MS, BEHIND_MS = 150.0, 60.0
PIECE_MS, PAUSE_MS, MARGIN_MS = 12_000.0, 200.0, 90.0


@dataclass(frozen=True, slots=True)
class Heard:
    """One interrupted reply: what the record says was heard, and its sound."""

    ledger: str
    sound: Samples


async def run(place: Place, effort: Effort) -> list[Line]:
    """Interrupt, two calls at once; recognition waits until the calls are over."""
    dice = random.Random(23)
    number = effort.pick(34, 2)  # 34 calls of 6: 204 interruptions
    scripts = [
        await script(place, VOICES[i % len(VOICES)], dice, latest_s=4.0 if effort.quick else LATEST_S)
        for i in range(number)
    ]
    scripts = [acts[: QUICK if effort.quick else None] for acts in scripts]
    async with asyncio.TaskGroup() as group:
        beside = group.create_task(_hold_uncut(place, effort), name="uncut replies")
        calls = await hold_all(place, scripts, AT_ONCE, name="ledger")
    found = [heard for call in calls for heard in interrupted(call)]
    lost = sum(len(interruptions(call)) for call in calls) - len(found)
    off = []
    for each in found:
        wire = await _recognized(place, each.sound)
        off.append(words_off(plain(each.ledger), plain(wire)))
        if off[-1] > 1:
            place.tell(f"ledger: {off[-1]} off: record '...{each.ledger[-50:]}', wire '...{wire[-50:]}'")
    apart = tuple(float(each) for each in off)
    return [
        Line("words between ledger and wire", "words", apart, goal=Goal(worst=2), note="at most 1 off"),
        of_cases("interruptions with more than 1 word off", [each > 1 for each in off], Goal(share=0)),
        of_cases("interruptions without a turn in the record", [True] * lost + [False] * len(found)),
        await uncut(place, beside.result().read()),
    ]


def interrupted(call: Held) -> list[Heard]:
    """Return the interrupted replies of a call that have a turn in its record."""
    if call.record is None:
        return []
    turns = [turn for turn in call.record.turns if turn.speaker == "agent"]
    found = []
    for deed in interruptions(call):
        stop = silenced_ms(call, deed)
        near = min(turns, key=lambda turn: abs(call.ms(turn.ended_unix_ns) - stop), default=None)
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
    words = (FIRST,) if effort.quick else (FIRST, *REQUESTS[:2])
    return await hold_unread(place, [Act("request", each, await voiced(place, each, VOICES[0])) for each in words])


async def uncut(place: Place, call: Held) -> Line:
    """Return the recognizer's own errors on the same replies, heard to their end; "$5" for words counts as errors."""
    wrong = total = 0
    turns = [turn for turn in call.record.turns if turn.speaker == "agent"] if call.record else []
    bounds = [*(deed.end_ms for deed in call.deeds), 1000.0 * len(call.agent) / RATE]
    for turn, start, end in zip(turns[1:], bounds, bounds[1:], strict=False):
        heard = plain(await _recognized(place, cut(call.agent, RATE, start, end)))
        wrong, total = wrong + errors(plain(turn.text_pii), heard), total + len(plain(turn.text_pii))
    note = "on the uncut replies"
    return Line("recognizer's own errors", "", cases=wrong, count=total, note=note)


async def _recognized(place: Place, track: Samples) -> str:
    """Recognize in pieces that end at the speaker's pauses: a small recognizer loses words in long audio."""
    words = []
    for piece in pieces(track):
        sound = Pcm(piece.astype("<i2").tobytes(), RATE)
        words.append((await place.recognizer.recognize(resample(sound, SPEECH_RATE).data)).text)
    return " ".join(words)


def pieces(track: Samples) -> list[Samples]:
    """Cut a track at pauses into pieces of at most PIECE_MS, where its pauses allow that."""
    found = joined(sounds(track, RATE), PAUSE_MS)
    groups: list[tuple[float, float]] = []
    for sound in found:
        if groups and sound.end_ms - groups[-1][0] <= PIECE_MS:
            groups[-1] = (groups[-1][0], sound.end_ms)
        else:
            groups.append((sound.start_ms, sound.end_ms))
    return [cut(track, RATE, start - MARGIN_MS, end + MARGIN_MS) for start, end in groups]
