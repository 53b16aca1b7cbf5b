"""`voiceplane`: one command for designers and operators. Each subcommand is a module of this package."""

import argparse
import sys
from importlib.metadata import entry_points

from voiceplane.cli import (
    bench_command,
    call_command,
    demo,
    dev,
    doctor,
    images,
    install,
    records_commands,
    test_command,
    validate,
)

EPILOG = """first steps:
  voiceplane doctor                              what this machine lacks, and how to get it
  voiceplane validate agent.yaml                 every mistake, with its line
  voiceplane dev agent.yaml                      run the agent; prints the SIP address to call
  voiceplane call --say "Where is my parcel?"    talk to it from another terminal
  voiceplane test scenarios.yaml                 call it as your scenarios say; a report with pictures
  voiceplane trace latest                        where the time of that call went
"""


def parser() -> argparse.ArgumentParser:
    """Build the parser with all subcommands."""
    built = argparse.ArgumentParser(
        prog="voiceplane",
        description="Voice agents for contact centers.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = built.add_subparsers(required=True, metavar="COMMAND")
    for module in (
        validate,
        dev,
        call_command,
        test_command,
        bench_command,
        records_commands,
        doctor,
        install,
        images,
        demo,
    ):
        module.add(commands)
    for entry in entry_points(group="voiceplane.commands"):  # of packages beside this one, such as the operator
        try:
            entry.load().add(commands)
        except ImportError:  # its extra is not installed: the command is not there
            continue
    return built


def main(argv: list[str] | None = None) -> int:
    """Run a subcommand and return its exit status."""
    options = parser().parse_args(argv)
    try:
        return int(options.run(options))
    except KeyboardInterrupt:
        return 130  # 128 + SIGINT, as a shell reports it


if __name__ == "__main__":
    sys.exit(main())
