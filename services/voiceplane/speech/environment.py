"""Triton's own environment: its binary and its models' packages, apart from voiceplane's (Piper is GPL-3)."""

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from voiceplane.runtime.models import ModelUnavailableError, cache_root

HERE = Path(__file__).parent
INSIDE = HERE / "inside_triton"
REQUIREMENTS = INSIDE / "requirements.txt"
SERVER_WHEEL = "nvidia-pytriton==0.7.0"  # carries Triton Inference Server 2.51 with the python backend, for CPU
INSTALL_TIMEOUT_S = 1800


@dataclass(frozen=True, slots=True)
class TritonEnvironment:
    """Where the server and its packages lie."""

    root: Path

    @property
    def packages(self) -> Path:
        """Return the site-packages that hold the server and the models' packages."""
        return self.root / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"

    @property
    def server(self) -> Path:
        """Return the tritonserver binary."""
        return self.packages / "pytriton/tritonserver/bin/tritonserver"

    @property
    def backends(self) -> Path:
        """Return the folder given as --backend-directory."""
        return self.root / "backends"

    @property
    def present(self) -> bool:
        """Say whether it was installed whole."""
        return (self.root / "complete").exists()

    def variables(self, threads: int) -> dict[str, str]:
        """Return the environment variables for the server process."""
        libraries = [libpython_folder(), self.packages / "nvidia_pytriton.libs"]
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV"))}
        return {
            **inherited,
            # The stub's interpreter finds its packages by the first python3 on the PATH: it must not be ours (numpy 2).
            "PATH": f"{self.root / 'bin'}:/usr/bin:/bin",
            "LD_LIBRARY_PATH": ":".join(str(folder) for folder in libraries),
            "VOICEPLANE_TRITON_SITE": str(self.packages),
            "VOICEPLANE_SPEECH_LIB": str(INSIDE),
            "OMP_NUM_THREADS": str(threads),
            "PYTHONDONTWRITEBYTECODE": "1",
        }


def triton_environment() -> TritonEnvironment:
    """Return the environment for this version's requirements, installed or not."""
    content = REQUIREMENTS.read_bytes() + SERVER_WHEEL.encode() + sys.version.encode()
    return TritonEnvironment(cache_root() / f"triton-{hashlib.sha256(content).hexdigest()[:12]}")


def libpython_folder() -> Path:
    """Find libpython3.11.so.1.0, which Triton's Python stub links; ModelUnavailableError says how to get it."""
    name = f"libpython3.{sys.version_info.minor}.so.1.0"
    places = (sysconfig.get_config_var("LIBDIR"), "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu")
    for place in places:
        if place and (Path(place) / name).exists():
            return Path(place)
    raise ModelUnavailableError(f"{name} is missing: apt-get install libpython3.{sys.version_info.minor}")


def install(progress: Callable[[str], None]) -> TritonEnvironment:
    """Install Triton and its models' packages unless they are there."""
    environment = triton_environment()
    if environment.present:
        return environment
    progress("installing Triton Inference Server and the speech packages (about 500 MB)")
    libpython_folder()
    if environment.root.exists():
        shutil.rmtree(environment.root)  # an install that was cut off
    python = environment.root / "bin/python"
    _run([sys.executable, "-m", "venv", "--without-pip", str(environment.root)])
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--disable-pip-version-check"]
    _run([*pip, "--no-deps", SERVER_WHEEL])
    _run([*pip, "-r", str(REQUIREMENTS)])
    bundled = environment.packages / "pytriton/tritonserver"
    shutil.copytree(bundled / "backends/python", environment.backends / "python")
    stub = bundled / f"python_backend_stubs/3.{sys.version_info.minor}/triton_python_backend_stub"
    shutil.copy(stub, environment.backends / "python")
    (environment.root / "complete").touch()
    return environment


def _run(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S)
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise ModelUnavailableError(f"`{' '.join(command[:4])} ...` failed: {reason}") from error
    except subprocess.TimeoutExpired as error:
        raise ModelUnavailableError(f"installing took more than {INSTALL_TIMEOUT_S} s: try again") from error
