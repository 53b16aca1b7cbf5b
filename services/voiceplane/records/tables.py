"""The tables of the records database: the same on SQLite and PostgreSQL. Columns are named as the rows' fields.

A change here needs a step in schema.py, which brings the databases that exist to the same.
"""

from sqlalchemy import JSON, BigInteger, Boolean, Column, Float, Index, MetaData, Table, Text

metadata = MetaData()

calls = Table(
    "calls",
    metadata,
    Column("call_id", Text, primary_key=True),
    *(Column(name, Text, nullable=False) for name in ("agent", "revision", "policy_digest", "sip_call_id")),
    *(Column(name, Text, nullable=False) for name in ("remote_session_id", "caller_pii", "outcome", "end_reason")),
    *(Column(f"{name}_unix_ns", BigInteger, nullable=False) for name in ("started", "answered", "ended")),
    Column("codec", Text, nullable=False),
    *(Column(f"packets_{name}", BigInteger, nullable=False) for name in ("sent", "received", "lost")),
    *(Column(name, Float, nullable=False) for name in ("jitter_ms", "mos", "lateness_p99_ms")),
    Column("summary_pii", Text, nullable=False),
    *(Column(f"caller_{name}", Text, nullable=False, server_default="") for name in ("trust", "authentication")),
    Column("region", Text, nullable=False, server_default=""),
)
Index("calls_started", calls.c.started_unix_ns)

turns = Table(
    "turns",
    metadata,
    Column("call_id", Text, primary_key=True),
    Column("index", BigInteger, primary_key=True, autoincrement=False),
    Column("speaker", Text, primary_key=True),
    Column("text_pii", Text, nullable=False),
    Column("started_unix_ns", BigInteger, primary_key=True, autoincrement=False),
    Column("ended_unix_ns", BigInteger, nullable=False),
    Column("intent", Text, nullable=False),
    Column("timings_ms", JSON, nullable=False),
)

audits = Table(
    "audits",
    metadata,
    Column("id", Text, primary_key=True),
    *(Column(name, Text, nullable=False) for name in ("call_id", "agent", "revision", "intent", "tool", "decision")),
    *(Column(name, Text, nullable=False) for name in ("outcome", "reason", "arguments_redacted_json")),
    *(Column(name, Text, nullable=False) for name in ("policy_digest", "idempotency_key")),
    *(Column(name, BigInteger, nullable=False) for name in ("turn_index", "attempt", "at_unix_ns")),
    Column("duration_ms", Float, nullable=False),
    Column("caller_authentication", Text, nullable=False, server_default=""),
    Column("region", Text, nullable=False, server_default=""),
)
Index("audits_call", audits.c.call_id)
Index("audits_at", audits.c.at_unix_ns)

spans = Table(
    "spans",
    metadata,
    Column("trace_id", Text, primary_key=True),
    Column("span_id", Text, primary_key=True),
    *(Column(name, Text, nullable=False) for name in ("parent_span_id", "name", "service")),
    *(Column(name, BigInteger, nullable=False) for name in ("start_unix_ns", "end_unix_ns")),
    Column("attributes", JSON, nullable=False),
    Column("error", Boolean, nullable=False),
    Column("events", JSON, nullable=False, server_default="[]"),
)
Index("spans_end", spans.c.end_unix_ns)
Index("spans_roots", spans.c.parent_span_id, spans.c.start_unix_ns)
