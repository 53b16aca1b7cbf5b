"""Blocks of ports on nodes: no two gateways of a region share a port. Pure; read by regions and the CLI's commands."""

from voiceplane.contract.region import PER_GATEWAY_PORTS, VoiceRegionSpec
from voiceplane_operator.manifests.target import PortBlock

SPARE = 1.25  # ports in quarantine, RTP pairs of calls that have just ended


def free_block(spec: VoiceRegionSpec, taken: list[PortBlock]) -> PortBlock | None:
    """Return the lowest block of ports that overlaps no other; None when there is none."""
    size = PER_GATEWAY_PORTS + 2 * int(spec.gateway.calls * SPARE + 1)
    first = spec.network.first_port + spec.network.first_port % 2
    for block in sorted(taken, key=lambda one: one.first):
        if first + size <= block.first:
            break
        first = max(first, block.first + block.size)
    first += first % 2
    return PortBlock(first, size) if first + size - 1 <= spec.network.last_port else None
