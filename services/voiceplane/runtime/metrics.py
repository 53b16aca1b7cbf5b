"""Prometheus metrics of a process. Labels are bounded: never a number, a call id or free text."""

from prometheus_client import Counter, Gauge, Histogram

SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 2.0, 5.0, 10.0)

CALLS_ACTIVE = Gauge("voiceplane_calls_active", "Calls that are live on this gateway")
CALLS_ENDED = Counter("voiceplane_calls_ended_total", "Ended calls", ["outcome", "reason"])
CALLS_REFUSED = Counter("voiceplane_calls_refused_total", "INVITEs refused", ["status"])
DRAINING = Gauge("voiceplane_draining", "1 while new calls are refused")
TURN_LATENCY = Histogram(
    "voiceplane_turn_latency_seconds", "Caller's last sound to the first packet of the reply", buckets=SECONDS
)
TURNS_LATE = Counter(
    "voiceplane_turns_late_total", "Turns that the VoiceAgent's objective of this name would have faster", ["objective"]
)
PARTIALS = Counter("voiceplane_partials_total", "Transcripts made while the caller speaks")
UNSTABLE_WORDS = Counter("voiceplane_unstable_words_total", "Words of partials that a later decode changed")
FINAL_WORDS = Counter("voiceplane_final_words_total", "Words that the last decode of an utterance had")
SECOND_HEARINGS = Counter(
    "voiceplane_second_hearings_total", "Pauses whose doubtful words a second recognizer heard too", ["outcome"]
)
SPECULATIONS = Counter("voiceplane_speculations_total", "Replies begun before the turn was over", ["outcome"])
CANCELLED_WORK = Counter(
    "voiceplane_cancelled_work_total", "Work for replies that nobody heard; `kind` has the unit", ["kind"]
)
BARGE_INS = Counter("voiceplane_barge_ins_total", "Sounds of the caller over the agent's speech", ["kind"])
OPERATION = Histogram(
    "gen_ai_client_operation_duration_seconds", "Requests to models", ["gen_ai_operation_name"], buckets=SECONDS
)
EXECUTE_TOOL = Histogram("gen_ai_execute_tool_duration_seconds", "Tool invocations", ["outcome"], buckets=SECONDS)
