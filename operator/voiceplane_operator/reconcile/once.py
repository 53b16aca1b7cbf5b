"""What a region has once, beside its agents: the network policies of all their pods, the Collector's configuration.

Read by converge, which begins no pod before the policies are there, and by others, which repairs what somebody changed.
"""

import asyncio
import contextlib

from voiceplane_operator import errors, names
from voiceplane_operator.decide import plan
from voiceplane_operator.manifests import Manifest, collector, ways
from voiceplane_operator.regions.fleet import Region


async def policies(region: Region, hub: str) -> None:
    """See that the region's policies are there as they are to be; ClusterError."""
    if not region.policies:
        region.policies = tuple(map(plan.marked, ways.manifests(region.spec, hub, region.name)))
    if _lacking(region, region.policies):
        async with region.making:  # all agents of the region come here at once: the first makes them
            await apply(region, _lacking(region, region.policies))


async def configuration(region: Region, hub: str) -> None:
    """See that the Collector's configuration is there as it is to be, and have the Collector read it; ClusterError."""
    manifest = plan.marked(collector.manifest(region.spec, hub, region.name))
    if _lacking(region, (manifest,)):
        await apply(region, [manifest])
        await _restart_collector(region, manifest["metadata"]["annotations"][names.APPLIED])


async def removed(region: Region, hub: str) -> None:
    """Delete what the region has once, when no agent is left there; ClusterError."""
    for one in (collector.manifest(region.spec, hub, region.name), *ways.manifests(region.spec, hub, region.name)):
        await region.client.delete(one["kind"], one["metadata"]["name"], region.spec.namespace)


async def apply(region: Region, manifests: list[Manifest]) -> None:
    """Apply all of them at once and remember what is so; ClusterError of the first that was not taken."""
    if not manifests:
        return
    assert region.watch is not None
    answers = await asyncio.gather(*map(region.client.apply, manifests), return_exceptions=True)
    for manifest, answer in zip(manifests, answers, strict=True):
        if not isinstance(answer, BaseException):
            region.watch.applied(answer, replicas=manifest.get("spec", {}).get("replicas"))
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer


def _lacking(region: Region, manifests: tuple[Manifest, ...]) -> list[Manifest]:
    assert region.watch is not None
    view = region.watch.view(names.REGION_MARK)
    return [one for one in manifests if not plan.unchanged(view, one)]


async def _restart_collector(region: Region, digest: str) -> None:
    """Have the Collector read its new configuration: it does so only when it starts. The chart may have none."""
    template = {"metadata": {"annotations": {names.APPLIED: digest}}}
    with contextlib.suppress(errors.NotThereError):
        await region.client.patch("Deployment", collector.NAME, region.spec.namespace, {"spec": {"template": template}})
