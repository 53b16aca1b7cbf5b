"""How the benchmark judges a call whose sounds and record are known."""

from dataclasses import replace

import numpy as np

from voiceplane.records.rows import CallRow, TurnRow
from voiceplane.testing.bench import backchannels, barge_in, cutoffs, echo, ledger, turns
from voiceplane.testing.bench.caller import RATE, Act, After, Deed, Held
from voiceplane.testing.bench.sound import Sound

EMPTY = np.zeros(0, dtype=np.int16)


def deed(kind: str, start: float, end: float, *, after: After = After.AGENT_END) -> Deed:
    return Deed(Act(kind, kind, EMPTY, after), start, end)


def record(*turns_: tuple[str, str, float]) -> CallRow:
    rows = tuple(
        TurnRow(index, speaker, text, 0, int(ended_ms * 1e6)) for index, (speaker, text, ended_ms) in enumerate(turns_)
    )
    return CallRow("c", "a", "r", "d", "s", "x", "", 0, 0, 0, "completed", "caller-hung-up", rows)


def test_a_wait_is_from_the_callers_last_sound_to_the_agents_next() -> None:
    call = Held(deeds=[deed("question", 1000, 2000)], agent_sounds=(Sound(0, 800), Sound(2310, 4000)))
    assert [wait for _, wait in turns.waits(call)] == [310]


def test_a_turn_that_the_agent_cut_in_on_is_counted_and_not_timed() -> None:
    call = Held(deeds=[deed("digits", 1000, 3000)], agent_sounds=(Sound(1800, 2500), Sound(3200, 4000)))
    assert not turns.waits(call) and not turns.answered(call, 0)
    assert cutoffs.cut_off(call, call.deeds[0])


def test_a_turn_without_an_answer_before_the_next_is_not_answered() -> None:
    call = Held(deeds=[deed("intent", 0, 900), deed("intent", 5000, 6000)], agent_sounds=(Sound(6300, 7000),))
    assert not turns.answered(call, 0) and turns.answered(call, 1)


def test_a_barge_in_is_timed_to_silence_and_a_resumed_reply_to_its_real_end() -> None:
    over = deed("request", 2000, 3500, after=After.AGENT_START)
    call = Held(deeds=[over], agent_sounds=(Sound(0, 1900), Sound(1960, 2140), Sound(2700, 2900), Sound(3900, 5000)))
    assert barge_in.stops(call) == [140]
    assert barge_in.silenced_ms(call, over) == 2900


def answered(*, ended_ms: float, **marks: float) -> CallRow:
    """A caller's turn whose last sound is at 1,000 ms, and the answer with these marks."""
    rows = (
        TurnRow(1, "caller", "insurance", 0, int(1000 * 1e6)),
        TurnRow(1, "agent", "every parcel", 0, int(ended_ms * 1e6), timings_ms={"first_audio": 300.0} | marks),
    )
    return replace(record(), turns=rows)


def test_a_duck_after_which_the_agent_goes_on_is_no_stop() -> None:
    over = deed("request", 2000, 3500, after=After.AGENT_START)
    sounds = (Sound(1300, 2140), Sound(2700, 9000))
    call = Held(deeds=[over], agent_sounds=sounds, record=answered(ended_ms=9000, ducked=1110.0))
    assert barge_in.cut_by(call, over) is None
    failed = {line.what: line for line in barge_in.lines([call])}["interruptions after which the agent went on"]
    assert (failed.cases, failed.count) == (1, 1)


def test_a_stop_counts_to_the_last_sound_of_a_turn_that_ended_and_the_duck_from_the_callers_first() -> None:
    over = deed("request", 2000, 3500, after=After.AGENT_START)
    sounds = (Sound(1300, 2140), Sound(2500, 2610), Sound(4000, 6000))
    call = Held(deeds=[over], agent_sounds=sounds, record=answered(ended_ms=2640, ducked=1110.0, interrupted=1600.0))
    assert barge_in.cut_by(call, over) == barge_in.Cut(silent_ms=610, ducked_ms=110, moment_ms=2000)


def test_a_stop_counts_where_the_answer_before_overlapped_the_callers_words() -> None:
    over = deed("request", 2000, 3500, after=After.AGENT_START)
    told = answered(ended_ms=2640, ducked=1110.0, interrupted=1600.0)
    caller, reply = told.turns
    cut = TurnRow(0, "agent", "", int(600 * 1e6), int(900 * 1e6), timings_ms={"interrupted": 500.0})
    call = Held(deeds=[over], agent_sounds=(Sound(1300, 2610),), record=replace(told, turns=(caller, cut, reply)))
    assert barge_in.cut_by(call, over) == barge_in.Cut(silent_ms=610, ducked_ms=110, moment_ms=2000)


def test_a_case_says_where_the_caller_began_how_loud_and_when_the_gateway_noticed() -> None:
    over = deed("request", 2000, 3500, after=After.AGENT_START)
    sounds = (Sound(1300, 1900), Sound(2150, 2640), Sound(4000, 6000))
    call_record = answered(ended_ms=2640, echoed=1080.0, ducked=1320.0, interrupted=1600.0)
    caller = TurnRow(2, "caller", "prices", int(2240 * 1e6), int(3500 * 1e6))
    call_record = replace(call_record, turns=(*call_record.turns, caller))
    loud = np.full(4 * RATE, 1000, dtype=np.int16)
    call = Held(caller=loud, deeds=[over], agent_sounds=sounds, record=call_record)
    assert barge_in.cases(call) == [
        "'request' begins with 60 dB, in the agent's own pause, 2.0 s into the turn, "
        "begun 240, taken for an echo 80, ducked 320, silent 640 ms"
    ]


def test_an_interruption_of_a_silent_agent_is_none() -> None:
    over = deed("request", 2000, 3500, after=After.AGENT_START)
    call = Held(deeds=[over], agent_sounds=(Sound(0, 1500), Sound(3900, 5000)))
    assert barge_in.interruptions(call) == []


def test_a_backchannel_ends_the_turn_when_the_record_has_it_and_those_after_it_do_not_count() -> None:
    murmurs = [deed("murmur", at, at + 400) for at in (2000, 5000, 8000)]
    speaking = tuple(Sound(at, at + 90) for at in range(0, 12_000, 150))
    reply = TurnRow(0, "agent", "every parcel", int(600 * 1e6), int(5500 * 1e6), timings_ms={"interrupted": 5300.0})
    told = replace(record(), turns=(reply, TurnRow(1, "caller", "x", int(5000 * 1e6), int(5400 * 1e6))))
    call = Held(deeds=[deed("request", 0, 500), *murmurs], agent_sounds=speaking, record=told)
    assert backchannels.murmurs(call) == murmurs[:2]
    assert [backchannels.ends_the_turn(call, each) for each in murmurs] == [False, True, False]


def test_a_backchannel_that_begins_beside_a_reply_or_outlasts_it_is_not_over_it() -> None:
    reply = TurnRow(0, "agent", "every parcel", int(1000 * 1e6), int(5000 * 1e6))
    call = Held(record=replace(record(), turns=(reply,)))
    murmurs = [deed("murmur", at, at + 400) for at in (700, 1000, 4600, 4700, 5100)]
    assert [backchannels.over_a_reply(call, each) for each in murmurs] == [False, True, True, False, False]


def test_an_agent_that_falls_silent_at_a_backchannel_has_ended_its_turn() -> None:
    murmur = deed("murmur", 2000, 2400)
    call = Held(deeds=[murmur], agent_sounds=(Sound(0, 2150), Sound(4500, 6000)), record=record())
    assert backchannels.pause_ms(call, murmur) == 2350
    assert backchannels.ends_the_turn(call, murmur)


def test_an_agent_interrupted_itself_when_a_reply_has_no_end_or_a_turn_appeared() -> None:
    def heard(*spoken: tuple[str, str, float]) -> Held:
        return Held(deeds=[deed("question", 0, 500)], record=record(*spoken))

    reply = ("agent", "We are open from eight.", 4000)
    assert not echo.interrupted_itself(heard(("caller", "hours", 500), reply))
    assert echo.interrupted_itself(heard(("caller", "hours", 500), ("agent", "We are", 2000)))
    assert echo.interrupted_itself(heard(("agent", "", 0), ("caller", "hours", 500), reply))
    assert echo.interrupted_itself(heard(("caller", "hours", 500), reply, ("caller", "eight", 4500)))
    assert echo.interrupted_itself(Held(trouble="no call"))
    # One turn that nobody spoke and one that is missing are as many as were said.
    assert echo.interrupted_itself(heard(("caller", "eight", 3000), reply))


def test_the_agents_pauses_are_those_in_which_the_caller_was_silent() -> None:
    sounds = (Sound(0, 1000), Sound(3000, 4000), Sound(4500, 6000), Sound(6100, 7000))
    assert echo.pauses(Held(deeds=[deed("question", 1500, 2500)], agent_sounds=sounds)) == 1


def test_the_ledger_is_compared_with_the_sound_of_the_reply_that_was_interrupted() -> None:
    over = deed("request", 5000, 6500, after=After.AGENT_START)
    call = Held(
        agent=np.arange(10 * RATE, dtype=np.int64).astype(np.int16),
        deeds=[deed("request", 1000, 2000), over],
        agent_sounds=(Sound(0, 900), Sound(2300, 5130), Sound(7000, 9000)),
        record=record(("agent", "opening", 950), ("agent", "every parcel is", 5600), ("agent", "the price", 9100)),
    )
    (found,) = ledger.interrupted(call)
    assert found.ledger == "every parcel is"
    seconds = len(found.sound) / RATE
    assert abs(seconds - (5130 - 2300 + ledger.BEFORE_MS + ledger.BEHIND_MS) / 1000) < 0.01


def test_the_ledger_compares_no_turn_that_began_after_the_interruption() -> None:
    over = deed("request", 5000, 6500, after=After.AGENT_START)
    rows = (
        TurnRow(0, "agent", "every parcel is", int(2300 * 1e6), int(5600 * 1e6)),
        TurnRow(1, "agent", "", int(5100 * 1e6), int(5200 * 1e6)),
    )
    call = Held(
        agent=np.zeros(10 * RATE, dtype=np.int16),
        deeds=[deed("request", 1000, 2000), over],
        agent_sounds=(Sound(2300, 5130),),
        record=replace(record(), turns=rows),
    )
    assert [found.ledger for found in ledger.interrupted(call)] == ["every parcel is"]
