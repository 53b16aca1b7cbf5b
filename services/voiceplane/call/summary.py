"""The call record at the end of a call: what was heard, how it ended, how the line was. Pure."""

from collections.abc import Iterator, Sequence

from voiceplane.call.ending import End, Outcome
from voiceplane.call.recorder import Recorder, Turn
from voiceplane.contract.load import Bundle
from voiceplane.contract.proofs import proofs
from voiceplane.contract.sentences import phrases
from voiceplane.media.session import MediaStatistics
from voiceplane.planner import digits
from voiceplane.records.rows import CallRow, QualityRow, TurnRow

HIDDEN = "[a proof of who calls]"


def call_row(
    recorder: Recorder, end: End, outcome: Outcome, ended_ns: int, line: tuple[MediaStatistics, float] | None
) -> CallRow:
    """Write the record; transcripts only when the policy keeps them."""
    keep = recorder.bundle.policy.redaction.keep_transcript
    facts = recorder.facts
    turns = tuple(
        TurnRow(
            turn.index,
            turn.speaker,
            text if keep else "",
            turn.started_ns,
            turn.ended_ns,
            turn.intent,
            dict(turn.timings_ms),
        )
        for turn, text in zip(recorder.turns, transcript(recorder.bundle, recorder.turns), strict=True)
    )
    quality = QualityRow()
    if line is not None:
        media, lateness_ms = line
        quality = QualityRow(
            media.codec, media.sent, media.received, media.lost, media.jitter_ms, media.mos, lateness_ms
        )
    return CallRow(
        call_id=facts.call_id,
        agent=recorder.agent,
        revision=recorder.bundle.revision,
        policy_digest=recorder.bundle.policy_digest,
        sip_call_id=facts.sip_call_id,
        remote_session_id=facts.remote_session_id,
        caller_pii=recorder.caller.number or facts.caller,
        started_unix_ns=facts.started_ns,
        answered_unix_ns=recorder.answered_ns,
        ended_unix_ns=ended_ns,
        outcome=outcome.value,
        end_reason=end.reason,
        turns=turns,
        quality=quality,
        summary_pii=recorder.summary if keep else "",
        caller_trust=recorder.caller.trust.value,
        caller_authentication=recorder.caller.level.value,
    )


def transcript(bundle: Bundle, turns: Sequence[Turn]) -> Iterator[str]:
    """Return the turns' texts as the record may hold them: what proves who calls is not in them.

    A turn about a proof is hidden, but for the agent's constant sentences; elsewhere digits are, as a caller may give a
    PIN when nobody asks. `redaction.showArguments` of the policy shows what it names.
    """
    spec, seen = bundle.agent.spec, set(bundle.policy.redaction.show_arguments)
    hiding = {intent.name for intent in proofs(spec) if not {slot.name for slot in intent.slots} <= seen}
    about = {turn.index for turn in turns if turn.speaker == "caller" and turn.intent in hiding}
    constant = {phrase for text in spec.texts() if "{" not in text for phrase in phrases(text)}
    for turn in turns:
        if not hiding:
            yield turn.text
        elif turn.index in about and (turn.speaker == "caller" or not set(phrases(turn.text)) <= constant):
            yield HIDDEN
        else:
            yield digits.hidden(turn.text)
