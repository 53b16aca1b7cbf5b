"""Become a container's process: runs inside new namespaces, makes the file system, then executes the command.

The image is this machine's root file system, read-only below overlays whose writes are kept in memory and discarded:
one for each folder below which nothing is mounted. One over all of `/` would need root: in a user namespace the kernel
shows no folder without what is mounted below it, as that could uncover what a mount hides.
Started by container.py as `python3 -I -S enter.py SPEC` (so: standard library only); SPEC is a JSON file.
"""

import ctypes
import errno
import json
import os
import re
import sys
from typing import Any

RDONLY, NOSUID, NODEV, NOEXEC, REMOUNT, BIND, REC = 1, 2, 4, 8, 32, 4096, 16384
OWN = {"/dev", "/proc", "/run", "/sys", "/tmp"}  # each container's, never this machine's
libc = ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: str, kind: str, *, flags: int = 0, options: str = "") -> None:
    """Call mount(2)."""
    result = libc.mount(source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), options.encode())
    if result != 0:
        raise OSError(ctypes.get_errno(), f"mount {kind or 'bind'} at {target}: {os.strerror(ctypes.get_errno())}")


def make_read_only(path: str) -> None:
    """Make a mount read-only; a user namespace may not take away what it forbids already."""
    kept = os.statvfs(path).f_flag & (NOSUID | NODEV | NOEXEC)
    mount("", path, "", flags=BIND | REMOUNT | RDONLY | kept)


def place(target: str, *, folder: bool) -> None:
    """Make a mount point."""
    if folder:
        os.makedirs(target, exist_ok=True)
    elif not os.path.lexists(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w"):
            pass


def bind(descriptor: int, target: str) -> None:
    """Bind what a descriptor opened before the change of root."""
    place(target, folder=os.path.isdir(f"/proc/self/fd/{descriptor}"))
    mount(f"/proc/self/fd/{descriptor}", target, "", flags=BIND | REC)
    os.close(descriptor)


def mounted() -> list[str]:
    """Return where something is mounted (proc(5): white space is written in octal)."""
    with open("/proc/self/mountinfo") as file:
        points = [line.split()[4] for line in file]
    return [re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), point) for point in points]


def is_own_root() -> bool:
    """Say whether we are root in a user namespace only."""
    with open("/proc/self/uid_map") as file:
        return file.read().split() != ["0", "0", "4294967295"]


class Image:
    """This machine's files as the files of a container, at `root`."""

    def __init__(self, scratch: str, targets: dict[str, bool]) -> None:
        """Prepare below an empty folder; targets are the mount points that will be wanted, and which are folders."""
        self._mounted = mounted()
        self._scratch, self._targets = scratch, targets
        self._options = ",userxattr" if is_own_root() else ""  # trusted.* attributes are not for it
        self.root = f"{scratch}/root"
        self.overlays: list[str] = []
        mount("tmpfs", scratch, "tmpfs")
        for name in ("upper", "work", "root"):
            os.mkdir(f"{scratch}/{name}")
        mount("tmpfs", self.root, "tmpfs", options="mode=755")
        self._lay("/")

    def _lay(self, folder: str) -> None:
        for name in sorted(os.listdir(folder)):
            path = os.path.join(folder, name)
            here = self.root + path
            if os.path.islink(path):
                os.symlink(os.readlink(path), here)
            elif os.path.isfile(path):
                self._bind(path, folder=False)
            elif not os.path.isdir(path):
                continue  # a device or a socket is of no image
            elif path in OWN:
                os.mkdir(here)
            elif any(point.startswith(f"{path}/") for point in self._mounted):
                os.mkdir(here)
                if os.access(path, os.R_OK | os.X_OK):
                    self._lay(path)
            else:
                self._overlay(path)

    def _bind(self, path: str, *, folder: bool) -> None:
        here = self.root + path
        place(here, folder=folder)
        mount(path, here, "", flags=BIND)
        make_read_only(here)

    def _overlay(self, path: str) -> None:
        number = len(os.listdir(f"{self._scratch}/work"))
        upper, work = (f"{self._scratch}/{each}/{number}" for each in ("upper", "work"))
        os.mkdir(work)
        _copy_folder(path, upper)
        for target, folder in self._targets.items():
            if target.startswith(f"{path}/"):
                self._point(path, upper, target, folder=folder)
        os.mkdir(self.root + path)
        lower = re.sub(r"([\\:,])", r"\\\1", path)
        layers = f"lowerdir={lower},upperdir={upper},workdir={work}{self._options}"
        try:
            mount("overlay", self.root + path, "overlay", options=layers)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            self._bind(path, folder=True)  # a file system that cannot lie below an overlay, as FAT
        else:
            self.overlays.append(path)

    def _point(self, path: str, upper: str, target: str, *, folder: bool) -> None:
        """Make a mount point in the upper layer: in this machine's folders only their owner may."""
        parts = target[len(path) + 1 :].split("/")
        for depth in range(1, len(parts) + (1 if folder else 0)):
            part = "/".join(parts[:depth])
            if not os.path.isdir(f"{upper}/{part}"):
                _copy_folder(f"{path}/{part}", f"{upper}/{part}")
        if not folder:
            place(f"{upper}/{'/'.join(parts)}", folder=False)


def _copy_folder(path: str, copy: str) -> None:
    """Make an empty folder with the rights of another, if that is there."""
    os.mkdir(copy)
    try:
        os.chmod(copy, os.stat(path).st_mode & 0o7777)
    except OSError:
        os.chmod(copy, 0o755)


def change_root(spec: dict[str, Any]) -> None:
    """Make the container's file system and enter it."""
    # Links are followed as this machine has them: /var/run is /run, resolv.conf may lie there too.
    binds = [{**each, "target": os.path.realpath(each["target"])} for each in spec["binds"]]
    opened = [(os.open(each["source"], os.O_PATH), each) for each in sorted(binds, key=lambda each: each["target"])]
    devices = os.open("/dev", os.O_PATH)
    image = Image(spec["scratch"], {each["target"]: os.path.isdir(each["source"]) for each in binds})
    mount("proc", f"{image.root}/proc", "proc", flags=NOSUID | NODEV)
    os.chroot(image.root)
    os.chdir("/")
    bind(devices, "/dev")
    mount("sysfs", "/sys", "sysfs", flags=RDONLY)
    for path, size in (("/tmp", "1g"), ("/run", "16m"), ("/dev/shm", "64m")):
        mount("tmpfs", path, "tmpfs", flags=NOSUID | NODEV, options=f"mode=1777,size={size}")
    for descriptor, each in opened:
        bind(descriptor, each["target"])
    read_only = {each["target"] for each in binds if each["readOnly"]}
    if spec["readOnlyRoot"]:
        read_only |= {"/", "/tmp", "/run", *image.overlays} - {each["target"] for each in binds}
    for path in read_only:  # last: one mount may hold the mount point of another
        make_read_only(path)


def main() -> None:
    """Enter the container; the exit status is 127 when its command is not found, as of a shell."""
    with open(sys.argv[1]) as file:
        spec = json.load(file)
    change_root(spec)
    os.chdir(spec["workingDir"])
    try:
        os.execvpe(spec["argv"][0], spec["argv"], spec["env"])
    except OSError as error:
        sys.stderr.write(f"cannot run {spec['argv'][0]}: {error.strerror}\n")
        os._exit(127 if isinstance(error, FileNotFoundError) else 126)


main()
