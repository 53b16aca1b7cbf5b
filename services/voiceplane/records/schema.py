"""Bring a database to the tables of this version: create them, or change what an older version left. Used by store.

Each step is SQL that SQLite and PostgreSQL both understand, and leaves what tables.py makes anew. A step once released
never changes; the newest version is the highest number. Everything happens in one transaction, or not at all.
"""

from collections.abc import Mapping

from sqlalchemy import BigInteger, Column, Connection, MetaData, Table, delete, insert, inspect, select, text

from voiceplane.records import tables
from voiceplane.records.errors import NewerSchemaError

_LOCK = 0x766F6963  # any constant: two processes that start at once change the tables one after the other
_version = Table("schema_version", MetaData(), Column("version", BigInteger, nullable=False))
FIRST = 1  # calls, turns, audits and spans, before versions were written down
STEPS: Mapping[int, tuple[str, ...]] = {
    2: ("CREATE INDEX audits_at ON audits (at_unix_ns)",),  # retention deletes by age
    3: ("ALTER TABLE spans ADD COLUMN events JSON NOT NULL DEFAULT '[]'",),
    4: (
        "ALTER TABLE calls ADD COLUMN caller_trust TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE calls ADD COLUMN caller_authentication TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE audits ADD COLUMN caller_authentication TEXT NOT NULL DEFAULT ''",
    ),
    5: (
        "ALTER TABLE calls ADD COLUMN region TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE audits ADD COLUMN region TEXT NOT NULL DEFAULT ''",
    ),
}
CURRENT = max(STEPS)


def migrate(connection: Connection) -> int:
    """Create or change the tables inside the caller's transaction; return the version that was found, 0 for none.

    NewerSchemaError when a newer voiceplane has been here: writing on could lose what it keeps.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # Python's sqlite3 itself begins no transaction for DDL
    _version.create(connection, checkfirst=True)
    found = _found(connection)
    if found > CURRENT:
        raise NewerSchemaError(
            f"the database has schema version {found}, this voiceplane knows {CURRENT}: run the newer voiceplane, "
            "or give this one another --database-url"
        )
    if found == 0:
        tables.metadata.create_all(connection)
    for step in range(max(found, FIRST) + 1, CURRENT + 1) if found else ():
        for statement in STEPS[step]:
            connection.execute(text(statement))
    connection.execute(delete(_version))
    connection.execute(insert(_version).values(version=CURRENT))
    return found


def _found(connection: Connection) -> int:
    written = connection.execute(select(_version.c.version)).scalar()
    if written is not None:
        return int(written)
    return FIRST if inspect(connection).has_table(tables.calls.name) else 0
