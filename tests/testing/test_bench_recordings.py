"""The recordings for the sweep: made of the sets, or a folder of somebody's own."""

from collections import Counter
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from voiceplane.contract.audio import Pcm
from voiceplane.contract.load import load_bundle
from voiceplane.testing.bench import recordings
from voiceplane.testing.bench.place import Effort, Place
from voiceplane.testing.bench.recordings import RecordingsError, of_folder
from voiceplane.testing.bench.turn_facts import asked_for_digits
from voiceplane.testing.phone.audio import write_wav

EXAMPLE = Path(__file__).parents[2] / "docs/examples/parcel-desk.yaml"


def folder(path: Path, *lines: str) -> Path:
    write_wav(path / "one.wav", (np.zeros(32_000, dtype=np.int16),), 16_000)
    (path / "recordings.csv").write_text("\n".join(("file,end_ms,pauses_ms,digits,words", *lines)) + "\n")
    return path


def test_each_line_is_a_recording_with_its_end_and_what_was_asked(tmp_path: Path) -> None:
    fluent, hesitant, digits = of_folder(
        folder(tmp_path, "one.wav,1800,,,where is it?", 'one.wav,1900,"400 700",,', "one.wav,2000,300,6,four five")
    )
    assert (fluent.kind, fluent.end_s, fluent.words, fluent.digits) == ("fluent", 1.8, "where is it?", 0)
    assert (hesitant.kind, hesitant.words) == ("hesitation", "one.wav")
    assert (digits.kind, digits.digits, digits.asked) == ("digits", 6, "digits")
    assert {each.part for each in (fluent, hesitant, digits)} == {"own"}
    assert len(fluent.sound) == 16_000  # 2 s on the line


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("one.wav,2500,,,", "not inside"),
        ("one.wav,soon,,,", "soon"),
        ("two.wav,1000,,,", "two.wav"),
        ("recordings.csv,1000,,,", "RIFF"),
        ("one.wav", "NoneType"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(tmp_path: Path, line: str, why: str) -> None:
    with pytest.raises(RecordingsError, match=rf"recordings\.csv:2: .*{why}"):
        of_folder(folder(tmp_path, line))


def test_a_folder_without_a_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingsError, match="recordings.csv"):
        of_folder(tmp_path)
    with pytest.raises(RecordingsError, match="no recordings"):
        of_folder(folder(tmp_path))


def test_the_question_for_digits_is_the_agents_own() -> None:
    spec = load_bundle(EXAMPLE.read_text()).agent.spec
    asked = asked_for_digits(spec, 6)
    assert asked is not None
    assert spec.intent(asked.intent).slot(asked.asking).length == 6
    assert asked_for_digits(spec, 9) is None


async def test_every_set_is_made_and_a_quick_run_speaks_only_what_it_hears() -> None:
    spoken: list[str] = []

    async def speak(words: str, voice: str) -> Pcm:
        spoken.append(words)
        return Pcm((3000 * np.sin(np.arange(1600))).astype("<i2").tobytes(), 8000)

    nothing = cast(Any, None)
    place = Place("", "", nothing, nothing, speak, nothing, nothing, lambda text: None, 2)
    counts = Counter(recording.part for recording in await recordings.made(place, Effort()))
    assert counts == {"tuned": 148, "wider": 83, "wider-judged": 83, "held-out": 40, "held-out-second": 60}
    spoken.clear()
    assert len(await recordings.made(place, Effort(quick=True))) == recordings.QUICK
    assert recordings.QUICK <= len(spoken) <= 6 * recordings.QUICK
