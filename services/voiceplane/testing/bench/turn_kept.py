"""Facts about recorded utterances, as the gateway would learn them, and the file that keeps them. For turn_facts."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class PauseFacts:
    """What is learned of one pause, and how long after it was noticed."""

    noticed_s: float
    since_s: float
    probability: float
    judged_after_s: float
    understood: bool | None  # by the planner
    read_after_s: float
    text: str
    last_word: float = 1.0  # its probability
    expected: bool = False  # to the letter, by the planner


@dataclass(frozen=True, slots=True)
class Facts:
    """One recording as the gateway heard it, in seconds from its beginning."""

    part: str  # the set that it is from
    kind: str
    words: str
    digits: int
    end_s: float  # the last sound
    total_s: float
    starts_s: tuple[tuple[float, float], ...]  # noticed at, since
    pauses: tuple[PauseFacts, ...]
    sounds_s: tuple[float, ...] = ()  # ends of the frames in which a pause was no silence
    offset: int = 0  # at which the ears and models met it


def keep(kept: Path, key: str, facts: list[Facts]) -> None:
    """Write the facts with the name of what they were learned from."""
    kept.write_text(json.dumps({"key": key, "facts": [asdict(each) for each in facts]}))


def read_kept(kept: Path, key: str) -> tuple[Facts, ...] | None:
    """Return the facts of a run before; None when there are none, or they are of something else."""
    try:
        content = json.loads(kept.read_text())
    except (OSError, ValueError):
        return None
    if content.get("key") != key:
        return None
    return tuple(
        Facts(
            **{
                **each,
                "starts_s": tuple((at, since) for at, since in each["starts_s"]),
                "pauses": tuple(PauseFacts(**one) for one in each["pauses"]),
                "sounds_s": tuple(each["sounds_s"]),
            }
        )
        for each in content["facts"]
    )
