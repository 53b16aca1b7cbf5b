"""A bounded folder of messages, oldest first; one file a message, so that a crash can never cut one in half."""

import os
import threading
from pathlib import Path

MAX_MESSAGES = 10_000
MAX_ASIDE = 1000  # refused messages: enough for a person to see what is wrong, and never a full disk
MAX_BYTES = 256 * 1024 * 1024  # hours of call records at full load; a full disk would stop the whole machine


class SpoolFullError(OSError):
    """The folder holds as much as it may."""


class Spool:
    """Messages on disk that survive the process. Only the owner may read them: they hold callers' words."""

    def __init__(self, folder: Path, *, max_messages: int = MAX_MESSAGES, max_bytes: int = MAX_BYTES) -> None:
        """Open the folder, making it if need be, and find what an earlier process left."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._lock = threading.Lock()  # at exit a write may still run in another thread
        self._max_messages, self._max_bytes = max_messages, max_bytes
        for half in folder.glob("*.part"):
            half.unlink()
        self._sizes = {path.name: path.stat().st_size for path in sorted(folder.glob("*.msg"))}
        taken = [int(path.stem) for kind in ("*.msg", "*.refused") for path in folder.glob(kind)]
        self._next = max(taken, default=0) + 1

    def __len__(self) -> int:
        """Count the messages."""
        return len(self._sizes)

    def has_room(self, size: int = 0) -> bool:
        """Say whether a message of this size passes no bound."""
        return len(self._sizes) < self._max_messages and sum(self._sizes.values()) + size <= self._max_bytes

    def add(self, message: bytes) -> None:
        """Write a message through to the disk; SpoolFullError when it would pass a bound."""
        with self._lock:
            if not self.has_room(len(message)):
                raise SpoolFullError(f"{len(self._sizes)} messages wait in the spool")
            name = f"{self._next:012d}.msg"
            self._write(name, message)
            self._next += 1
            self._sizes[name] = len(message)

    def _write(self, name: str, message: bytes) -> None:
        part = self._folder / f"{name}.part"
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(message)
            file.flush()
            os.fsync(file.fileno())
        part.rename(self._folder / name)

    def oldest(self) -> tuple[str | None, bytes | None]:
        """Return the name and content of the first message, or two Nones; one that cannot be read is passed over."""
        for name in list(self._sizes):
            try:
                return name, (self._folder / name).read_bytes()
            except OSError:
                del self._sizes[name]
        return None, None

    def set_aside(self, message: bytes) -> int:
        """Keep a message that the far side refused for a person to look at; return how many old ones gave way."""
        kept = sorted(self._folder.glob("*.refused"))
        old = kept[: max(0, len(kept) + 1 - MAX_ASIDE)]
        for path in old:
            path.unlink()
        with self._lock:
            self._write(f"{self._next:012d}.refused", message)
            self._next += 1
        return len(old)

    def remove(self, name: str) -> None:
        """Forget a delivered message."""
        (self._folder / name).unlink(missing_ok=True)
        self._sizes.pop(name, None)
