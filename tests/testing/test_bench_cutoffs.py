"""The suite of false cut-offs on calls that are not placed: who says what, and which line counts it."""

from typing import Any, cast

import numpy as np
import pytest

from voiceplane.contract.audio import Pcm
from voiceplane.testing.bench import cutoffs
from voiceplane.testing.bench.caller import Act, Deed, Held
from voiceplane.testing.bench.lines import Line
from voiceplane.testing.bench.place import Effort, Place
from voiceplane.testing.bench.sound import Sound

BEEP = Pcm((3000 * np.sin(np.arange(1600))).astype("<i2").tobytes(), 8000)
CUT = "zero six"  # begins the last number of the second half


def held(acts: list[Act]) -> Held:
    """Hold a call in which the agent cuts in on what begins with CUT and answers all else 300 ms later."""
    deeds = [Deed(act, 10_000.0 * at, 10_000.0 * at + 4000.0) for at, act in enumerate(acts)]
    begins = [deed.start_ms + (2000 if deed.act.words.startswith(CUT) else 4300) for deed in deeds]
    return Held(deeds=deeds, agent_sounds=tuple(Sound(at, at + 500) for at in begins))


async def measured(monkeypatch: pytest.MonkeyPatch, effort: Effort) -> tuple[list[list[Act]], dict[str, Line]]:
    scripts: list[list[Act]] = []

    async def hold_all(place: Place, calls: list[list[Act]], at_once: int, *, name: str) -> list[Held]:
        scripts.extend(calls)
        return [held(acts) for acts in calls]

    async def speak(words: str, voice: str) -> Pcm:
        return BEEP

    monkeypatch.setattr(cutoffs, "hold_all", hold_all)
    nothing = cast(Any, None)
    place = Place("", "", nothing, nothing, speak, nothing, nothing, lambda text: None, 2)
    lines = await cutoffs.run(place, effort)
    assert len({line.what for line in lines}) == len(lines)
    return scripts, {line.what: line for line in lines}


async def test_each_utterance_of_both_held_out_halves_is_said_once_and_counted_in_its_half(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scripts, lines = await measured(monkeypatch, Effort())
    assert len(scripts) == 8 + 4 + 5
    tuned, unseen = lines["false cut-offs"], lines["false cut-offs of the held-out set"]
    assert (tuned.count, tuned.cases, unseen.count, unseen.cases, unseen.goal.share) == (48, 0, 100, 1, 5)
    halves = [lines[f"- its {name} half"] for name in ("first", "second")]
    assert [(half.count, half.cases) for half in halves] == [(40, 0), (60, 1)]
    waits = lines["- wait after digits dictated with pauses of the held-out set"]
    assert waits.values == (300.0,) * 31  # of 32, one was cut off


async def test_more_runs_say_all_of_it_so_often_and_a_quick_one_hears_both_halves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scripts, lines = await measured(monkeypatch, Effort(runs=2))
    assert len(scripts) == 2 * (8 + 4 + 5) and lines["false cut-offs of the held-out set"].count == 200
    scripts, lines = await measured(monkeypatch, Effort(quick=True))
    assert len(scripts) == 2 + 2 and all(len(acts) == 3 for acts in scripts)
    assert [lines[f"- its {name} half"].count for name in ("first", "second")] == [2, 2]
