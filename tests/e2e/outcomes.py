"""What came of a call of these tests: the record, what the caller said, and whether the agent took it for other words.

A small recognizer mishears one sentence in some dozens. These tests are of what follows a sentence, so a call in which
the record shows other words than were spoken is placed again, whole (conftest.py), and no other call is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.alike import holds, same

from voiceplane.contract.audio import Pcm
from voiceplane.records.rows import AuditRow, CallRow, TurnRow
from voiceplane.testing.phone import PhoneCall, PhoneError

HIDDEN = "["  # a record has marks in the place of digits and of proofs: what was heard there is not known


@dataclass(frozen=True, slots=True)
class Outcome:
    """A call that is over: what the caller said and pressed, the record, and the phone's side of it."""

    spoken: tuple[str, ...]
    record: CallRow
    audits: tuple[AuditRow, ...]
    call: PhoneCall
    audio: tuple[Pcm, ...] = ()  # what the agent said, at 16 kHz, one for each time that the caller listened
    heard: tuple[str, ...] = ()  # the words of each, as recognized; empty where a test led the call
    failed: PhoneError | TimeoutError | None = None

    @property
    def intents(self) -> list[str]:
        """The intents of what the caller was understood to say."""
        return [turn.intent for turn in self.record.turns if turn.speaker == "caller" and turn.intent]

    @property
    def replies(self) -> list[str]:
        """What the agent said, turn by turn, by the record: as far as its sound went out to the caller."""
        return [turn.text_pii for turn in self.record.turns if turn.speaker == "agent"]

    @property
    def said(self) -> str:
        """All that the agent said."""
        return " ".join(self.replies)

    @property
    def misheard(self) -> list[str]:
        """What the agent heard and nobody had said; a sentence that it missed altogether is not here."""
        return misheard(self.record.turns, self.spoken)

    def hears(self, sentence: str) -> bool:
        """Say whether a sentence is in the caller's recording, as a recognizer that mishears a word has it."""
        return holds(" ".join(self.heard), sentence)


def misheard(turns: Sequence[TurnRow], spoken: Sequence[str]) -> list[str]:
    """Return the words of the caller's turns that were not spoken."""
    texts = [turn.text_pii for turn in turns if turn.speaker == "caller" and HIDDEN not in turn.text_pii]
    return [text for text in texts if not any(same(text, words) for words in spoken)]
