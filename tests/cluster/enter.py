"""Become a container's process: runs inside new namespaces, makes the file system, then executes the command.

The image is this machine's root file system, read-only below an overlay whose writes are kept in memory and discarded.
Started by container.py as `python3 -I -S enter.py SPEC` (so: standard library only); SPEC is a JSON file.
"""

import ctypes
import json
import os
import sys
from typing import Any

RDONLY, NOSUID, NODEV, REMOUNT, BIND, REC = 1, 2, 4, 32, 4096, 16384
libc = ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: str, kind: str, *, flags: int = 0, options: str = "") -> None:
    """Call mount(2)."""
    result = libc.mount(source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), options.encode())
    if result != 0:
        raise OSError(ctypes.get_errno(), f"mount {kind or 'bind'} at {target}: {os.strerror(ctypes.get_errno())}")


def place(target: str, *, folder: bool) -> None:
    """Make the mount point, now that the container's root is ours."""
    if folder:
        os.makedirs(target, exist_ok=True)
    elif not os.path.lexists(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w"):
            pass


def bind(descriptor: int, target: str, *, read_only: bool) -> None:
    """Bind what a descriptor opened before the change of root."""
    place(target, folder=os.path.isdir(f"/proc/self/fd/{descriptor}"))
    mount(f"/proc/self/fd/{descriptor}", target, "", flags=BIND | REC)
    if read_only:
        mount("", target, "", flags=BIND | REMOUNT | RDONLY)
    os.close(descriptor)


def change_root(spec: dict[str, Any]) -> None:
    """Make the container's file system and enter it."""
    scratch = spec["scratch"]
    binds = [(os.open(each["source"], os.O_PATH), each) for each in spec["binds"]]
    devices = os.open("/dev", os.O_PATH)
    mount("tmpfs", scratch, "tmpfs")
    for name in ("upper", "work", "root"):
        os.mkdir(f"{scratch}/{name}")
    root = f"{scratch}/root"
    layers = f"lowerdir=/,upperdir={scratch}/upper,workdir={scratch}/work"
    mount("overlay", root, "overlay", options=layers)
    mount("proc", f"{root}/proc", "proc", flags=NOSUID | NODEV)
    os.chroot(root)
    os.chdir("/")
    bind(devices, "/dev", read_only=False)
    mount("sysfs", "/sys", "sysfs", flags=RDONLY)
    for path, size in (("/tmp", "1g"), ("/run", "16m"), ("/dev/shm", "64m")):
        mount("tmpfs", path, "tmpfs", flags=NOSUID | NODEV, options=f"mode=1777,size={size}")
    for descriptor, each in sorted(binds, key=lambda pair: str(pair[1]["target"])):
        bind(descriptor, each["target"], read_only=each["readOnly"])
    if spec["readOnlyRoot"]:
        for path in {"/", "/tmp", "/run"} - {each["target"].rstrip("/") for each in spec["binds"]}:
            mount("", path, "", flags=BIND | REMOUNT | RDONLY)


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
