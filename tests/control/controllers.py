"""What stands for the controllers and nodes of a plane that has none: it reports every Deployment as rolled out.

The API server is real, and so is each write of the operator; pods are not made. So a measurement on a small machine is
of the operator and the API servers, not of the controllers of Kubernetes.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import aiohttp
from tests.cluster.plane import Plane

AGAIN_S = 0.2  # before a watch that has ended is begun anew
AT_ONCE = 8  # reports in flight to one API server
MERGE = "application/merge-patch+json"
NAMES_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
LINE = 4 * 1024 * 1024  # of a watch event


@contextlib.asynccontextmanager
async def session(plane: Plane) -> AsyncIterator[aiohttp.ClientSession]:
    """Open a session of a plane's administrator, with the server's address as its base."""
    connector = aiohttp.TCPConnector(ssl=plane.tls(), limit=64)
    headers = {"Authorization": f"Bearer {plane.token}"}
    async with aiohttp.ClientSession(
        plane.server, headers=headers, connector=connector, read_bufsize=LINE, max_line_size=LINE
    ) as opened:
        yield opened


async def events(
    opened: aiohttp.ClientSession, path: str, query: str = ""
) -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
    """Yield every object of a collection and then its changes, without end.

    API servers end watches early, such as when a definition settles: all objects come once more then.
    """
    asked = f"{path}?watch=1&timeoutSeconds=3600{query}"
    while True:
        with contextlib.suppress(aiohttp.ClientError):
            async with opened.get(asked, timeout=aiohttp.ClientTimeout(total=None)) as response:
                async for line in response.content:
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        break
                    yield event["type"], event["object"]
        await asyncio.sleep(AGAIN_S)


@contextlib.asynccontextmanager
async def rolling_out(plane: Plane, namespace: str = "voiceplane") -> AsyncIterator[None]:
    """Report on Deployments until the block ends."""
    async with session(plane) as opened:
        task = asyncio.create_task(_report_all(opened, f"/apis/apps/v1/namespaces/{namespace}/deployments"))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _report_all(opened: aiohttp.ClientSession, path: str) -> None:
    turns = asyncio.Semaphore(AT_ONCE)

    async def report(name: str, generation: int, count: int) -> None:
        counted = dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas", "readyReplicas"), count)
        body = json.dumps({"status": {"observedGeneration": generation, **counted}})
        async with turns, opened.patch(f"{path}/{name}/status", data=body, headers={"Content-Type": MERGE}) as answer:
            await answer.read()

    async with asyncio.TaskGroup() as group:
        async for kind, raw in events(opened, path):
            seen = (raw.get("status") or {}).get("observedGeneration", 0)
            if kind in ("ADDED", "MODIFIED") and seen < raw["metadata"]["generation"]:
                meta = raw["metadata"]
                group.create_task(report(meta["name"], meta["generation"], raw["spec"].get("replicas", 1)))
