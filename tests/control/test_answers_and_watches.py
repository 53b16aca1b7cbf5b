"""Answers to applies beside what the watch tells: neither may hide what the other has said."""

import pytest
from tests.control.samples import target

from voiceplane_operator import manifests
from voiceplane_operator.api.kinds import KINDS
from voiceplane_operator.decide import plan
from voiceplane_operator.process import handlers
from voiceplane_operator.regions.watch import RegionWatch

SERVICE = KINDS["Service"]


class Server:
    """Stand for an API server that tells these events of Services and then nothing."""

    def __init__(self, *events: tuple[str, dict[str, object]]) -> None:
        self.events = events

    async def watch(self, *_: object, **__: object):  # type: ignore[no-untyped-def]
        for one in self.events:
            yield one


@pytest.mark.asyncio
async def test_an_answer_does_not_bring_back_what_was_made_and_deleted_meanwhile() -> None:
    told = target("on-prem")
    service = next(one for one in map(plan.marked, manifests.render(told)) if one["kind"] == "Service")
    key = ("Service", service["metadata"]["name"])

    def at(version: int) -> dict[str, object]:
        return {**service, "metadata": {**service["metadata"], "resourceVersion": str(version)}}

    woken: list[str] = []
    server = Server(("ADDED", at(11)), ("DELETED", at(12)))
    watch = RegionWatch(server, "voiceplane", "hub", woken.append)  # type: ignore[arg-type]
    await watch._watch(SERVICE, "10")
    assert woken == [told.owner] * 2
    watch.applied(at(11))  # late: the watch was faster
    assert key not in watch.view(told.prefix).children, "it would never be made again"
    watch.applied(at(13))
    assert watch.view(told.prefix).children[key].intact, "made anew, and the watch has not told of it yet"


@pytest.mark.asyncio
async def test_a_page_of_a_list_is_taken_before_the_next_is_asked_for() -> None:
    told = target("on-prem")
    services = [one for one in map(plan.marked, manifests.render(told)) if one["kind"] == "Service"]
    known: list[int] = []

    class Pages:
        async def pages(self, *_: object, **__: object):  # type: ignore[no-untyped-def]
            for number, one in enumerate(services):
                known.append(len(watch.view(told.prefix).children))
                yield [{**one, "metadata": {**one["metadata"], "resourceVersion": str(number + 1)}}], "9"

    watch = RegionWatch(Pages(), "voiceplane", "hub", lambda _: None)  # type: ignore[arg-type]
    assert await watch._list(SERVICE) == "9"
    assert known == list(range(len(services))) and len(services) > 1, "thousands of objects do not fit in memory"
    assert handlers.settings(silence_s=1.0).watching.chunk_size, "nor in that of the watch shell"
