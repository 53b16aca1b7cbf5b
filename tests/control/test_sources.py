"""What the log says of credentials that cannot be watched: once, and again only when it is another thing."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from voiceplane_operator import errors
from voiceplane_operator.api.kinds import KINDS
from voiceplane_operator.regions import sources

MISSING = errors.NotThereError("/apis/multicluster.x-k8s.io/v1alpha1/clusterprofiles: 404")
AWAY = errors.ClusterAwayError("/apis/multicluster.x-k8s.io/v1alpha1/clusterprofiles: 503")


class _Answers:
    """An API server that answers each list as told, and a watch by one event; with the last answer all is over."""

    def __init__(self, *answers: errors.ClusterError | None) -> None:
        self.answers, self.over = list(answers), asyncio.Event()

    async def list(self, *_: object, **__: object) -> tuple[list[dict[str, Any]], str]:
        if not self.answers:
            self.over.set()
            await asyncio.Event().wait()
        answer = self.answers.pop(0)
        if answer is not None:
            raise answer
        return [], "1"

    async def watch(self, *_: object, **__: object) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        yield "BOOKMARK", {"metadata": {"resourceVersion": "2"}}


@pytest.mark.asyncio
async def test_a_kind_that_cannot_be_watched_is_told_once_and_again_when_that_changes(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("RETRY_S", "LOOK_FOR_KIND_S"):
        monkeypatch.setattr(sources, name, 0.001)
    server = _Answers(MISSING, MISSING, MISSING, AWAY, AWAY, None, None, MISSING, MISSING)
    source = sources.Source(
        server,  # type: ignore[arg-type]
        KINDS["ClusterProfile"],
        None,
        lambda _: "",
        lambda *_: None,
    )
    with caplog.at_level(logging.INFO, "voiceplane_operator.regions.sources"):
        following = asyncio.create_task(source.follow())
        async with asyncio.timeout(10):
            await server.over.wait()
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    told = [(one.getMessage(), getattr(one, "reason", "")) for one in caplog.records]
    assert told == [
        ("credentials are not watched", str(MISSING)),
        ("credentials are not watched", str(AWAY)),
        ("credentials are watched", ""),
        ("credentials are not watched", str(MISSING)),
    ]
