"""docs/on-prem.md as it stands, with its own commands: what it mirrors is what runs, nothing else is pulled."""

import asyncio
import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cluster.plane import binaries

from voiceplane_operator.commands.files import read_region, target_of
from voiceplane_operator.manifests import render

pytestmark = pytest.mark.timeout(900)
ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "on-prem.md"
MIRROR = "registry.example/"
HELM = """#!/bin/sh
[ "$1" = install ] || exit 1
shift
exec {helm} template "$@" >> "$OUT/charts.yaml"
"""
SAYS = '#!/bin/sh\necho "$@" >> "$OUT/{name}"\n'


def commands() -> str:
    """Return what the page tells to type: its indented blocks."""
    blocks = re.findall(r"(?:^    .*\n)+", PAGE.read_text(), re.MULTILINE)
    return "set -eu\n" + "".join(line[4:] + "\n" for block in blocks for line in block.splitlines())


def images(node: Any) -> set[str]:
    """Find every image that a document pulls."""
    if isinstance(node, list):
        return {image for one in node for image in images(one)}
    if not isinstance(node, dict):
        return set()
    own = {node["image"]} if isinstance(node.get("image"), str) else set()
    return own | {image for one in node.values() for image in images(one)}


async def test_what_the_page_mirrors_is_what_the_region_runs(tmp_path: Path) -> None:
    helm = await binaries("helm4") / "helm4"
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("skopeo", "kubectl"):
        (programs / name).write_text(SAYS.format(name=name))
    (programs / "helm").write_text(HELM.format(helm=helm))
    for program in programs.iterdir():
        program.chmod(0o755)
    path = f"{programs}:{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}"
    there = re.sub(r"(charts|docs)/", rf"{ROOT}/\1/", commands())
    shell = await asyncio.create_subprocess_exec(
        "bash", "-c", there, cwd=tmp_path, env={**os.environ, "PATH": path, "OUT": str(tmp_path)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    async with asyncio.timeout(120):
        out, _ = await shell.communicate()
    assert shell.returncode == 0, out.decode()
    copies = [line.split() for line in (tmp_path / "skopeo").read_text().splitlines()]
    mirrored = {copy[-1].removeprefix("docker://") for copy in copies}
    charts = [one for one in yaml.safe_load_all((tmp_path / "charts.yaml").read_text()) if one]
    region = read_region(ROOT / "docs/examples/kubernetes/on-prem-region.yaml")
    agent = render(target_of((ROOT / "docs/examples/parcel-desk.yaml").read_text(), region))
    run = images(charts) | images(list(agent))
    assert len(run) == 7 and all(image.startswith(MIRROR) for image in run), run
    assert run <= mirrored
    assert {image.rpartition("/")[2].partition(":")[0] for image in mirrored - run} == {"operator"}, "KubeRay's"
    applied = (tmp_path / "kubectl").read_text()
    assert "on-prem-region.yaml" in applied and applied.index("namespace support") < applied.index("parcel-desk.yaml")
