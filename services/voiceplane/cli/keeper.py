"""The last one out: a small process beside each stack that ends what is left when the supervisor itself is killed.

`python -m voiceplane.cli.keeper MARK GRACE_S SCRATCH [PATTERN ...]` waits until its standard input closes, which
happens in every death of the supervisor, SIGKILL included. After an orderly stop it finds nothing to do.
"""

import asyncio
import shutil
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

from voiceplane.cli import processes

_POLL_S = 0.1


def sweep(scratch: Path, patterns: Iterable[str]) -> None:
    """Remove the scratch folder and the files that these absolute patterns name."""
    shutil.rmtree(scratch, ignore_errors=True)
    for pattern in patterns:
        for path in Path("/").glob(pattern.removeprefix("/")):
            path.unlink(missing_ok=True)


async def end_all(mark: str, grace_s: float) -> None:
    """Ask every process with the mark to end; kill those that have not after the grace."""
    processes.send(processes.marked(mark), signal.SIGTERM)
    for _ in range(int(grace_s / _POLL_S)):
        if not processes.marked(mark):
            return
        await asyncio.sleep(_POLL_S)
    await processes.kill(mark)


def main() -> None:
    """Wait for the supervisor's end, then clean up."""
    mark, grace_s, scratch, *patterns = sys.argv[1:]
    sys.stdin.buffer.read()
    asyncio.run(end_all(mark, float(grace_s)))
    sweep(Path(scratch), patterns)


if __name__ == "__main__":
    main()
