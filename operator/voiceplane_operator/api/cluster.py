"""One API server: get, list, watch, server-side apply, patch, delete. Only this and clients know kubernetes.aio.

Every answer that is no success becomes a name of errors.py, every request has a deadline, and so many go at once that
one cluster cannot take all of the operator's time.
"""

import asyncio
import contextlib
import json
import math
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlencode

import aiohttp
import orjson
from kubernetes.aio import client
from prometheus_client import Counter

from voiceplane_operator import errors, names
from voiceplane_operator.api import answers
from voiceplane_operator.api.kinds import KINDS, Api
from voiceplane_operator.api.turns import Turns

Object = dict[str, Any]
REQUEST_S = 10.0
PAGE_S = 30.0
CONCURRENT = 32  # requests to one API server at once; its own fairness queues begin to fill beyond
PAGE = 250  # objects of a list; of Deployments, 10 MB when parsed
MOST_TEXT = 4 * 1024 * 1024  # of a page of metrics: a gateway's is a hundredth of that
WATCH_S = 240  # the server ends a watch then; a longer silence than that of settings is a frozen connection
APPLY = "application/apply-patch+yaml; charset=utf-8"  # with a charset the client sends our bytes, and no json.dumps
MERGE = "application/merge-patch+json"
LEASES = f"/{KINDS['Lease'].plural}"
REQUESTS = Counter("voiceplane_api_requests", "Requests to API servers", ["method"])
JSON = "application/json"
# Nobody reads warnings, for which an API server reads each body twice. A field that a kind of Kubernetes does not have
# is refused in an apply all the same; of our own kinds, schema.py says what the cluster's definitions lack.
UNWARNED = "fieldValidation=Ignore"
METADATA_ONLY = "application/json;as=PartialObjectMetadata{};g=meta.k8s.io;v=v1,application/json"


@dataclass(frozen=True, slots=True)
class Request:
    """One request: what is asked, in which form the answer comes, and when it is too late."""

    method: str
    path: str
    body: Object | bytes | None = None  # bytes: JSON, of an apply only
    content: str = JSON  # of the body
    accept: str = JSON
    within_s: float = REQUEST_S


class Cluster:
    """A client of one API server."""

    # Says whether this process may still write; from the lease, once a process. One that was stopped for long and wakes
    # when another leads must not send what it had in hand.
    may_write: ClassVar[Callable[[], bool]] = staticmethod(lambda: True)
    silence_s: ClassVar[float] = 90.0  # of a watch; bookmarks come about once a minute. From settings, once a process

    def __init__(self, api: client.ApiClient) -> None:
        """Use these credentials."""
        self._api = api
        self.turns = Turns(CONCURRENT)
        self._probes = asyncio.Semaphore(2)  # never behind requests that a slow API server does not answer
        self._closed = False
        self._former: dict[asyncio.Task[None], client.ApiClient] = {}
        self.renew_at = math.inf  # loop seconds: when its credentials are to be renewed

    @property
    def endpoint(self) -> tuple[object, ...]:
        """Return which API server this is, whatever the credentials."""
        of = self._api.configuration
        return of.host, of.ssl_ca_cert, of.verify_ssl, of.tls_server_name, of.proxy

    def adopt(self, other: "Cluster") -> None:
        """Go on with the credentials of another client of the same API server, which is used up by that.

        What is under way, watches too, ends on the connections that it began on; they are closed after that.
        """
        former, self._api, self.renew_at = self._api, other._api, other.renew_at
        task = asyncio.create_task(_close_later(former), name="former credentials")
        self._former[task] = former
        task.add_done_callback(lambda done: self._former.pop(done, None))

    async def close(self) -> None:
        """Close its connections; who still uses it is told that it is away."""
        self._closed = True
        for task, api in list(self._former.items()):
            task.cancel()
            await api.close()  # type: ignore[no-untyped-call]
        await self._api.close()  # type: ignore[no-untyped-call]

    async def version(self, *, within_s: float = 5.0) -> str:
        """Return the API server's version."""
        async with self._probes:
            answer = answers.parsed("/version", await self._raw(Request("GET", "/version", within_s=within_s)))
        return str(answer.get("gitVersion", ""))

    async def probe(self, api: Api, namespace: str | None, *, within_s: float = 5.0) -> None:
        """Ask for as little as shows that the API server answers and lets us in; ClusterError when not."""
        path = f"{api.path(namespace)}?limit=1"
        async with self._probes:
            answers.parsed(path, await self._raw(Request("GET", path, within_s=within_s)))

    async def get(self, kind: str, name: str, namespace: str | None = None) -> Object:
        """Read one object; NotThereError."""
        return await self.ask(Request("GET", KINDS[kind].path(namespace, name)))

    async def text(self, path: str, *, within_s: float = 2.0, most: int = MOST_TEXT) -> str:
        """Read a path as text, such as a pod's metrics through the API server; no more of it than `most` bytes."""
        async with self.turns.one():
            with answers.named(path):
                async with await self._send(Request("GET", path, within_s=within_s)) as response:
                    return answers.told(response, await answers.first(response, most), path).decode()

    async def pages(
        self, api: Api, namespace: str | None, *, labels: str = "", whole: bool = True
    ) -> AsyncIterator[tuple[list[Object], str]]:
        """Yield a collection's objects a page at a time, with the place in history to watch from after the last one.

        Whoever keeps little of each object never holds all of them: thousands take hundreds of megabytes.
        """
        more = ""
        while True:
            query = {"limit": str(PAGE)} | ({"labelSelector": labels} if labels else {})
            path = f"{api.path(namespace)}?{urlencode(query | ({'continue': more} if more else {}))}"
            accept = JSON if whole else METADATA_ONLY.format("List")
            page = await self.ask(Request("GET", path, accept=accept, within_s=PAGE_S))
            meta = page.get("metadata") or {}
            if "resourceVersion" not in meta:
                raise errors.ClusterAwayError(f"{api.path(namespace)}: an answer that is no list")
            more = meta.get("continue", "")
            yield page.get("items") or [], meta["resourceVersion"]
            if not more:
                return

    async def list(
        self, api: Api, namespace: str | None, *, labels: str = "", whole: bool = True
    ) -> tuple[list[Object], str]:
        """List a collection; return its objects and the place in history to watch from."""
        found: list[Object] = []
        since = ""
        async for page, at in self.pages(api, namespace, labels=labels, whole=whole):
            found.extend(page)
            since = at
        return found, since

    async def watch(
        self, api: Api, namespace: str | None, since: str, *, labels: str = "", whole: bool = True
    ) -> AsyncIterator[tuple[str, Object]]:
        """Yield (type, object) from a place in history until the server ends the watch; GoneError, ClusterAwayError."""
        query = {"watch": "1", "allowWatchBookmarks": "1", "resourceVersion": since, "timeoutSeconds": str(WATCH_S)}
        path = f"{api.path(namespace)}?{urlencode(query | ({'labelSelector': labels} if labels else {}))}"
        request = Request("GET", path, accept=JSON if whole else METADATA_ONLY.format(""))
        with answers.named(path):
            limits = aiohttp.ClientTimeout(total=None, connect=REQUEST_S, sock_read=self.silence_s)
            response = await self._send(request, limits)
            try:
                if response.status != 200:
                    raise answers.failure(response.status, await response.read(), path, response.headers)
                async for line in response.content:
                    event = orjson.loads(line)
                    if not isinstance(event, dict) or not {"type", "object"} <= event.keys():
                        raise ValueError("no event")
                    if event["type"] == "ERROR":
                        code = int(event["object"].get("code", 500))
                        raise answers.failure(code, json.dumps(event["object"]).encode(), path, {})
                    yield event["type"], event["object"]
            finally:
                response.close()

    async def apply(self, manifest: Object, *, manager: str = names.MANAGER) -> Object:
        """Apply a manifest as our field manager; fields of others stay theirs. Answers with the object's metadata."""
        meta, api = manifest["metadata"], KINDS[manifest["kind"]]
        path = f"{api.path(meta.get('namespace'), meta['name'])}?fieldManager={manager}&force=true&{UNWARNED}"
        answer = await self.ask(Request("PATCH", path, orjson.dumps(manifest), APPLY, METADATA_ONLY.format("")))
        return {**answer, "kind": api.kind}

    async def dry_run(self, manifest: Object) -> Object:
        """Return what an apply would leave behind."""
        meta = manifest["metadata"]
        path = KINDS[manifest["kind"]].path(meta.get("namespace"), meta["name"])
        query = f"fieldManager={names.MANAGER}&force=true&dryRun=All"
        return await self.ask(Request("PATCH", f"{path}?{query}", orjson.dumps(manifest), APPLY))

    async def patch(self, kind: str, name: str, namespace: str | None, body: Object, *, part: str = "") -> Object:
        """Merge into an object, or into its status with `part`; with a resourceVersion in it, ConflictError.

        Answers with the object's metadata: what was written is known.
        """
        path = KINDS[kind].path(namespace, name) + (f"/{part}" if part else "")
        query = f"fieldManager={names.MANAGER}&{UNWARNED}"
        return await self.ask(Request("PATCH", f"{path}?{query}", body, MERGE, METADATA_ONLY.format("")))

    async def create(self, kind: str, namespace: str | None, body: Object) -> Object:
        """Create an object; ConflictError when it is there. Answers with its metadata."""
        return await self.ask(Request("POST", KINDS[kind].path(namespace), body, JSON, METADATA_ONLY.format("")))

    async def replace(self, kind: str, name: str, namespace: str | None, body: Object) -> Object:
        """Replace an object whose resourceVersion is in the body."""
        return await self.ask(Request("PUT", KINDS[kind].path(namespace, name), body))

    async def delete(self, kind: str, name: str, namespace: str | None) -> None:
        """Delete an object and, in the background, what it owns; it may be gone already."""
        options = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
        with contextlib.suppress(errors.NotThereError):
            await self.ask(Request("DELETE", KINDS[kind].path(namespace, name), options))

    async def ask(self, request: Request) -> Object:
        """Send a request when it is its turn and read the object that is answered; ClusterError."""
        async with self.turns.one():
            raw = await self._raw(request)
        return answers.parsed(request.path, raw)

    async def _raw(self, request: Request) -> bytes:
        with answers.named(request.path):
            async with await self._send(request) as response:
                return answers.told(response, await response.read(), request.path)

    async def _send(self, request: Request, limits: aiohttp.ClientTimeout | None = None) -> aiohttp.ClientResponse:
        method, path = request.method, request.path
        if self._closed:
            raise errors.ClusterAwayError(f"{path.partition('?')[0]}: this connection was closed")
        if method != "GET" and LEASES not in path and not Cluster.may_write():
            raise errors.ClusterAwayError(f"{path.partition('?')[0]}: not sent, the lease was not renewed in time")
        REQUESTS.labels(method).inc()
        headers = {"Accept": request.accept, "Content-Type": request.content, "User-Agent": names.MANAGER}
        api = self._api  # one for all of it: another may be adopted meanwhile
        await api.update_params_for_auth(headers, [], ["BearerToken"], path, method, request.body)
        answer = await api.rest_client.request(  # type: ignore[no-untyped-call]
            method,
            api.configuration.host + path,
            headers=headers,
            body=request.body,
            _request_timeout=limits or aiohttp.ClientTimeout(total=request.within_s),
        )
        response: aiohttp.ClientResponse = answer.response
        return response


async def _close_later(api: client.ApiClient) -> None:
    try:
        await asyncio.sleep(WATCH_S + REQUEST_S)  # the longest that anything asked on it may take
    finally:
        await api.close()  # type: ignore[no-untyped-call]
