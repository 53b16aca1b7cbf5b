"""SIPTrunks on a laptop: the same YAML as in a cluster, told to the gateway as the operator tells it."""

from pathlib import Path

import pytest

from voiceplane.call import trunks
from voiceplane.cli import __main__
from voiceplane.cli.parts import StackOptions, plan
from voiceplane.cli.trunks import read_trunks
from voiceplane.cli.validate import read_bundle
from voiceplane.contract.trunk import Trust

AGENT = Path(__file__).parents[2] / "docs/examples/parcel-desk.yaml"
TRUNK = """
apiVersion: voiceplane.dev/v1alpha1
kind: SIPTrunk
metadata: {name: carrier, namespace: support}
spec: {agentRef: {name: parcel-desk}, sources: [127.0.0.1/32], identity: {trust: asserted}}
"""


def test_the_gateway_reads_the_trunks_of_a_laptop_and_answers_no_other_source(tmp_path: Path) -> None:
    (tmp_path / "trunks.yaml").write_text(TRUNK)
    bundle = read_bundle(str(AGENT))
    options = StackOptions(AGENT, tmp_path, trunks=read_trunks(tmp_path / "trunks.yaml", bundle.agent.metadata))
    parts, _ = plan(bundle, options)
    command = next(part.command for part in parts if part.name == "gateway")
    ways = trunks.read(Path(command[command.index("--trunks") + 1]))
    assert ways.admits("127.0.0.1") and not ways.admits("127.0.0.2")
    assert ways.trusts("127.0.0.1", "1") == {Trust.ASSERTED}
    parts, _ = plan(bundle, StackOptions(AGENT, tmp_path))
    assert not any("--trunks" in part.command for part in parts)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("trust: asserted", "trust: blindly", "line 5: spec.identity.trust"),
        ("127.0.0.1/32", "0.0.0.0/0", "a range of /0 is everybody's"),
        ("127.0.0.1/32", "300.0.0.1/32", "300.0.0.1/32 is not a range of addresses"),
        ("name: parcel-desk", "name: other", "line 5: spec.agentRef: this trunk is of another agent"),
        (TRUNK, "", "no SIPTrunk here"),
    ],
)
def test_dev_names_the_mistakes_of_a_trunk_before_it_starts_anything(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, said: str
) -> None:
    assert old in TRUNK
    (tmp_path / "trunks.yaml").write_text(TRUNK.replace(old, new))
    assert __main__.main(["dev", str(AGENT), "--trunks", str(tmp_path / "trunks.yaml")]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("P-Asserted-Identity: <tel:+15550111>", ("P-Asserted-Identity", "<tel:+15550111>")),
        ("Privacy:id", ("Privacy", "id")),
    ],
)
def test_call_sends_more_headers(text: str, header: tuple[str, str]) -> None:
    assert __main__.parser().parse_args(["call", "--header", text]).headers == [header]


@pytest.mark.parametrize("text", ["Privacy", "a b: c", ": c", "X: a\r\nVia: b", "X:"])
def test_call_sends_no_header_that_is_none(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        __main__.parser().parse_args(["call", "--header", text])
    assert "NAME: VALUE" in capsys.readouterr().err
