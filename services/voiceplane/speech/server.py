"""Start Triton with the models of a profile. The process becomes tritonserver: signals and memory are its own."""

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from voiceplane.runtime.models import ModelUnavailableError
from voiceplane.speech.environment import HERE, TritonEnvironment, triton_environment
from voiceplane.speech.profiles import Profile

REPOSITORY = HERE / "repository"
EXIT_TIMEOUT_S = 5


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Where Triton listens, and where it sends its traces (OTLP over HTTP), if anywhere."""

    host: str = "127.0.0.1"
    grpc_port: int = 8001
    http_port: int = 8000
    metrics_port: int = 8002
    traces_url: str = ""
    threads: int = 2


def shared_memory(grpc_port: int) -> str:
    """Return the pattern of the memory that this server's Python models share with it; a killed server leaves it."""
    return f"/dev/shm/voiceplane-speech-{grpc_port}-*"


def write_repository(profile: Profile, target: Path) -> None:
    """Write the model repository of a profile: the committed one, with the paths of the profile's models."""
    for model in profile.models():
        if not model.present:
            remedy = f"run `voiceplane install --profile {profile.name}`"
            raise ModelUnavailableError(f"model {model.name} is not on this machine: {remedy}")
    voices = {name: str(model.file(".onnx")) for name, model in profile.voices}
    values = {
        "@asr@": str(profile.asr.folder),
        "@turn@": str(profile.turn.file(".onnx")),
        "@voices@": _quoted(voices),
        **{f"@{model}-digests@": _quoted(digests) for model, digests in profile.digests.items()},
    }
    shutil.copytree(REPOSITORY, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    if profile.asr_second is None:
        shutil.rmtree(target / "asr_second")
    else:
        values["@asr_second@"] = str(profile.asr_second.folder)
        shutil.copytree(target / "asr/1", target / "asr_second/1")
    for config in target.glob("*/config.pbtxt"):
        text = config.read_text()
        for mark, value in values.items():
            text = text.replace(mark, value)
        config.write_text(text)


def _quoted(facts: dict[str, str]) -> str:
    return json.dumps(facts).replace('"', '\\"')


def command(environment: TritonEnvironment, repository: Path, settings: ServerSettings) -> list[str]:
    """Return tritonserver's command line."""
    traces = [
        f"--trace-config=opentelemetry,url={settings.traces_url}",
        "--trace-config=mode=opentelemetry",
        "--trace-config=rate=1",
        "--trace-config=level=TIMESTAMPS",
    ]
    return [
        str(environment.server),
        f"--model-repository={repository}",
        f"--backend-directory={environment.backends}",
        f"--grpc-address={settings.host}",
        f"--grpc-port={settings.grpc_port}",
        f"--http-address={settings.host}",
        f"--http-port={settings.http_port}",
        f"--metrics-address={settings.host}",
        f"--metrics-port={settings.metrics_port}",
        f"--exit-timeout-secs={EXIT_TIMEOUT_S}",
        f"--backend-config=python,shm-region-prefix-name={Path(shared_memory(settings.grpc_port)).name.rstrip('*')}",
        "--disable-auto-complete-config",  # else each model starts a stub more, only to be asked for what its file says
        "--exit-on-error=false",  # a model that does not load is told by readiness, the others serve
        *(traces if settings.traces_url else []),
    ]


def become_server(profile: Profile, settings: ServerSettings) -> None:
    """Replace this process by tritonserver; returns only by an error."""
    environment = triton_environment()
    if not environment.present:
        raise ModelUnavailableError("Triton is not on this machine: run `voiceplane install`")
    repository = Path(tempfile.gettempdir()) / f"voiceplane-speech-{settings.grpc_port}"
    if repository.exists():
        shutil.rmtree(repository)
    left = Path(shared_memory(settings.grpc_port))
    for path in left.parent.glob(left.name):  # of a killed server that had our port
        path.unlink(missing_ok=True)
    write_repository(profile, repository)
    arguments = command(environment, repository, settings)
    os.execve(arguments[0], arguments, environment.variables(settings.threads))
