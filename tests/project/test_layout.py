import operator
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_operator_folder_does_not_shadow_the_standard_library() -> None:
    assert operator.__file__ == sysconfig.get_path("stdlib") + "/operator.py"
    assert not (ROOT / "operator/__init__.py").exists()


def test_every_example_is_a_valid_agent_with_valid_scenarios() -> None:
    from voiceplane.contract.load import load_bundle
    from voiceplane.testing.scenarios.load import load_scenarios

    folder = ROOT / "docs/examples"
    scenarios = sorted(folder.glob("*.scenarios.yaml"))
    agents = sorted(set(folder.glob("*.yaml")) - set(scenarios))
    assert agents and scenarios
    specs = {agent.stem: load_bundle(agent.read_text()).agent.spec for agent in agents}
    for file in scenarios:
        assert load_scenarios(file.read_text(), folder, specs[file.name.removesuffix(".scenarios.yaml")]).scenarios
