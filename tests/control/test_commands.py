"""`voiceplane render` and `images` as a person types them."""

import io
import socket
from pathlib import Path
from typing import Any

import pytest
import yaml

from voiceplane.cli.__main__ import main
from voiceplane.cli.images import EMBEDDINGS
from voiceplane.contract.load import load_bundle
from voiceplane.runtime.models import catalogue
from voiceplane.speech.profiles import load_profile
from voiceplane_operator import errors
from voiceplane_operator.regions import credentials

ROOT = Path(__file__).parents[2]
AGENT = str(ROOT / "docs" / "examples" / "parcel-desk.yaml")


@pytest.fixture
def region(tmp_path: Path) -> str:
    path = tmp_path / "region.yaml"
    path.write_text(
        "{apiVersion: voiceplane.dev/v1alpha1, kind: VoiceRegion, metadata: {name: here}, "
        "spec: {mode: on-prem, location: US, inCluster: {}, images: {gateway: 'mirror/gateway@sha256:0'}}}"
    )
    return str(path)


def test_render_prints_objects_that_a_cluster_takes(region: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", AGENT, "--region", region]) == 0
    objects = list(yaml.safe_load_all(capsys.readouterr().out))
    assert {"Deployment", "RayService", "ConfigMap", "Service", "NetworkPolicy"} <= {one["kind"] for one in objects}
    assert all("voiceplane.dev/applied" in one["metadata"]["annotations"] for one in objects)


def test_images_names_everything_to_mirror_by_digest(region: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["images", AGENT, "--region", region]) == 0
    told = capsys.readouterr()
    lines = told.out.splitlines()
    assert any("mirror/gateway@sha256:0" in line for line in lines)
    images = {line.split()[1] for line in lines if line.startswith("image ")}
    assert images == {"gateway", "speech", "planner", "tools", "operator", "records", "collector", "kuberay"}
    assert "operator" in told.err and "gateway" not in told.err, "what a tag names may move"
    named = {tuple(line.split()[1:3]) for line in lines if line.startswith("model ")}
    profile = load_profile(load_bundle(Path(AGENT).read_text()).agent.spec.voice.profile)
    needed = (*profile.models(), catalogue()[EMBEDDINGS])
    assert named == {(model.name, f"sha256:{model.digest}") for model in needed}


def test_images_has_keda_where_the_region_scales_by_it(region: str, capsys: pytest.CaptureFixture[str]) -> None:
    scaled = "autoscaling: {enabled: true, engine: keda, prometheus: 'http://p:9090'}, planner: {engine: ray}, mode:"
    Path(region).write_text(Path(region).read_text().replace("mode:", scaled, 1))
    assert main(["images", AGENT, "--region", region]) == 0
    images = {line.split()[1] for line in capsys.readouterr().out.splitlines() if line.startswith("image ")}
    assert {"keda", "keda-metrics", "keda-webhooks"} <= images and "kuberay" not in images


def test_render_says_what_is_wrong_with_a_region(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "region.yaml"
    path.write_text(
        "{kind: VoiceRegion, apiVersion: voiceplane.dev/v1alpha1, metadata: {name: x}, spec: {mode: cloud}}"
    )
    assert main(["render", AGENT, "--region", str(path)]) == 1
    assert "spec.location" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (
            "sizes: {speech: {cpu: lots}}",
            "spec.sizes.speech.cpu: expected an amount as Kubernetes writes it, such as 500m",
        ),
        ("egress: {cidrs: [everything]}", "spec.egress.cidrs[0]: expected a range of addresses, such as 192.0.2.0/24"),
        ("records: records", "spec.records: expected a host and its port, such as records.example:9002"),
    ],
)
def test_a_regions_value_of_the_wrong_form_is_told_in_words(
    region: str, capsys: pytest.CaptureFixture[str], wrong: str, told: str
) -> None:
    Path(region).write_text(Path(region).read_text().replace("mode:", f"{wrong}, mode:", 1))
    assert main(["render", AGENT, "--region", region]) == 1
    assert told in capsys.readouterr().err


def test_files_that_are_no_yaml_are_named(region: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("spec: [\n")
    for arguments in (["--region", str(broken)], ["--region", region, "--with", str(broken)]):
        assert main(["render", AGENT, *arguments]) == 1
        assert capsys.readouterr().err.startswith(f"{broken}:")


TRUNK = "{apiVersion: voiceplane.dev/v1alpha1, kind: SIPTrunk, metadata: {name: one, namespace: support}, spec: %s}"


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("{agentRef: {name: parcel-desk}, sources: [10.0.0.0/33]}", "spec.sources: 10.0.0.0/33 is not a range"),
        ("{agentRef: {name: another}, sources: [10.0.0.0/33]}", "spec.sources: 10.0.0.0/33 is not a range"),
        ("{agentRef: {name: parcel-desk}, source: [10.0.0.0/8]}", "spec.source: unknown field"),
    ],
)
def test_a_mistake_in_what_is_beside_an_agent_is_told_with_its_line(
    region: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], spec: str, told: str
) -> None:
    beside = tmp_path / "trunks.yaml"
    beside.write_text(TRUNK % spec)
    assert main(["render", AGENT, "--region", region, "--with", str(beside)]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert any(line.startswith(f"{beside}:1: {told}") for line in lines) and "pydantic" not in "".join(lines)


def test_a_trunk_of_another_agent_is_told_as_left_out(
    region: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    beside = tmp_path / "trunks.yaml"
    beside.write_text(TRUNK % "{agentRef: {name: parcel-dsk}, sources: [10.0.0.0/8]}")
    assert main(["render", AGENT, "--region", region, "--with", str(beside)]) == 0
    told = capsys.readouterr().err
    assert "left out: SIPTrunk support/one names VoiceAgent support/parcel-dsk, not support/parcel-desk" in told


def test_files_that_kubectl_has_written_are_taken_as_they_are(
    region: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["render", AGENT, "--region", region]) == 0
    plain = capsys.readouterr().out

    def printed(*texts: str) -> str:
        objects = [one for text in texts for one in yaml.safe_load_all(text)]
        for one in objects:
            one["metadata"] |= {"uid": "1", "resourceVersion": "2", "generation": 3}
            one["status"] = {"observedGeneration": 3}
        path = tmp_path / f"{objects[0]['kind']}.yaml"
        path.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": objects}))
        return str(path)

    spec = "{agentRef: {name: parcel-desk}, sources: [10.1.2.0/24]}"
    beside = ["--with", printed(TRUNK % spec), "--with", printed(Path(region).read_text().replace("here", "there"))]
    files = [printed(Path(AGENT).read_text()), "--region", printed(Path(region).read_text())]
    assert main(["render", *files]) == 0
    assert capsys.readouterr().out == plain
    assert main(["render", *files, *beside]) == 0
    assert "10.1.2.0/24" in capsys.readouterr().out


def test_an_agent_may_come_from_standard_input_and_is_told_when_it_is_no_text(
    region: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["render", AGENT, "--region", region]) == 0
    plain = capsys.readouterr().out
    for content, status in ((Path(AGENT).read_bytes(), 0), (b"spec: \xff", 1)):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
        assert main(["render", "-", "--region", region]) == status
    assert capsys.readouterr() == (plain, "-: not UTF-8 text: save the file as UTF-8\n")


KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "http://127.0.0.1:PORT"}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
users: [{name: u, user: {}}]
current-context: c
"""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "the kubeconfig FILE does not exist"),
        ("", "the kubeconfig FILE cannot be used: "),
        ("clusters: [", "the kubeconfig FILE cannot be used: "),
        (KUBECONFIG.replace("current-context: c", "current-context: d"), "the kubeconfig FILE cannot be used: "),
        (KUBECONFIG, "the cluster of --kubeconfig FILE: "),
    ],
)
def test_diff_says_what_is_wrong_with_the_way_to_the_cluster(
    text: str | None, told: str, region: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        if text is not None:
            kubeconfig.write_text(text.replace("PORT", str(closed.getsockname()[1])))
        assert main(["diff", AGENT, "--region", region, "--kubeconfig", str(kubeconfig)]) == 1
    err = capsys.readouterr().err
    assert told.replace("FILE", str(kubeconfig)) in err and "Traceback" not in err


class Bare:
    """Stand for a cluster that has everything but KubeRay."""

    async def get(self, kind: str, name: str, namespace: str | None = None) -> Any:
        raise errors.NotThereError(f"{kind} {name}")

    async def dry_run(self, manifest: Any) -> Any:
        if manifest["kind"] == "RayService":
            raise errors.NotThereError("404: the server could not find the requested resource")
        return manifest

    async def list(self, *_: object, **__: object) -> tuple[list[Any], str]:
        return [], "1"

    async def close(self) -> None:
        pass


def test_diff_says_of_a_cluster_without_kuberay_what_is_not_applied_and_goes_on(
    region: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def opened(_: str) -> Bare:
        return Bare()

    monkeypatch.setattr(credentials, "hub_cluster", opened)
    assert main(["diff", AGENT, "--region", region, "--kubeconfig", "any"]) == 0
    lines = capsys.readouterr().out.splitlines()
    (told,) = (line for line in lines if line.startswith("not RayService/"))
    assert "install KubeRay, or set spec.planner.engine: ray" in told
    assert any(line.startswith("+++ new Deployment/") for line in lines)
