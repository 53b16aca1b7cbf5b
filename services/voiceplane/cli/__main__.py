"""`voiceplane`: one command for designers and operators. Each subcommand is a module of this package."""

import argparse
import sys
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import NoReturn

# module of this package: its subcommands. Doctor must run where packages are missing, so none is imported by name.
_MODULES = {
    "validate": ("validate",),
    "dev": ("dev",),
    "call_command": ("call",),
    "test_command": ("test",),
    "bench_command": ("bench",),
    "records_commands": ("trace", "record", "calls"),
    "live_commands": ("press", "transfer", "hangup"),
    "doctor": ("doctor",),
    "install": ("install",),
    "images": ("images",),
    "demo": ("demo",),
}
EPILOG = """first steps:
  voiceplane doctor                              what this machine lacks, and how to get it
  voiceplane validate agent.yaml                 every mistake, with its line
  voiceplane dev agent.yaml                      run the agent; prints the SIP address to call
  voiceplane call --say "Where is my parcel?"    talk to it from another terminal
  voiceplane test scenarios.yaml                 call it as your scenarios say; a report with pictures
  voiceplane trace latest                        where the time of that call went
"""


class _Parser(argparse.ArgumentParser):
    """Says, where a command is not known, which commands could not be loaded: it may be one of them."""

    lacking: tuple[str, ...] = ()

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and leave."""
        super().error("\n".join((message, *self.lacking)))


def parser(asked: str = "") -> argparse.ArgumentParser:
    """Build the parser with all subcommands, or with the module of the one that is asked: the others cost a second."""
    built = _Parser(
        prog="voiceplane",
        description="Voice agents for contact centers.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = built.add_subparsers(required=True, metavar="COMMAND", parser_class=argparse.ArgumentParser)
    needed = {name: subcommands for name, subcommands in _MODULES.items() if asked in subcommands}
    for name, subcommands in (needed or _MODULES).items():
        try:
            import_module(f"voiceplane.cli.{name}").add(commands)
        except ModuleNotFoundError as error:
            for subcommand in subcommands:
                _add_unavailable(commands, subcommand, str(error.name))
    # Of packages beside this one, such as the operator.
    for entry in () if needed else entry_points(group="voiceplane.commands"):
        try:
            add = entry.load().add
        except (ImportError, AttributeError) as error:
            built.lacking += (_not_loaded(entry, error),)
        else:
            add(commands)
    built.epilog = "\n".join((EPILOG, *built.lacking))
    return built


def _not_loaded(entry: EntryPoint, error: ImportError | AttributeError) -> str:
    """Say why another package's commands are not there: its extra is not installed, or what is installed is stale."""
    lacked = error.name if isinstance(error, ModuleNotFoundError) else None
    if lacked is not None and lacked.partition(".")[0] not in ("voiceplane", entry.module.partition(".")[0]):
        return f"the commands of the {entry.name} need the Python package {lacked}: install voiceplane[{entry.name}]"
    return (
        f"the commands of the {entry.name} cannot be loaded, {entry.value} is not of this version: install voiceplane "
        "again (in its sources: make setup)"
    )


def _add_unavailable(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", subcommand: str, package: str
) -> None:
    """Add a subcommand that only says which Python package it lacks, whatever it is given."""

    def tell(_: argparse.Namespace) -> int:
        print(f"voiceplane {subcommand} needs the Python package {package}: see voiceplane doctor", file=sys.stderr)
        return 1

    missing = commands.add_parser(
        subcommand, help=f"(needs the Python package {package})", add_help=False, prefix_chars="\0"
    )
    missing.add_argument("rest", nargs="*")
    missing.set_defaults(run=tell)


def main(argv: list[str] | None = None) -> int:
    """Run a subcommand and return its exit status."""
    try:  # around the parser too: loading the subcommands takes seconds on a busy machine
        words = sys.argv[1:] if argv is None else argv
        if not words:
            parser().print_help(sys.stderr)
            return 2
        options = parser(*words[:1]).parse_args(words)
        return int(options.run(options))
    except KeyboardInterrupt:
        return 130  # 128 + SIGINT, as a shell reports it


if __name__ == "__main__":
    sys.exit(main())
