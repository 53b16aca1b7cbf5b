"""Recordings with known ends for the sweep of the end of turn: made with flite, or a folder of somebody's own."""

import csv
import random
import wave
from dataclasses import dataclass
from pathlib import Path

from voiceplane.testing.bench import held_out, wider
from voiceplane.testing.bench.caller import RATE
from voiceplane.testing.bench.cutoffs import GROUPS, SENTENCES, dictated, hesitant
from voiceplane.testing.bench.pieces import Pieces, spoken
from voiceplane.testing.bench.place import VOICES, Effort, Place
from voiceplane.testing.bench.turns import DIALOGUES
from voiceplane.testing.phone.audio import Samples, as_samples, read_wav, resample

DIGITS = 6  # the number that the agent asks for
QUICK = 12
TUNED, HELD_OUT, HELD_OUT_SECOND, OWN = "tuned", "held-out", "held-out-second", "own"
WIDER, JUDGED = "wider", "wider-judged"  # the half of the wider set that is for tuning, and the other
SIDECAR = "recordings.csv"
COLUMNS = ("file", "end_ms", "pauses_ms", "digits", "words")
LONGEST_S = 60.0  # a turn's own limit


class RecordingsError(ValueError):
    """A folder of recordings cannot be used; the message says which line and why."""


@dataclass(frozen=True, slots=True)
class Recording:
    """An utterance with a known last sound."""

    part: str  # one of the sets above
    kind: str  # digits, hesitation or fluent
    words: str
    sound: Samples
    digits: int  # asked for
    end_s: float  # the last sound
    asked: str = ""  # kind of the question that this answers


@dataclass(frozen=True, slots=True)
class _ToSay:
    """A recording that is not made yet."""

    part: str
    kind: str
    pieces: Pieces
    voice: str
    asked: str = ""


async def made(place: Place, effort: Effort) -> list[Recording]:
    """Make dictated numbers, hesitant sentences, what is said without a pause, the wider set and the held-out one."""
    dice = random.Random(5)
    chosen = _tuned(effort, dice)
    chosen += [
        _ToSay(WIDER if one.tuning else JUDGED, one.kind, one.pieces, one.voice, one.asked) for one in wider.said()
    ]
    for half, part in zip(held_out.HALVES, (HELD_OUT, HELD_OUT_SECOND), strict=True):
        for number, voice in enumerate(half.voices):
            for kind, said in zip(("digits", "hesitation"), half.of(number), strict=True):
                chosen += [_ToSay(part, kind, pieces, voice) for pieces in said]
    dice.shuffle(chosen)
    return [
        _recording(one.part, one.kind, one.pieces.text, await spoken(place, one.pieces, one.voice), asked=one.asked)
        for one in (chosen[:QUICK] if effort.quick else chosen)
    ]


def _tuned(effort: Effort, dice: random.Random) -> list[_ToSay]:
    found: list[_ToSay] = []
    for round_ in range(effort.pick(1, 1)):
        for voice in VOICES:
            for groups in GROUPS:
                digits = dictated("".join(dice.choice("0123456789") for _ in range(DIGITS)), groups, dice)
                found.append(_ToSay(TUNED, "digits", digits, voice))
            found += [_ToSay(TUNED, "hesitation", hesitant(pieces, dice), voice) for pieces in SENTENCES]
            if round_ == 0:
                for kind, words in (turn for dialogue in DIALOGUES for turn in dialogue):
                    found.append(_ToSay(TUNED, "fluent", Pieces((words,), ()), voice, kind))
    return found


def _recording(part: str, kind: str, words: str, sound: Samples, *, asked: str = "") -> Recording:
    asked = asked or ("digits" if kind == "digits" else "")
    digits = DIGITS if asked == "digits" else 0
    return Recording(part, kind, words, sound, digits, len(sound) / RATE, asked)


def of_folder(folder: Path) -> list[Recording]:
    """Read somebody's own recordings, one utterance a file; docs/benchmarks.md describes the sidecar."""
    try:
        with (folder / SIDECAR).open(newline="", encoding="utf-8") as file:
            lines = list(csv.DictReader(file))
    except OSError as error:
        told = (
            f"{folder / SIDECAR}: {(error.strerror or str(error)).lower()}; docs/benchmarks.md says what stands in it"
        )
        raise RecordingsError(told) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise RecordingsError(f"{folder / SIDECAR}: {error}") from error
    if not lines:
        raise RecordingsError(f"{folder / SIDECAR}: no recordings; its first line is {','.join(COLUMNS)}")
    return [_of_line(folder, line, number) for number, line in enumerate(lines, start=2)]


def _of_line(folder: Path, line: dict[str, str], number: int) -> Recording:
    try:
        name = line["file"]
        sound = as_samples(resample(read_wav(folder / name), RATE))
        length_s, end_s = len(sound) / RATE, float(line["end_ms"]) / 1000
        pauses = [float(each) for each in (line.get("pauses_ms") or "").split()]
        digits = int(line.get("digits") or 0)
    except (KeyError, TypeError, OSError, EOFError, ValueError, wave.Error) as error:
        raise RecordingsError(f"{folder / SIDECAR}:{number}: {error}") from error
    if not 0 < end_s <= length_s:
        raise RecordingsError(f"{folder / SIDECAR}:{number}: end_ms is not inside {name}, which has {length_s:.2f} s")
    if length_s > LONGEST_S:
        raise RecordingsError(f"{folder / SIDECAR}:{number}: {name} is longer than {LONGEST_S:.0f} s")
    kind = "digits" if digits else "hesitation" if pauses else "fluent"
    words = line.get("words") or name
    return Recording(OWN, kind, words, sound, digits, end_s, "digits" if digits else "")
