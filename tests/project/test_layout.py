import operator
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_operator_folder_does_not_shadow_the_standard_library() -> None:
    assert operator.__file__ == sysconfig.get_path("stdlib") + "/operator.py"
    assert not (ROOT / "operator/__init__.py").exists()


def test_every_example_is_a_valid_agent() -> None:
    from voiceplane.contract.load import load_bundle

    examples = sorted((ROOT / "docs/examples").glob("*.yaml"))
    assert examples
    for example in examples:
        assert load_bundle(example.read_text()).revision
