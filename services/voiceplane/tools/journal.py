"""Attempts that have started, on disk: what a killed process leaves here gets its audit record from the next one.

A file is one audit record. `.open`: the attempt runs. `.done`: it ended, and its key may never run again.
"""

import os
from collections import deque
from pathlib import Path

MAX_DONE = 5_000  # keys kept after their end: far more than are asked again within a caller's patience


class Journal:
    """A folder that belongs to one process. Every method may block on the disk."""

    def __init__(self, folder: Path) -> None:
        """Open the folder, making it if need be."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        for half in folder.glob("*.part"):
            half.unlink()
        done = sorted(folder.glob("*.done"), key=lambda path: path.stat().st_mtime)
        self._done = deque(path.name for path in done)

    def left_open(self) -> list[tuple[str, bytes]]:
        """Return what an earlier process started and did not finish: ids and records."""
        return [(path.stem, path.read_bytes()) for path in sorted(self._folder.glob("*.open"))]

    def left_done(self) -> list[bytes]:
        """Return the records whose keys may not run again."""
        return [(self._folder / name).read_bytes() for name in self._done]

    def open(self, attempt_id: str, record: bytes) -> None:
        """Write a started attempt through to the disk; OSError when it cannot be."""
        part = self._folder / f"{attempt_id}.part"
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(record)
            file.flush()
            os.fsync(file.fileno())
        part.rename(self._folder / f"{attempt_id}.open")

    def close(self, attempt_id: str, *, once: bool) -> None:
        """Forget an attempt whose record is safe; with `once` keep its key."""
        name = f"{attempt_id}.done"
        opened = self._folder / f"{attempt_id}.open"
        if not opened.exists():
            return  # a refusal: it never started
        if not once:
            opened.unlink()
            return
        opened.rename(self._folder / name)
        self._done.append(name)
        while len(self._done) > MAX_DONE:
            (self._folder / self._done.popleft()).unlink(missing_ok=True)
