"""A region's contact: what is suspected of it, that there may be other credentials, and what is wrong now."""

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


async def test_of_a_region_that_stays_lost_is_told_what_is_wrong_now_and_agents_are_left_alone() -> None:
    problems = ["the Secret does not exist", "it has no key kubeconfig", "it has no key kubeconfig", "no kubeconfig"]
    words: list[str] = []
    contacts: list[str] = []
    over = asyncio.Event()

    async def open_(_: VoiceRegionSpec) -> Cluster:
        if problems:
            raise errors.AccessDeniedError(problems.pop(0))
        over.set()
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

    def changed(name: str) -> None:
        words.append(fleet.regions[name].problem)

    fleet = Fleet(open_, "hub", changed, contacts.append)
    spec = SPEC.model_copy(update={"in_cluster": None, "kube_config": KubeConfig(name="far")})
    try:
        fleet.put("far", spec, generation=1, lost_since="")
        async with asyncio.timeout(20):
            while not over.is_set():
                fleet.renew(KubeConfig(name="far"))  # somebody has written the Secret
                await asyncio.sleep(0.01)
        assert contacts == ["far"], "its agents have nothing new to do"
        assert words == ["it has no key kubeconfig", "no kubeconfig"]
        assert fleet.regions["far"].unusable == ("AccessDenied", "no kubeconfig")
    finally:
        await fleet.close()
