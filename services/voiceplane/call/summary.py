"""The call record at the end of a call: what was heard, how it ended, how the line was. Pure."""

from voiceplane.call.ending import End, Outcome
from voiceplane.call.recorder import Recorder
from voiceplane.media.session import MediaStatistics
from voiceplane.records.rows import CallRow, QualityRow, TurnRow


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
        for turn, text in zip(recorder.turns, recorder.transcript(), strict=True)
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
