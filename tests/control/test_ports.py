"""Blocks of ports on nodes: none overlaps another, and none is given again while a pod still has it."""

import itertools
from dataclasses import replace

from tests.control.samples import region, target

from voiceplane_operator import manifests
from voiceplane_operator.api.kinds import POD
from voiceplane_operator.decide.ports import free_block
from voiceplane_operator.manifests.target import PortBlock
from voiceplane_operator.regions.watch import RegionWatch


def test_a_block_of_ports_is_taken_while_a_pod_has_it_though_its_deployment_is_gone() -> None:
    watch = RegionWatch(None, "voiceplane", "hub", lambda _: None)  # type: ignore[arg-type]
    told = replace(target("region-local"), block=PortBlock(20000, 20))
    (gateway,) = [one for one in manifests.render_gateway(told) if one["kind"] == "Deployment"]
    pod = {**gateway["spec"]["template"], "kind": "Pod", "status": {}}
    pod["metadata"] = {**pod["metadata"], "name": "busy", "deletionTimestamp": "2026-01-01T00:00:00Z"}
    watch._take(POD, pod)
    assert watch.blocks() == {"20000+20"}
    watch._forget(POD, told.prefix, "busy")
    assert watch.blocks() == frozenset()


def test_port_blocks_never_overlap_and_end() -> None:
    spec = region("region-local").spec
    taken: list[PortBlock] = []
    while (block := free_block(spec, taken)) is not None:
        taken.append(block)
    ranges = sorted((one.first, one.first + one.size) for one in taken)
    assert len(taken) > 100 and all(one[1] <= two[0] for one, two in itertools.pairwise(ranges))
    assert all(one.rtp[0] % 2 == 0 and one.first >= 20000 and one.rtp[1] <= 39999 for one in taken)
    gone = taken.pop(7)
    assert free_block(spec, taken) == gone, "a block that is free again is used again"
