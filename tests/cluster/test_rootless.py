"""The test node works for a user who is not root, and says what is missing where it cannot."""

import asyncio
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from tests.cluster import rootless
from tests.cluster.container import ENTER
from tests.cluster.plane import ROOT, binaries

PARTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
NOBODY = 65534
PYTHON = str(Path(sys.executable).resolve())
# Probes, ConfigMaps, Secrets and Services; grace periods, kept and overrun.
TESTS = ("tests/cluster/test_node.py", "-k", "inputs or grace")
END_S = 400.0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("user.max_user_namespaces", "0"),
        ("kernel.unprivileged_userns_clone", "0"),
        ("kernel.apparmor_restrict_unprivileged_userns", "1"),
    ],
)
def test_a_kernel_that_keeps_users_from_namespaces_is_named_with_its_remedy(name: str, value: str) -> None:
    other = "1" if value == "0" else "0"
    assert f"sysctl -w {name}=" in rootless.advice("unshare failed", {name: value})
    assert "sysctl" not in rootless.advice("unshare failed", {name: other})


async def test_a_missing_program_is_named_with_its_package() -> None:
    why = await rootless.denied("/nowhere/setpriv")
    assert "/nowhere/setpriv" in why
    assert "apt-get install util-linux iproute2" in rootless.advice(why, {})


async def test_a_user_with_no_namespaces_left_is_told_what_to_do(tmp_path: Path) -> None:
    if why := await rootless.denied(*rootless.USER):
        pytest.skip(f"no namespaces for users here: {why}")
    # In a user namespace of their own people may lower the limit for what is below it.
    forbid = 'echo 0 >/proc/sys/user/max_user_namespaces; echo 0 >/proc/sys/user/max_net_namespaces; exec "$@"'
    process = await asyncio.create_subprocess_exec(
        *(*rootless.USER, "sh", "-c", forbid, "sh", sys.executable, "-m", "tests.cluster.rootless", "echo", "as it is"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    async with asyncio.timeout(60):
        out, errors = await process.communicate()
    assert out == b"as it is\n"
    assert b"sysctl -w user.max_user_namespaces=" in errors


MOUNTS = """
mount -t tmpfs tmpfs /mnt && echo below a mount >/mnt/file && mkdir /mnt/inner && mount -t proc proc /mnt/inner &&
exec unshare --mount "$@"
"""
SEES = "cat /mnt/file && test -e /mnt/inner/self && cat /etc/voiceplane/page/file && ! echo 1 >/mnt/inner/new"


async def test_a_container_sees_what_is_mounted_below_folders_of_the_machine(tmp_path: Path) -> None:
    if why := await rootless.denied(*rootless.USER):
        pytest.skip(f"no namespaces for users here: {why}")
    scratch, page, spec = (tmp_path / name for name in ("scratch", "page", "spec.json"))
    for folder in (scratch, page):
        folder.mkdir()
    (page / "file").write_text("from a volume\n")
    content: dict[str, object] = {
        "scratch": str(scratch),
        "argv": ["sh", "-c", SEES],
        "env": {"PATH": os.environ["PATH"]},
    }
    content |= {"binds": [{"source": str(page), "target": "/etc/voiceplane/page", "readOnly": True}]}
    spec.write_text(json.dumps(content | {"workingDir": "/", "readOnlyRoot": True}))
    enter = (PYTHON, "-I", "-S", str(ENTER), str(spec))
    process = await asyncio.create_subprocess_exec(
        *rootless.inside(("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", MOUNTS, "sh", *enter)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        out, errors = await process.communicate()
    assert (process.returncode, out) == (0, b"below a mount\nfrom a volume\n"), errors.decode()


@pytest.fixture
def theirs() -> Iterator[Path]:
    """A folder that every user can reach: pytest's own are closed to others."""
    with tempfile.TemporaryDirectory(prefix="voiceplane-rootless-") as name:
        os.chmod(name, 0o755)
        yield Path(name)


def _lend(binary: Path, folder: Path) -> None:
    """Let others have a binary that lies in a home closed to them."""
    try:
        os.link(binary, folder / binary.name)
    except OSError:
        shutil.copy2(binary, folder / binary.name)


async def _without_root(command: Sequence[str]) -> list[str]:
    """Return a command that runs another with no more rights than any user has."""
    if os.geteuid() != 0:
        return rootless.inside(command)
    nobody = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--")
    process = await asyncio.create_subprocess_exec(
        *(*nobody, *rootless.inside((sys.executable, "-c", "import tests.cluster.rootless"))),
        stderr=asyncio.subprocess.DEVNULL,
        cwd=ROOT,
    )
    # Where the interpreter lies in root's home: root in a namespace, owner of its files, without rights over mounts.
    return [*(nobody if await process.wait() == 0 else ()), *rootless.inside(command)]


@pytest.mark.timeout(900)
async def test_the_node_runs_pods_for_a_user_who_is_not_root(theirs: Path) -> None:
    if rootless.is_contained():
        pytest.skip("all tests run without root already")
    if why := await rootless.denied(*rootless.USER):
        pytest.skip(f"no namespaces for users here: {why}")
    found = await binaries(*PARTS)
    assets, home = theirs / "bin", theirs / "home"
    for folder in (assets, home):
        folder.mkdir()
    home.chmod(0o777)
    for part in PARTS:
        _lend((found / part).resolve(), assets)
    tests = ("-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={home}/pytest", *TESTS)
    process = await asyncio.create_subprocess_exec(
        *await _without_root((sys.executable, *tests)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=ROOT,
        env={
            **{"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"},
            **{"VOICEPLANE_CACHE": str(home / "cache"), "KUBEBUILDER_ASSETS": str(assets)},
        },
    )
    try:
        async with asyncio.timeout(END_S):
            out, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    said = out.decode(errors="replace")
    assert process.returncode == 0 and "3 passed" in said and "skipped" not in said, said
