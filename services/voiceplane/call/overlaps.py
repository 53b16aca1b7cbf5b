"""Sounds of the caller over the agent: our own echo is swallowed, the rest is measured for the judge. For listening."""

import numpy as np

from voiceplane.call.ears import Ears
from voiceplane.contract.audio import BYTES_PER_SAMPLE, SPEECH_BYTES_PER_S, SPEECH_RATE
from voiceplane.media.session import MediaSession
from voiceplane.runtime.metrics import BARGE_INS
from voiceplane.speech.ports import Transcript
from voiceplane.turn.echo import LONGEST_DELAY_S, EchoPath, is_echo, learn, match
from voiceplane.turn.gate import SpeechPaused, SpeechStarted
from voiceplane.turn.overlap import Overlap, OverlapFacts, UsualLevel, is_sure, judge

ECHO_WINDOW_S = 0.32  # in a shorter stretch any two voices may be alike: the vowels of "excuse" and "insurance"
SHORT_S = 0.16  # is enough where the way of the echo is known
LONGEST_SOUND_S = 1.2  # of a sound over the agent is compared: it is named before
RECHECK_S = 0.1


class Overlaps:
    """What is known of the sound that is being made over the agent, and of the caller's usual level."""

    def __init__(self, session: MediaSession, ears: Ears) -> None:
        """Compare with what this session has sent."""
        self._session = session
        self._ears = ears
        self._near = bytearray()  # the newest LONGEST_SOUND_S
        self._path = EchoPath()
        self._echoing = False
        self._check_at = 0.0
        self._since = 0.0
        self._voiced_s = 0.0
        self._words: Transcript | None = None
        self._power: list[float] = []  # of voiced frames of the running sound; ends with it
        self._usual = UsualLevel()  # of the caller's own turns
        self.running = False

    @property
    def echoes(self) -> bool:
        """Say whether our own voice has come back on this line."""
        return self._path.seen > 0

    def remember(self, frame: bytes) -> None:
        """Keep a frame to compare; before its edges come, whose sound is in it."""
        self._near += frame
        surplus = len(self._near) - int(LONGEST_SOUND_S * SPEECH_BYTES_PER_S)
        if surplus > 0:
            del self._near[:surplus]

    def hear(self, frame: bytes, at: float, *, over_us: bool) -> SpeechStarted | None:
        """Measure a frame; a sound that was taken for an echo and is more than that begins late."""
        if self._ears.voiced:
            self._measure(frame, over_us=over_us)
        if self._echoing and at >= self._check_at:
            self._check_at = at + RECHECK_S
            if not self._is_echo():
                self._echoing = False
                return SpeechStarted(at - SHORT_S)
        return None

    def _measure(self, frame: bytes, *, over_us: bool) -> None:
        power = float(np.mean(np.square(np.frombuffer(frame, "<i2").astype(np.float64))))
        if self.running:
            self._voiced_s += len(frame) / SPEECH_BYTES_PER_S
            self._power.append(power)
        elif not over_us:
            self._usual = self._usual.follow(power)

    def swallows(self, edge: SpeechStarted | SpeechPaused) -> bool:
        """Say whether an edge is our own echo's and must not reach the floor, also after our last word."""
        if isinstance(edge, SpeechPaused):
            was, self._echoing = self._echoing, False
            return was
        if self._is_echo():
            self._echoing = True
            self._check_at = edge.at + 2 * RECHECK_S
            BARGE_INS.labels(Overlap.ECHO.value).inc()
            return True
        return False

    def _is_echo(self) -> bool:
        return self._matches(ECHO_WINDOW_S) or (self.echoes and self._matches(SHORT_S))

    def _matches(self, window_s: float) -> bool:
        heard = bytes(self._near[-int(window_s * SPEECH_RATE) * BYTES_PER_SAMPLE :])
        sent = self._session.sent(LONGEST_DELAY_S + window_s)
        found = match(heard, sent)
        self._path = learn(self._path, found)
        return is_echo(self._path, found, heard, sent)

    def begin(self, since: float) -> None:
        """Start to measure a sound."""
        self.running, self._since = True, since
        self._voiced_s, self._words = 0.0, None
        self._power.clear()

    def words(self, transcript: Transcript) -> None:
        """Keep what the recognizer makes of the sound, also after the agent has gone on."""
        self._words = transcript

    def judge(self, now: float, *, ended: bool, answers: bool) -> Overlap | None:
        """Name the sound with what is known now."""
        if self.running and self._matches(min(LONGEST_SOUND_S, now - self._since + SHORT_S)):
            BARGE_INS.labels(Overlap.ECHO.value).inc()
            return Overlap.ECHO
        level = self._usual.over_db(float(np.mean(self._power))) if self._power else None
        text, sure = None, True
        if self._words is not None:
            sure = is_sure(self._words.confidence, self._words.logprob)
            text = self._words.text if sure else self._words.wish or self._words.text
        facts = OverlapFacts(now - self._since, self._voiced_s, ended, text, level, answers, sure)
        kind = judge(facts)
        if kind is not None:
            BARGE_INS.labels(kind.value).inc()
        return kind

    def end(self, *, resumed: bool) -> None:
        """Stop measuring; a sound that took the floor tells the level of a caller who was not heard before."""
        self.running = False
        if not resumed and not self._usual.frames:
            for power in self._power:
                self._usual = self._usual.follow(power)
