from voiceplane.call.ears import PREROLL_S, WINDOW_BYTES, Ears
from voiceplane.turn.gate import SpeechPaused, SpeechStarted

FRAME = 640  # 20 ms of 16 kHz s16le


class LoudIsVoice:
    """A detector for tests of the bookkeeping only: any non-zero byte is a voice."""

    def probability(self, window: bytes) -> float:
        assert len(window) == WINDOW_BYTES
        return 0.9 if any(window) else 0.0


def listen(ears: Ears, pattern: str) -> list[SpeechStarted | SpeechPaused]:
    """Feed 20 ms frames: `#` is a voice, `.` is silence; the first frame ends at 0.02 s."""
    edges = []
    for index, mark in enumerate(pattern):
        frame = (b"\x01\x10" if mark == "#" else b"\0\0") * (FRAME // 2)
        edges += ears.hear(frame, at=(index + 1) * 0.02)
    return edges


def test_speech_is_found_where_it_is_within_one_window() -> None:
    edges = listen(Ears(LoudIsVoice()), "." * 50 + "#" * 50 + "." * 20)
    assert isinstance(edges[0], SpeechStarted) and abs(edges[0].at - 1.0) <= 0.032
    assert isinstance(edges[1], SpeechPaused) and abs(edges[1].since - 2.0) <= 0.032


def test_the_utterance_begins_a_little_before_the_first_voiced_window() -> None:
    ears = Ears(LoudIsVoice())
    listen(ears, "." * 50 + "#" * 50)
    ears.begin_utterance(1.0)
    audio = ears.utterance()
    assert abs(len(audio) / 32_000 - (1.0 + PREROLL_S)) < 0.001
    assert not any(audio[: int(PREROLL_S * 32_000)]) and audio[-1]


def test_memory_stays_bounded_in_a_long_call() -> None:
    ears = Ears(LoudIsVoice())
    listen(ears, "#" * (50 * 70))
    ears.begin_utterance(0.0)
    assert len(ears.utterance()) <= 34 * 32_000


class Toneless:
    """A detector that hears a voice in loud windows only, as silero does: an s is none."""

    def probability(self, window: bytes) -> float:
        return 0.9 if b"\x10" in window else 0.1


def started_at(pattern: str, *, eager: bool) -> list[float]:
    """Feed frames: `#` is a voice, `s` a consonant without one; return when speech was noticed."""
    ears, found = Ears(Toneless()), []
    for index, mark in enumerate(pattern):
        sample = {"#": b"\x01\x10", "s": b"\xff\x01", ".": b"\0\0"}[mark]
        edges = ears.hear(sample * (FRAME // 2), at=(index + 1) * 0.02, eager=eager)
        found += [(index + 1) * 0.02 for edge in edges if isinstance(edge, SpeechStarted)]
    return found


def test_a_word_that_begins_without_a_voice_is_noticed_before_the_voice_when_it_is_urgent() -> None:
    word = "." * 20 + "s" * 10 + "#" * 10 + "." * 10
    (patient,), (eager,) = started_at(word, eager=False), started_at(word, eager=True)
    assert patient > 0.6 and eager <= 0.46


def test_a_click_begins_no_word_wherever_it_lies_in_a_window() -> None:
    for before in range(8):
        assert started_at("." * (20 + before) + "s" + "." * 10, eager=True) == []


def test_a_noise_without_a_voice_is_over_when_it_lasts() -> None:
    ears, edges = Ears(Toneless()), []
    for index in range(50):
        edges += ears.hear(b"\xff\x01" * (FRAME // 2), at=(index + 1) * 0.02, eager=True)
    assert [type(edge) for edge in edges] == [SpeechStarted, SpeechPaused]


def sounds(pattern: str) -> str:
    """Return for each frame, in a line of one letter each, whether something sounds in a pause there."""
    ears, found = Ears(Toneless()), ""
    for index, mark in enumerate(pattern):
        sample = {"#": b"\x01\x10", "s": b"\xff\x01", ".": b"\0\0"}[mark]
        ears.hear(sample * (FRAME // 2), at=(index + 1) * 0.02)
        found += "x" if ears.sounds else "."
    return found


def test_a_pause_sounds_from_a_words_first_window_to_its_edge() -> None:
    heard = sounds("#" * 20 + "." * 20 + "#" * 20)
    assert "x" not in heard[4:40] and "x" in heard[41:44] and "x" not in heard[45:]


def test_a_pause_sounds_while_a_consonant_does_that_the_detector_does_not_hear() -> None:
    heard = sounds("#" * 20 + "." * 20 + "s" * 10 + "." * 10)
    assert "x" not in heard[4:41] and heard[42:50] == "x" * 8 and "x" not in heard[52:]


def test_a_noise_that_lasts_is_no_sound_in_a_pause() -> None:
    assert "x" not in sounds("#" * 20 + "." * 10 + "s" * 60)[55:]
