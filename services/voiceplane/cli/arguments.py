"""What options may hold, checked while the command line is parsed: a mistake is told before anything is started."""

import argparse
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

_ADDRESS = re.compile(r"(\[[0-9a-fA-F:.%]+\]|[A-Za-z0-9._-]+):(\d{1,5})")
_PORTS = re.compile(r"(\d{1,5})-(\d{1,5})")
LAST_PORT = 65_535


def whole(lowest: int, highest: int) -> Callable[[str], int]:
    """Return a type for argparse: a whole number between these two, both included."""

    def number(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and lowest <= int(text) <= highest):
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {lowest} to {highest}")
        return int(text)

    return number


def words(text: str) -> str:
    """Take what can be said: a sound of nothing would be a caller who only breathes."""
    if not any(character.isalnum() for character in text):
        raise argparse.ArgumentTypeError(f"{text!r} has no words to say")
    return text


def seconds(text: str) -> float:
    """Take a time of more than 0 s and at most a day."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 86_400:  # false for nan too
        raise argparse.ArgumentTypeError(f"{text!r} is no time in seconds, such as 20 or 0.5")
    return value


def port_range(text: str) -> str:
    """Take FIRST-LAST with room for at least one call: an even port and the next (RFC 3550 section 11)."""
    found = _PORTS.fullmatch(text)
    first, last = (int(found[1]), int(found[2])) if found else (0, 0)
    if not (0 < first < LAST_PORT and last <= LAST_PORT and first + first % 2 < last):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no range of ports: write FIRST-LAST, such as 20000-20999; a call takes an even port and the "
            f"next, none is over {LAST_PORT}"
        )
    return text


def address(text: str) -> str:
    """Take HOST:PORT."""
    found = _ADDRESS.fullmatch(text)
    if found is None or not 0 < int(found[2]) <= LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no HOST:PORT, such as 127.0.0.1:9002")
    return text


def addresses(text: str) -> str:
    """Take one or more HOST:PORT, separated by commas."""
    return ",".join(address(each) for each in text.split(","))


def host(text: str) -> str:
    """Take one address; a wildcard would be written into SIP and SDP, where nobody can reach it (RFC 3264: hold)."""
    if text in ("", "*", "0.0.0.0", "::"):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no address that a phone can reach: name one of this machine, such as 127.0.0.1 or its "
            "address in your network"
        )
    return text


def new_file(text: str) -> Path:
    """Take a file that can be written, be it there or not; its folder is made. Tried: rights alone do not tell."""
    path = Path(text)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        there = path.exists()
        path.open("ab").close()
        if not there:
            path.unlink()
    except OSError as error:
        in_the_way = isinstance(error, FileExistsError | NotADirectoryError)
        why = "a file is where its folder should be" if in_the_way else (error.strerror or str(error)).lower()
        raise argparse.ArgumentTypeError(f"cannot write {path}: {why}; name a file in a folder of yours") from error
    return path


def new_folder(text: str) -> Path:
    """Take a folder that files can be written to, made where there is none."""
    folder = Path(text)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        in_the_way = isinstance(error, FileExistsError | NotADirectoryError)
        why = "a file is where it should be" if in_the_way else (error.strerror or str(error)).lower()
        raise argparse.ArgumentTypeError(f"cannot write to the folder {folder}: {why}; name one of yours") from error
    return folder


def unreadable(path: Path | str, error: OSError, advice: str) -> str:
    """Say in a sentence that a file cannot be read, and what to do."""
    return f"cannot read {path}: {(error.strerror or str(error)).lower()}; {advice}"


def unanswered(what: str, target: str, option: str, *, named: bool) -> str:
    """Say in a sentence that a process does not answer, and what to do: `named` by the option, or of the stack here."""
    if named:
        return f"no {what} answers at {target}, which {option} names: is it started, and is that its gRPC port?"
    return f"the {what} of this machine's stack does not answer at {target}; voiceplane doctor says what runs of it"


def no_stack(option: str) -> str:
    """Say that no process was named, and what to do."""
    return f"no stack runs on this machine: start one by voiceplane dev agent.yaml, or name another's by {option}"
