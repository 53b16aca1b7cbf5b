import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceplane.turn.overlap import SIDE_TALK_DB, SURE_S, Overlap, OverlapFacts, is_sure, judge

TEXTS = st.none() | st.text(max_size=30) | st.sampled_from(["yes", "mm-hm", "no", "wait", "right okay", "my parcel"])
ENDED, LASTING = True, False


def named(
    text: str | None,
    ended: bool,
    *,
    since_s: float = 0.4,
    level_db: float | None = 0.0,
    answers: bool = False,
    sure: bool = True,
) -> Overlap | None:
    voiced_s = min(since_s, 0.3) if ended else since_s
    return judge(OverlapFacts(since_s, voiced_s, ended, text, level_db, answers, sure))


@pytest.mark.parametrize("text", ["You had.", "What's that?", "Go king.", "earth", "but"])
def test_unlikely_words_of_a_short_sound_are_a_hum(text: str) -> None:
    assert named(text, ENDED, sure=False) is Overlap.NOISE
    assert named(text, LASTING, sure=False) is None
    assert named(text, ENDED, sure=True) is Overlap.INTERRUPT


@pytest.mark.parametrize("text", ["stop", "wait", "No.", "Help.", "pardon"])
@pytest.mark.parametrize("ended", [ENDED, LASTING])
def test_a_word_that_wants_the_floor_need_not_be_likely(text: str, ended: bool) -> None:
    assert named(text, ended, sure=False) is Overlap.INTERRUPT


@pytest.mark.parametrize("text", ["chat please", "CHOP PLEASE.", "that, please"])
def test_please_behind_a_misheard_word_wants_the_floor(text: str) -> None:
    assert named(text, ENDED, sure=False) is Overlap.INTERRUPT


def test_a_sound_that_lasts_takes_the_floor_though_its_words_are_unlikely() -> None:
    assert named("you had", LASTING, since_s=0.6, sure=False) is Overlap.INTERRUPT


@pytest.mark.parametrize(
    ("confidence", "logprob", "sure"), [(0.52, -1.07, False), (0.3, -0.8, False), (0.48, -0.9, True), (1.0, 0.0, True)]
)
def test_words_are_likely_by_themselves_and_together(confidence: float, logprob: float, sure: bool) -> None:
    assert is_sure(confidence, logprob) is sure


@pytest.mark.parametrize(
    "text",
    ["Mm-hm.", "right", "Okay.", "uh huh", "yeah, okay", "I see.", "Got it, thanks!", "please", "All right", "M-M"],
)
def test_a_sign_of_listening_is_a_backchannel_once_it_is_over(text: str) -> None:
    assert named(text, ENDED) is Overlap.BACKCHANNEL


@pytest.mark.parametrize("text", ["And", "You have.", "Is it"])
def test_words_that_wish_nothing_alone_are_noise_unless_more_follows(text: str) -> None:
    assert named(text, ENDED) is Overlap.NOISE
    assert named(text, LASTING) is None
    assert named(f"{text} want to know", ENDED) is Overlap.INTERRUPT


@pytest.mark.parametrize("since_s", [0.2, 0.4, 0.6, 0.8])
def test_a_sign_of_listening_that_lasts_is_waited_for_because_more_may_come(since_s: float) -> None:
    assert named("yeah", LASTING, since_s=since_s) is None


@pytest.mark.parametrize("text", ["yes", "Yeah.", "no", "that is right", "Sure, okay."])
@pytest.mark.parametrize("ended", [ENDED, LASTING])
def test_the_same_word_is_an_answer_when_one_was_asked_for(text: str, ended: bool) -> None:
    assert named(text, ended, answers=True) is Overlap.INTERRUPT


def test_a_hum_is_no_answer_even_when_one_was_asked_for() -> None:
    assert named("mm", ENDED, answers=True) is Overlap.BACKCHANNEL


@pytest.mark.parametrize("since_s", [0.2, 0.4, 0.6])
@pytest.mark.parametrize("text", ["stop", "wait", "no", "actually", "hello", "hold on", "where is", "yes but"])
def test_a_word_that_wants_the_floor_is_taken_at_any_stage(text: str, since_s: float) -> None:
    assert named(text, LASTING, since_s=since_s) is Overlap.INTERRUPT


def test_one_word_that_lasts_is_waited_for_and_interrupts_when_it_was_all() -> None:
    assert named("parcel", LASTING) is None
    assert named("parcel", ENDED) is Overlap.INTERRUPT


@pytest.mark.parametrize("text", ["721", "7 2 1", "seven two one", "4!"])
def test_digits_over_the_question_for_them_interrupt(text: str) -> None:
    assert named(text, ENDED) is Overlap.INTERRUPT


@pytest.mark.parametrize("text", ["", " ", "...", "-", "?!"])
def test_a_sound_without_words_is_noise_once_it_is_over(text: str) -> None:
    assert named(text, ENDED) is Overlap.NOISE
    assert named(text, LASTING) is None


@pytest.mark.parametrize(
    ("since_s", "verdict"), [(0.2, None), (0.4, None), (0.6, Overlap.INTERRUPT), (0.8, Overlap.INTERRUPT)]
)
def test_a_voice_that_nothing_has_recognized_interrupts_when_it_lasts(since_s: float, verdict: Overlap | None) -> None:
    assert named(None, LASTING, since_s=since_s) is verdict


def test_a_short_sound_that_nothing_has_recognized_stays_open() -> None:
    assert named(None, ENDED) is None


@pytest.mark.parametrize(("since_s", "verdict"), [(0.2, None), (0.4, None), (0.6, Overlap.SIDE_TALK)])
def test_a_voice_far_below_the_callers_own_is_side_talk_after_600_ms(since_s: float, verdict: Overlap | None) -> None:
    assert named("stop the dog", LASTING, since_s=since_s, level_db=SIDE_TALK_DB - 1) is verdict
    assert named("stop the dog", ENDED, since_s=since_s, level_db=SIDE_TALK_DB - 1) is Overlap.SIDE_TALK


def test_a_caller_who_began_under_a_notice_is_not_judged_by_the_first_frame_after_it() -> None:
    facts = OverlapFacts(0.7, 0.02, LASTING, None, SIDE_TALK_DB - 6, answers=False)
    assert judge(facts) is None


def test_side_talk_never_answers_a_question() -> None:
    assert named("yes", ENDED, level_db=SIDE_TALK_DB - 1, answers=True) is Overlap.SIDE_TALK


@pytest.mark.parametrize("level_db", [None, SIDE_TALK_DB, 0.0, 12.0])
def test_a_caller_whose_level_is_unknown_or_usual_is_no_side_talk(level_db: float | None) -> None:
    assert named("wait", ENDED, level_db=level_db) is Overlap.INTERRUPT


@given(
    st.floats(0.0, 2.0), st.floats(0.0, 2.0), TEXTS, st.none() | st.floats(-60.0, 20.0), st.booleans(), st.booleans()
)
def test_a_recognized_sound_that_is_over_is_always_named(
    since_s: float, voiced_s: float, text: str | None, level_db: float | None, ended: bool, answers: bool
) -> None:
    verdict = judge(OverlapFacts(since_s, voiced_s, ended, text, level_db, answers))
    assert verdict is not Overlap.ECHO  # call.overlaps knows echoes before they come here
    if ended and text is not None:
        assert verdict is not None
    if verdict is None and not ended and (level_db is None or level_db >= SIDE_TALK_DB):
        assert voiced_s < SURE_S or text is not None


@given(st.sampled_from(["yes", "mm-hm", "stop", "", "my parcel"]), st.booleans())
def test_a_question_that_waits_for_an_answer_makes_no_interruption_less_likely(text: str, ended: bool) -> None:
    if named(text, ended) is Overlap.INTERRUPT:
        assert named(text, ended, answers=True) is Overlap.INTERRUPT
