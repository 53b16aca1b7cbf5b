"""`voiceplane` where Python packages are missing: doctor still says so, and the others say what they need."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SERVICES = Path(__file__).parents[2] / "services"
PROGRAM = """
import sys
from importlib.machinery import PathFinder

class Without:
    @staticmethod
    def find_spec(name, path=None, target=None):
        return None if name.partition(".")[0] == {package!r} else PathFinder.find_spec(name, path, target)

sys.meta_path = [Without if finder is PathFinder else finder for finder in sys.meta_path]
from voiceplane.cli.__main__ import main
sys.exit(main({arguments!r}))
"""


def voiceplane_without(package: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = PROGRAM.format(package=package, arguments=list(arguments))
    environment = os.environ | {"PYTHONPATH": str(SERVICES), "XDG_STATE_HOME": str(folder)}
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)


@pytest.mark.parametrize("package", ["tritonclient", "onnxruntime", "aiortp", "numpy", "grpc"])
def test_doctor_names_a_missing_package(package: str, tmp_path: Path) -> None:
    ended = voiceplane_without(package, tmp_path, "doctor", "--quiet")
    assert ended.returncode == 1, ended.stderr
    assert any(line.startswith("missing   python packages") and package in line for line in ended.stdout.splitlines())


def test_a_command_that_needs_the_package_says_which_whatever_it_is_given(tmp_path: Path) -> None:
    ended = voiceplane_without("numpy", tmp_path, "call", "--say", "Hi")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "voiceplane call needs the Python package numpy: see voiceplane doctor" in ended.stderr


def test_a_command_loads_none_of_the_others(tmp_path: Path) -> None:
    ended = voiceplane_without("numpy", tmp_path, "validate", "/nowhere.yaml")
    assert ended.returncode == 2 and "numpy" not in ended.stderr
    script = "import sys; from voiceplane.cli.__main__ import parser; parser('validate'); print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    assert {name for name in loaded.split() if name.startswith("voiceplane.cli.")} <= {
        "voiceplane.cli.__main__", "voiceplane.cli.arguments", "voiceplane.cli.validate",
    }  # fmt: skip
