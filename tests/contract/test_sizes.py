"""The sizes of a region's pods: what is left out is the part's own default."""

from voiceplane.contract.sizes import Sizes


def test_a_part_of_which_only_the_memory_is_set_keeps_its_processor() -> None:
    sizes = Sizes.model_validate({"gateway": {"memory": "1Gi"}, "speech": {"memory": "4Gi"}, "planner": {"cpu": "2"}})
    assert (sizes.gateway.cpu, sizes.gateway.memory) == ("1", "1Gi")
    assert (sizes.speech.cpu, sizes.speech.memory) == ("1", "4Gi")
    assert (sizes.planner.cpu, sizes.planner.memory) == ("2", "2Gi")
    assert (sizes.tools.cpu, sizes.tools.memory) == ("100m", "256Mi")
