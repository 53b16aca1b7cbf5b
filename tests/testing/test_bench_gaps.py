"""Silences between the phrases of a reply, on a track."""

import pytest

from voiceplane.records.rows import CallRow, TurnRow
from voiceplane.testing.bench.caller import Held
from voiceplane.testing.bench.gaps import between, gaps, lines
from voiceplane.testing.bench.sound import Sound

SOUNDS = (Sound(1000, 1900), Sound(1980, 2500), Sound(2700, 3500), Sound(5000, 6000))


def reply(text: str, start_ms: float, end_ms: float, *marked: str) -> TurnRow:
    marks = dict.fromkeys(marked, 500.0)
    return TurnRow(1, "agent", text, int(start_ms * 1e6), int(end_ms * 1e6), timings_ms=marks)


def test_the_longest_silences_are_those_between_phrases() -> None:
    assert between(SOUNDS[:3], 2) == [200]
    assert between(SOUNDS[:3], 3) == [200, 80]


def test_phrases_that_follow_each_other_without_silence_have_a_gap_of_nothing() -> None:
    assert between(SOUNDS[:1], 3) == [0, 0]


def test_one_phrase_has_no_gap() -> None:
    assert between(SOUNDS, 1) == []
    assert between((), 2) == []


@pytest.mark.parametrize("mark", ["interrupted", "ducked"])
def test_only_the_turn_s_own_sounds_count_and_no_turn_that_a_caller_spoke_over(mark: str) -> None:
    turns = (reply("It is here. Anything else?", 990, 3510), reply("Yes. No.", 4990, 6010, mark))
    call = CallRow("c", "a", "r", "", "", "", "", 0, 0, 0, "completed", "", turns)
    assert gaps(Held(agent_sounds=SOUNDS, record=call)) == [200]
    assert gaps(Held(agent_sounds=SOUNDS)) == []


def test_the_line_tells_the_longest() -> None:
    call = CallRow(
        "c", "a", "r", "", "", "", "", 0, 0, 0, "completed", "", (reply("It is. So it is. Yes?", 990, 3510),)
    )
    (line,) = lines([Held(agent_sounds=SOUNDS, record=call)])
    assert (line.median, line.note) == (140, "longest 200 ms")
