"""`voiceplane images` on files that are not right: each mistake has its file and line."""

from pathlib import Path

import pytest

from voiceplane.cli import __main__

AGENT = Path(__file__).parents[2] / "docs/examples/parcel-desk.yaml"


def images(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    status = __main__.main(["images", *map(str, arguments)])
    return status, capsys.readouterr().err


def test_the_mistakes_of_an_agent_have_their_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "agent.yaml"
    broken.write_text(AGENT.read_text().replace("name: joe", "name: jo"))
    status, told = images(capsys, broken)
    assert status == 1 and told.startswith(f"{broken}:8: spec.voice.name: ")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("kind: VoiceRegion\nspec: {mode: cloudy}\n", ":2: spec.mode: "),
        ("kind: VoiceRegion\nspec: {mode: [\n", ":3: "),
        ("kind: VoicePolicy\n", ":1: (file): expected one VoiceRegion, found 0"),
    ],
)
def test_the_mistakes_of_a_region_have_their_line(
    text: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    region = tmp_path / "region.yaml"
    region.write_text(text)
    status, err = images(capsys, AGENT, "--region", region)
    assert status == 1 and f"{region}{told}" in err


def test_a_region_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert images(capsys, AGENT, "--region", "/none.yaml") == (2, "cannot read /none.yaml: No such file or directory\n")
