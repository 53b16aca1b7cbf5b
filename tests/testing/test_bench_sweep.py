"""The sweep of the end of turn, on facts that are known."""

from dataclasses import replace
from pathlib import Path

import pytest

from voiceplane.testing.bench.turn_kept import Facts, PauseFacts, keep, read_kept
from voiceplane.testing.bench.turn_picture import draw
from voiceplane.testing.bench.turn_sweep import Setting, changed, in_use, judge, recommended, spread, sweep, table
from voiceplane.turn.parameters import Sureness, TurnParameters, required_silence
from voiceplane.turn.reading import Reading

USED = TurnParameters()
IN_USE = Setting.of(USED)


UNDERSTOOD: dict[str, bool | None] = {"complete": True, "unknown": None, "unclear": False}


def pause(since: float, *, reading: str, probability: float) -> PauseFacts:
    return PauseFacts(since + 0.1, since, probability, 0.03, UNDERSTOOD[reading], 0.1, "that was the whole sentence")


def spoken(second_starts: float, *, first_reading: str = "unknown", probability: float = 0.2) -> Facts:
    """Speech at 0.5-1.5 s and from `second_starts` for a second, then silence."""
    end = second_starts + 1.0
    pauses = (
        pause(1.5, reading=first_reading, probability=probability),
        pause(end, reading="complete", probability=0.9),
    )
    starts = ((0.57, 0.5), (second_starts + 0.07, second_starts))
    return Facts("tuned", "hesitation", "", 0, end, end + 3.0, starts, pauses)


def test_a_turn_ends_after_the_silence_that_the_table_asks_for() -> None:
    facts = Facts(
        "tuned", "fluent", "", 0, 1.5, 4.5, ((0.57, 0.5),), (pause(1.5, reading="complete", probability=0.9),)
    )
    end = judge(facts, USED)
    wanted = required_silence(Reading.COMPLETE, 0.9, USED, digits=False)
    assert not end.cut_off
    assert end.delay_s == pytest.approx(max(wanted, 0.2), abs=0.03)  # the words come 0.2 s after the last sound


def test_a_pause_longer_than_patience_is_a_false_cut_off_and_a_shorter_one_is_not() -> None:
    patience = required_silence(Reading.UNKNOWN, 0.2, USED, digits=False)
    assert judge(spoken(1.5 + patience + 0.3), USED).cut_off
    end = judge(spoken(1.5 + patience - 0.3), USED)
    assert not end.cut_off and end.taken_back == 0


def read_late(after_s: float) -> Facts:
    """Return speech that goes on 0.95 s after a pause whose words come so late."""
    facts = spoken(1.5 + 0.95, first_reading="complete", probability=0.9)
    return replace(facts, pauses=(replace(facts.pauses[0], read_after_s=after_s), facts.pauses[1]))


def test_an_end_is_taken_back_while_the_reply_is_not_there() -> None:
    # Without words the turn ends after `unread_s`; the caller is noticed 0.12 s later, before the words are there.
    assert USED.unread_s == pytest.approx(0.9)
    end = judge(read_late(after_s=1.0), USED)
    assert not end.cut_off and end.taken_back == 1


def test_an_end_is_final_at_once_when_the_reply_is_there_already() -> None:
    patience = required_silence(Reading.COMPLETE, 0.9, USED, digits=False)
    facts = spoken(1.5 + max(patience, 0.2) - 0.05, first_reading="complete", probability=0.9)
    end = judge(facts, USED)  # the speech is noticed 20 ms after the turn's end: a confirmed reply is being spoken
    assert end.cut_off and end.taken_back == 0


def test_a_word_that_has_begun_but_has_no_edge_yet_is_not_cut_off() -> None:
    patience = required_silence(Reading.COMPLETE, 0.9, USED, digits=False)
    facts = spoken(1.5 + max(patience, 0.2) - 0.05, first_reading="complete", probability=0.9)
    heard = replace(facts, sounds_s=(1.66, 1.68, 1.7, 1.72))  # the word begins at 1.65 s
    assert not judge(heard, USED).cut_off and judge(facts, USED).cut_off


def test_more_patience_never_cuts_off_more_and_waits_longer() -> None:
    facts = [spoken(1.5 + gap) for gap in (0.3, 0.6, 0.9, 1.3, 1.6)]
    same = [each for each in sweep(facts, USED) if replace(each.setting, scale=1.0) == IN_USE]
    shares = [point.share() for point in sorted(same, key=lambda point: point.setting.scale)]
    assert shares == sorted(shares, reverse=True) and shares[0] > shares[-1]


def test_the_recommended_point_is_the_fastest_with_few_enough_cut_offs() -> None:
    points = sweep([spoken(1.5 + gap) for gap in (0.3, 0.9, 1.3)], USED)
    best = recommended(points)
    assert best is not None and best.share() < 5
    assert all(other.delay_ms() >= best.delay_ms() for other in points if other.share() < 5)
    now = in_use(points)
    assert now.setting == IN_USE
    assert "**recommended**" in table(points) and "in use" in table(points)
    picture = draw(points, now, 3)
    assert picture.startswith("<svg") and "recommended: x" in picture and "in use: x 1" in picture
    assert "under 5 % are wanted" in picture and ">100 %<" in picture  # no axis goes beyond all of them


def test_a_point_that_cuts_off_in_one_set_is_not_recommended_for_the_sum_of_all() -> None:
    easy = [spoken(1.5 + 0.3)] * 60
    hard = [replace(spoken(1.5 + 1.3), part="held-out")]
    best = recommended(sweep([*easy, *hard], USED))
    assert best is not None and best.share(part="held-out") == 0


def test_scaling_stretches_the_whole_table() -> None:
    twice = changed(USED, replace(IN_USE, scale=2.0, done_probability=0.3, sure_probability=0.7))
    assert (twice.done_probability, twice.sure_probability) == (0.3, 0.7)
    assert all(twice.patience[key] == pytest.approx(2 * seconds) for key, seconds in USED.patience.items())


def test_the_setting_in_use_changes_nothing() -> None:
    assert changed(USED, IN_USE) == USED


def test_the_wait_of_each_doubt_is_swept_by_itself() -> None:
    shorter = changed(USED, replace(IN_USE, going_on_s=0.3)).patience
    assert shorter[Reading.COMPLETE, Sureness.GOING_ON] == pytest.approx(0.3)
    assert shorter[Reading.DOUBTFUL, Sureness.SURE] == USED.patience[Reading.DOUBTFUL, Sureness.SURE]
    hasty = changed(USED, replace(IN_USE, doubtful_s=0.16)).patience
    for sureness in Sureness:
        assert hasty[Reading.DOUBTFUL, sureness] >= USED.patience[Reading.COMPLETE, sureness]
    assert hasty[Reading.DOUBTFUL, Sureness.SURE] == pytest.approx(0.16)


def test_a_sweep_shows_what_the_wait_for_more_to_come_costs_and_saves() -> None:
    facts = [spoken(1.5 + 0.6, first_reading="complete", probability=0.02)]
    by_wait = {
        p.setting.going_on_s: p.share()
        for p in sweep(facts, USED)
        if p.setting == replace(IN_USE, going_on_s=p.setting.going_on_s)
    }
    assert by_wait[0.3] == 100 and by_wait[0.85] == 0
    assert "| more to come | last word |" in table(sweep(facts, USED))


def test_the_spread_tells_the_cut_offs_of_each_offset_by_itself() -> None:
    patience = required_silence(Reading.UNKNOWN, 0.2, USED, digits=False)
    lasting, cut = spoken(1.5 + patience - 0.3), spoken(1.5 + patience + 0.3)
    heard = [lasting, replace(lasting, offset=1), lasting, replace(cut, offset=1)]
    told = spread(in_use(sweep(heard, USED)))
    assert "| tuned, hesitation | 1 of 4 (25.0 %) | 0 - 1 |" in told


def test_facts_are_kept_for_the_same_recordings_and_ears_only(tmp_path: Path) -> None:
    facts = [replace(spoken(3.0), sounds_s=(1.66, 1.68), offset=2)]
    kept = tmp_path / "facts.json"
    assert read_kept(kept, "one") is None
    keep(kept, "one", facts)
    assert read_kept(kept, "one") == tuple(facts)
    assert read_kept(kept, "other") is None


def test_the_table_has_points_that_come_to_the_same_once() -> None:
    rows = [line for line in table(sweep([spoken(2.4)], USED)).splitlines()[2:] if "in use" not in line]
    figures = [row.split("|")[6:-2] for row in rows if "recommended" not in row]
    assert figures and len(set(map(tuple, figures))) == len(figures)
