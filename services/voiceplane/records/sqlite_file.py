"""What a file of SQLite needs to be safe with a writer and readers at once. Used by store."""

import contextlib
import sqlite3
import time
from pathlib import Path
from typing import Any

from voiceplane.runtime.clock import Clock

BUSY_S = 4.0  # SQLite waits this long for another writer: less than a request may take


def use_wal(path: Path, clock: Clock) -> None:
    """Let readers not wait for the writer. The file remembers it; another process may be doing the same right now.

    SQLite's busy timeout does not hold for this statement, so it is asked again here.
    """
    deadline = clock.monotonic() + BUSY_S
    with contextlib.closing(sqlite3.connect(path, timeout=BUSY_S)) as connection:
        while True:
            try:
                connection.execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError as error:
                if clock.monotonic() >= deadline:
                    raise TimeoutError(str(error)) from None
                time.sleep(0.02)


def durable(connection: Any, _record: Any) -> None:
    """Set up a connection that SQLAlchemy has just opened."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=FULL")  # an acknowledged record survives a power cut
    cursor.close()
