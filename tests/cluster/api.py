"""A small asynchronous client of the Kubernetes API for the test node: objects are plain JSON, as on the wire."""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
from tests.cluster.plane import Plane

Object = dict[str, Any]

REQUEST_S = 15.0
WATCH_S = 240  # the server ends a watch after this; then it goes on from the last version
AGAIN_S = 0.5
LONGEST_LINE = 4 * 1024 * 1024  # one watch event is one line; etcd's limit for an object is 1.5 MiB

log = logging.getLogger(__name__)


class ApiError(Exception):
    """The API server refused; `status` is its HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        """Keep the status beside the message."""
        super().__init__(f"{status}: {message}")
        self.status = status


class Api:
    """Requests to one API server as its administrator."""

    def __init__(self, plane: Plane, session: aiohttp.ClientSession) -> None:
        """Use a session whose life somebody else bounds."""
        self._server, self._session, self._tls = plane.server, session, plane.tls()

    async def request(self, method: str, path: str, body: Object | None = None, *, kind: str = "") -> Object:
        """Send one request; ApiError when the server refuses it."""
        headers = {"Content-Type": kind or "application/json"}
        data = None if body is None else json.dumps(body)
        timeout = aiohttp.ClientTimeout(total=REQUEST_S)
        url = self._server + path
        async with self._session.request(
            method, url, data=data, headers=headers, ssl=self._tls, timeout=timeout
        ) as response:
            content = await response.json(content_type=None)
            if response.status >= 400:
                raise ApiError(response.status, str(content.get("message", content))[:500])
            return dict(content)

    async def get(self, path: str) -> Object:
        """Read an object."""
        return await self.request("GET", path)

    async def create(self, path: str, body: Object) -> Object:
        """Create an object in a collection."""
        return await self.request("POST", path, body)

    async def merge(self, path: str, body: Object) -> Object:
        """Change an object by a JSON merge patch."""
        return await self.request("PATCH", path, body, kind="application/merge-patch+json")

    async def apply(self, path: str, body: Object, manager: str) -> Object:
        """Apply an object on the server's side, by force."""
        return await self.request(
            "PATCH", f"{path}?fieldManager={manager}&force=true", body, kind="application/apply-patch+yaml"
        )

    async def delete(self, path: str, body: Object | None = None) -> None:
        """Delete an object; one that is gone already is as good."""
        with contextlib.suppress(ApiError):
            await self.request("DELETE", path, body)

    async def follow(self, path: str, selector: str, changed: Callable[[str, Object], Awaitable[None]]) -> None:
        """Tell of every object of a collection, now and whenever one changes: ADDED, MODIFIED, DELETED. Never returns.

        After a broken watch it lists again; what vanished meanwhile is told as DELETED.
        """
        known: dict[str, Object] = {}
        while True:
            try:
                version = await self._list(path, selector, known, changed)
                async for kind, each in self._watch(path, selector, version):
                    uid = each["metadata"]["uid"]
                    known[uid] = each
                    if kind == "DELETED":
                        del known[uid]
                    await changed(kind, each)
            except (aiohttp.ClientError, TimeoutError, ApiError, ConnectionError) as error:
                log.info("watch broke", extra={"path": path, "error": str(error)})
            await asyncio.sleep(AGAIN_S)

    async def _list(
        self, path: str, selector: str, known: dict[str, Object], changed: Callable[[str, Object], Awaitable[None]]
    ) -> str:
        listed = await self.get(f"{path}?{selector}")
        now = {each["metadata"]["uid"]: each for each in listed.get("items") or []}
        for uid in set(known) - set(now):
            await changed("DELETED", known.pop(uid))
        for uid, each in now.items():
            if known.get(uid, {}).get("metadata", {}).get("resourceVersion") != each["metadata"]["resourceVersion"]:
                await changed("MODIFIED" if uid in known else "ADDED", each)
        known.update(now)
        return str(listed["metadata"]["resourceVersion"])

    async def _watch(self, path: str, selector: str, version: str) -> AsyncIterator[tuple[str, Object]]:
        query = f"watch=1&resourceVersion={version}&timeoutSeconds={WATCH_S}&{selector}"
        timeout = aiohttp.ClientTimeout(total=WATCH_S + 30)
        async with self._session.get(f"{self._server}{path}?{query}", ssl=self._tls, timeout=timeout) as response:
            if response.status >= 400:
                raise ApiError(response.status, (await response.text())[:500])
            async for line in response.content:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise ApiError(int(event["object"].get("code", 500)), str(event["object"].get("message")))
                yield event["type"], event["object"]


@contextlib.asynccontextmanager
async def open_api(plane: Plane) -> AsyncIterator[Api]:
    """Open a client of a plane."""
    headers = {"Authorization": f"Bearer {plane.token}"}
    connector = aiohttp.TCPConnector(limit=64)  # a watch holds one for its life; the rest is for requests
    async with aiohttp.ClientSession(
        headers=headers, connector=connector, read_bufsize=LONGEST_LINE, max_line_size=LONGEST_LINE
    ) as session:
        yield Api(plane, session)
