"""A region in contact: what is suspected of it, and that there may be other credentials, are two things."""

import asyncio

import pytest
from tests.control.test_answers import SPEC, answering

from voiceplane.contract.region import KubeConfig, VoiceRegionSpec
from voiceplane_operator import errors
from voiceplane_operator.api.cluster import Cluster
from voiceplane_operator.regions.connection import Connection
from voiceplane_operator.regions.fleet import Contact, Fleet, Region

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(30)]


async def test_other_credentials_are_looked_for_though_the_region_is_suspected_at_the_same_moment() -> None:
    told: list[str] = []
    news = asyncio.Event()

    def changed(name: str) -> None:
        told.append(name)
        news.set()

    async def open_(_: VoiceRegionSpec) -> Cluster:
        raise errors.AccessDeniedError("the Secret is gone")

    fleet = Fleet(open_, "hub", changed, told.append)
    spec = SPEC.model_copy(update={"in_cluster": None, "kube_config": KubeConfig(name="far")})
    region = fleet.regions["far"] = Region("far", spec, 1, "hub", contact=Contact.UP)
    async with answering('{"gitVersion": "v1"}') as opened, asyncio.timeout(10):
        connection = Connection(opened, None, "v1", asyncio.create_task(asyncio.sleep(60)))  # type: ignore[arg-type]
        staying = asyncio.create_task(fleet._stay(region, connection))
        region.suspected.set()
        fleet.renew(KubeConfig(name="far"))
        fleet.renew(KubeConfig(name="of-another"))
        await news.wait()
        assert not staying.done() and region.contact is Contact.UP, "the former credentials go on"
        assert region.unusable == ("AccessDenied", "the Secret is gone") and region.problem == ""
        assert told == ["far"]
        staying.cancel()
        connection.following.cancel()
        await asyncio.gather(staying, connection.following, return_exceptions=True)
