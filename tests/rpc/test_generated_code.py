import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
GENERATED = ROOT / "services/voiceplane/rpc/v1"


def test_generated_code_is_what_the_protos_say(tmp_path: Path) -> None:
    outputs = [f"--{kind}_out={tmp_path}" for kind in ("python", "grpc_python", "mypy", "mypy_grpc")]
    protos = [str(path.relative_to(ROOT)) for path in sorted((ROOT / "protos").rglob("*.proto"))]
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I", "protos", *outputs, *protos]
    path = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, env=path)
    fresh = {path.name: path.read_text() for path in (tmp_path / "voiceplane/rpc/v1").iterdir()}
    committed = {path.name: path.read_text() for path in GENERATED.glob("*_pb2*")}
    assert fresh == committed, "run `make protos` and commit what it writes"
