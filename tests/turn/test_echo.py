"""The agent's own voice on the line is told from the caller's by sound alone."""

import numpy as np
import pytest

from voiceplane.turn.echo import EchoPath, Match, is_echo, learn, match

RATE = 16000


def _voice(seconds: float, *, seed: int, level: float = 3000.0) -> np.ndarray:
    """Return a sound with a voice's shape: a buzz of changing pitch in syllables."""
    random = np.random.default_rng(seed)
    time = np.arange(int(seconds * RATE)) / RATE
    pitch = 120 + 40 * np.interp(time, np.linspace(0, seconds, 20), random.uniform(-1, 1, 20))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    shape = np.interp(time, np.linspace(0, seconds, int(8 * seconds) + 2), random.uniform(0.1, 1, int(8 * seconds) + 2))
    weights = random.uniform(0.2, 1, 9)
    buzz = sum(weight * np.sin((index + 1) * phase) for index, weight in enumerate(weights))
    sound: np.ndarray = shape * buzz
    loud: np.ndarray = sound * level / np.sqrt(np.mean(sound**2))
    return loud


def _line(agent: np.ndarray, *, delay_s: float, loss_db: float, caller: np.ndarray | None = None) -> np.ndarray:
    """Return what comes back: the agent's voice later and weaker, the caller's, and noise."""
    late = np.concatenate([np.zeros(int(delay_s * RATE)), agent])[: len(agent)] * 10 ** (-loss_db / 20)
    noise = np.random.default_rng(9).normal(0, 4, len(agent))
    line: np.ndarray = late + noise + (0 if caller is None else caller[: len(agent)])
    return line


def _pcm(sound: np.ndarray) -> bytes:
    pcm: bytes = np.clip(np.rint(sound), -32768, 32767).astype("<i2").tobytes()
    return pcm


def _windows(agent: np.ndarray, line: np.ndarray, *, end_s: float, length_s: float = 0.16) -> tuple[bytes, bytes]:
    end, length = int(end_s * RATE), int(length_s * RATE)
    sent = np.concatenate([np.zeros(RATE), agent])[: end + RATE][-int((length_s + 0.6) * RATE) :]
    return _pcm(line[end - length : end]), _pcm(sent)


@pytest.mark.parametrize("loss_db", [6, 12, 20, 26])
@pytest.mark.parametrize("delay_s", [0.02, 0.2, 0.4])
def test_an_echo_is_known_by_its_delay_and_its_strength(loss_db: float, delay_s: float) -> None:
    agent = _voice(3, seed=1)
    heard, sent = _windows(agent, _line(agent, delay_s=delay_s, loss_db=loss_db), end_s=2.0)
    found = match(heard, sent)
    assert found.delay / 4000 == pytest.approx(delay_s, abs=0.002)
    assert found.gain == pytest.approx(10 ** (-loss_db / 20), rel=0.2)
    assert is_echo(EchoPath(), found, heard, sent)


def test_the_echo_of_the_first_word_is_known_when_less_was_sent_than_is_compared() -> None:
    agent = _voice(2, seed=2)
    heard, sent = _windows(agent, _line(agent, delay_s=0.2, loss_db=20), end_s=0.34)
    assert is_echo(EchoPath(), match(heard, sent), heard, sent)


@pytest.mark.parametrize("seed", range(10, 20))
def test_a_caller_over_the_echo_is_no_echo(seed: int) -> None:
    agent, caller = _voice(3, seed=1), _voice(3, seed=seed)
    line = _line(agent, delay_s=0.2, loss_db=20, caller=caller)
    path = EchoPath(int(0.2 * 4000), 0.1, 9)
    for end_s in (1.0, 1.7, 2.4):
        heard, sent = _windows(agent, line, end_s=end_s)
        assert not is_echo(path, match(heard, sent), heard, sent)


def test_a_caller_alone_is_no_echo() -> None:
    agent, caller = np.zeros(3 * RATE), _voice(3, seed=4)
    heard, sent = _windows(agent, caller, end_s=2.0)
    assert not is_echo(EchoPath(800, 0.1, 9), match(heard, sent), heard, sent)


def test_what_is_louder_than_what_was_sent_is_no_echo_however_alike() -> None:
    agent = _voice(3, seed=5, level=500)
    heard, sent = _windows(agent, agent * 4, end_s=2.0)
    assert not is_echo(EchoPath(), match(heard, sent), heard, sent)


def test_a_faint_stretch_is_ours_once_the_path_is_known() -> None:
    agent = _voice(3, seed=6)
    line = _line(agent, delay_s=0.2, loss_db=20) + np.random.default_rng(3).normal(0, 150, len(agent))
    heard, sent = _windows(agent, line, end_s=2.0)
    found = Match(0.3, 700, 0.05)  # matches nothing well
    assert not is_echo(EchoPath(), found, heard, sent)
    assert is_echo(EchoPath(800, 0.1, 5), found, heard, sent)


def test_the_path_is_learned_from_plain_matches_only() -> None:
    assert learn(EchoPath(), Match(0.5, 800, 0.1)) == EchoPath()
    assert learn(EchoPath(), Match(0.9, 800, 2.0)) == EchoPath()
    once = learn(EchoPath(), Match(0.9, 800, 0.1))
    assert once == EchoPath(800, 0.1, 1)
    assert learn(once, Match(0.9, 810, 0.1)).seen == 2


def test_a_path_that_moves_is_learned_anew() -> None:
    assert learn(EchoPath(800, 0.1, 30), Match(0.9, 1600, 0.2)) == EchoPath(1600, 0.2, 1)


def test_silence_and_fragments_match_nothing() -> None:
    assert match(b"", b"").likeness == 0
    assert match(bytes(5120), bytes(25600)).likeness == 0
    assert match(_pcm(_voice(0.02, seed=1)), bytes(25600)).likeness == 0
