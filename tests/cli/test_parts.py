"""What the parts of a stack are started with."""

from pathlib import Path

from voiceplane.cli.parts import StackOptions, plan
from voiceplane.cli.validate import read_bundle

AGENT = Path(__file__).parents[2] / "docs" / "examples" / "parcel-desk.yaml"


def test_media_goes_before_models_and_records_where_the_processor_is_full(tmp_path: Path) -> None:
    parts, _ = plan(read_bundle(str(AGENT)), StackOptions(AGENT, tmp_path))
    ranks = {part.name: part.nice for part in parts}
    assert ranks.pop("speech") > 0 and ranks.pop("records") > 0
    assert set(ranks.values()) == {0} and "gateway" in ranks
