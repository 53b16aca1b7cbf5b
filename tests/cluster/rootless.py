"""Run a command that makes networks and mounts, also for a user who is not root: in a user namespace of its own.

    python -m tests.cluster.rootless COMMAND...

In there the user is root over what it makes and over nothing else; the network is a loopback and what the command adds.
Who may do so already (root) runs the command as it is. docs/adr/0024 says why nothing works with fewer rights.
"""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

USER = ("unshare", "--user", "--map-root-user", "--net", "--mount", "--")
TRY_S = 20.0
# What the node does for each pod and container (network.py, enter.py), so that what is missing is said at once.
TRY = """
ip link add vpntry type bridge && ip link add vpntry0 type veth peer name vpntry1 &&
mount -t proc proc /proc && mount -t tmpfs tmpfs /tmp && mkdir /tmp/upper /tmp/work /tmp/root &&
mount -t overlay -o lowerdir=/usr/bin,upperdir=/tmp/upper,workdir=/tmp/work overlay /tmp/root
"""
# Settings that keep users from namespaces of their own: the value that does, and who sets it so.
KEEPERS = {
    "user.max_user_namespaces": ("0", "15000", "user namespaces are switched off"),
    "kernel.unprivileged_userns_clone": ("0", "1", "Debian's kernels may keep them to root"),
    "kernel.apparmor_restrict_unprivileged_userns": ("1", "0", "Ubuntu's AppArmor gives them no rights"),
}


class NotPermittedError(Exception):
    """No namespaces here, not even in one of the user's own; the message says what is missing and what to do."""


async def denied(*prefix: str) -> str:
    """Return why a test node could not run pods here, as the system said it; empty when it can."""
    command = (*prefix, "unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", TRY)
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
        )
    except FileNotFoundError as error:
        return f"{error.filename} is not installed"
    try:
        async with asyncio.timeout(TRY_S):
            _, errors = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return f"no end of a try after {TRY_S:.0f} s"
    return "" if process.returncode == 0 else errors.decode().strip() or f"status {process.returncode}"


def settings() -> dict[str, str]:
    """Read the kernel's settings about user namespaces, those that this kernel has."""
    files = {name: Path("/proc/sys", *name.split(".")) for name in KEEPERS}
    return {name: file.read_text().strip() for name, file in files.items() if file.exists()}


def advice(said: str, found: Mapping[str, str]) -> str:
    """Say what is missing and how to get it."""
    lines = [
        "The test node gives each pod a network and each container a file system of its own. Neither can be made here,",
        "by this user or in a user namespace:",
        *(f"    {line}" for line in said.splitlines()),
    ]
    for name, (kept, free, who) in KEEPERS.items():
        if found.get(name) == kept:
            lines.append(f"{name} is {kept}: {who}. An administrator allows it by  sysctl -w {name}={free}")
    if "not installed" in said or "not found" in said:
        lines.append("Install what is missing:  apt-get install util-linux iproute2")
    lines.append("Else run it as root; inside of a container that container must be privileged. Linux 5.11 or later.")
    return "\n".join(lines)


def is_contained() -> bool:
    """Say whether this process is in a user namespace other than the machine's."""
    return Path("/proc/self/uid_map").read_text().split() != ["0", "0", "4294967295"]


def way_in() -> str:
    """Return the words before a command that has to run where this process is, for another shell of its user."""
    return f"nsenter --target {os.getpid()} --user --net --preserve-credentials"


def inside(command: Sequence[str]) -> list[str]:
    """Return a command that runs another in a user namespace of its own."""
    return [*USER, "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *command]


def enter(command: Sequence[str]) -> NoReturn:
    """Become a command in a user namespace of our own; NotPermittedError where none can be made."""
    if why := asyncio.run(denied(*USER)):
        raise NotPermittedError(advice(why, settings()))
    print("not root: this goes on in a user, network and mount namespace of its own", file=sys.stderr, flush=True)
    os.execvp(USER[0], inside(command))


def main(command: Sequence[str]) -> NoReturn:
    """Become the command: as it is, in a namespace of our own, or, where neither is of use, as it is with a warning."""
    if asyncio.run(denied()):
        try:
            enter(command)
        except NotPermittedError as error:
            print(error, file=sys.stderr, flush=True)
    os.execvp(command[0], list(command))


if __name__ == "__main__":
    if not sys.argv[1:]:
        sys.exit(__doc__)
    main(sys.argv[1:])
