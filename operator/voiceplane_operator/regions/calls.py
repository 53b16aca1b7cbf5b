"""Count live calls: each gateway's own metric, asked through its region's API server."""

import asyncio
import logging
import re
from collections.abc import Callable

from voiceplane_operator import errors, names
from voiceplane_operator.decide.facts import AgentView
from voiceplane_operator.decide.plan import parse_block
from voiceplane_operator.manifests.common import GATEWAY_METRICS
from voiceplane_operator.regions.fleet import Contact, Fleet, Region

log = logging.getLogger(__name__)
AT_ONCE = 8  # of one region: a count is never worth an apply's place
ACTIVE = re.compile(r"^voiceplane_calls_active(?:\{[^}]*\})? ([0-9.e+]+)$", re.MULTILINE)


async def count(
    fleet: Fleet, counts: dict[tuple[str, str], int], changed: Callable[[str, str], None], *, every_s: float
) -> None:
    """Count again and again until cancelled; `changed` takes region and agent of a new number.

    A region is counted on its own: one that is still at it is left out, and waited for by nobody.
    """
    counting: dict[str, asyncio.Task[None]] = {}
    async with asyncio.TaskGroup() as group:
        while True:
            await asyncio.sleep(every_s)
            for region in fleet.regions.values():
                before = counting.get(region.name)
                if region.contact is Contact.UP and (before is None or before.done()):
                    work = _count_region(region, counts, changed)
                    counting[region.name] = group.create_task(work, name=f"calls of {region.name}")
            for gone in counting.keys() - fleet.regions.keys():
                del counting[gone]


async def _count_region(
    region: Region, counts: dict[tuple[str, str], int], changed: Callable[[str, str], None]
) -> None:
    if region.watch is None:
        return
    turns = asyncio.Semaphore(AT_ONCE)

    async def one_agent(prefix: str, view: AgentView) -> None:
        async with turns:
            total = await _count_agent(region, view)
        owner = region.watch.owners.get(prefix) if region.watch is not None else None
        if total is not None and owner is not None and counts.get((region.name, prefix)) != total:
            counts[region.name, prefix] = total
            changed(region.name, owner)

    views = [(prefix, view) for prefix, view in region.watch.views.items() if prefix != names.REGION_MARK]
    await asyncio.gather(*(one_agent(prefix, view) for prefix, view in views))
    for gone in [one for one in counts if one[0] == region.name and one[1] not in region.watch.views]:
        del counts[gone]


async def _count_agent(region: Region, view: AgentView) -> int | None:
    """Return the live calls of an agent's gateways; None when none of them could be asked."""
    total: int | None = None
    for pod in list(view.pods.values()):
        if pod.component != "gateway" or not (pod.ready or pod.ending) or region.cluster is None:
            continue
        block = next(
            (parse_block(one.block) for one in view.children.values() if one.revision == pod.revision and one.block),
            None,
        )
        port = block.metrics if block else GATEWAY_METRICS
        path = f"/api/v1/namespaces/{region.spec.namespace}/pods/{pod.name}:{port}/proxy/metrics"
        try:
            found = ACTIVE.search(await region.cluster.text(path))
            counted = int(float(found[1])) if found else 0
        except (errors.ClusterError, ValueError, OverflowError) as error:  # of a number that is none
            log.debug("a gateway's calls are not known", extra={"pod": pod.name, "reason": str(error)})
            continue
        total = (total or 0) + counted
    return total
