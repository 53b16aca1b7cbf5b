"""One API server: get, list, watch, server-side apply, patch, delete. The only place that knows kubernetes.aio.

Every answer that is no success becomes a name of errors.py, every request has a deadline, and so many go at once that
one cluster cannot take all of the operator's time.
"""

import asyncio
import contextlib
import json
import os
import ssl
from collections.abc import AsyncIterator
from typing import Any, ClassVar
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio import client, config
from prometheus_client import Counter

from voiceplane_operator import errors, names
from voiceplane_operator.kinds import KINDS, Api

Object = dict[str, Any]
REQUEST_S = 10.0
CONCURRENT = 32  # requests to one API server at once; its own fairness queues begin to fill beyond
PAGE = 500
WATCH_S = 240  # the server ends a watch then; a longer silence than that of settings is a frozen connection
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
REQUESTS = Counter("voiceplane_api_requests", "Requests to API servers", ["method"])
PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
METADATA_ONLY = "application/json;as=PartialObjectMetadata{};g=meta.k8s.io;v=v1,application/json"


class Cluster:
    """A client of one API server."""

    silence_s: ClassVar[float] = 90.0  # of a watch; bookmarks come about once a minute. From settings, once a process

    def __init__(self, api: client.ApiClient) -> None:
        """Use these credentials."""
        self._api = api
        self._turns = asyncio.Semaphore(CONCURRENT)

    async def close(self) -> None:
        """Close its connections."""
        await self._api.close()  # type: ignore[no-untyped-call]

    async def version(self, *, within_s: float = 5.0) -> str:
        """Return the API server's version; the probe of a region."""
        answer = await self._request("GET", "/version", within_s=within_s)
        return str(answer.get("gitVersion", ""))

    async def get(self, kind: str, name: str, namespace: str | None = None) -> Object:
        """Read one object; NotThereError."""
        return await self._request("GET", KINDS[kind].path(namespace, name))

    async def text(self, path: str, *, within_s: float = 2.0) -> str:
        """Read a path as text, such as a pod's metrics through the API server."""
        return await self._text("GET", path, within_s=within_s)

    async def list(
        self, api: Api, namespace: str | None, *, labels: str = "", whole: bool = True
    ) -> tuple[list[Object], str]:
        """List a collection in pages; return its objects and the place in history to watch from."""
        found: list[Object] = []
        more = ""
        while True:
            query = {"limit": str(PAGE)} | ({"labelSelector": labels} if labels else {})
            page = await self._request(
                "GET",
                f"{api.path(namespace)}?{urlencode(query | ({'continue': more} if more else {}))}",
                accept="application/json" if whole else METADATA_ONLY.format("List"),
                within_s=30.0,
            )
            found.extend(page.get("items") or ())
            more = page["metadata"].get("continue", "")
            if not more:
                return found, page["metadata"]["resourceVersion"]

    async def watch(
        self, api: Api, namespace: str | None, since: str, *, labels: str = "", whole: bool = True
    ) -> AsyncIterator[tuple[str, Object]]:
        """Yield (type, object) from a place in history until the server ends the watch; GoneError, ClusterAwayError."""
        query = {"watch": "1", "allowWatchBookmarks": "1", "resourceVersion": since, "timeoutSeconds": str(WATCH_S)}
        path = f"{api.path(namespace)}?{urlencode(query | ({'labelSelector': labels} if labels else {}))}"
        accept = "application/json" if whole else METADATA_ONLY.format("")
        with _named(path):
            response = await self._send(
                "GET", path, limits=aiohttp.ClientTimeout(total=None, sock_read=self.silence_s), accept=accept
            )
            try:
                if response.status != 200:
                    raise _failure(response.status, await response.read(), path, response.headers)
                async for line in response.content:
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        code = int(event["object"].get("code", 500))
                        raise _failure(code, json.dumps(event["object"]).encode(), path, {})
                    yield event["type"], event["object"]
            finally:
                response.close()

    async def apply(self, manifest: Object) -> Object:
        """Apply a manifest as our field manager; fields of others stay theirs. Answers with as much as a watch does."""
        meta, api = manifest["metadata"], KINDS[manifest["kind"]]
        path = f"{api.path(meta.get('namespace'), meta['name'])}?fieldManager={names.MANAGER}&force=true"
        accept = "application/json" if api.whole else METADATA_ONLY.format("")
        answer = await self._request("PATCH", path, body=manifest, content=APPLY, accept=accept)
        return {**answer, "kind": api.kind}

    async def dry_run(self, manifest: Object) -> Object:
        """Return what an apply would leave behind."""
        meta = manifest["metadata"]
        path = KINDS[manifest["kind"]].path(meta.get("namespace"), meta["name"])
        query = f"fieldManager={names.MANAGER}&force=true&dryRun=All"
        return await self._request("PATCH", f"{path}?{query}", body=manifest, content=APPLY)

    async def patch(self, kind: str, name: str, namespace: str | None, body: Object, *, part: str = "") -> Object:
        """Merge into an object, or into its status with `part`; with a resourceVersion in it, ConflictError."""
        path = KINDS[kind].path(namespace, name) + (f"/{part}" if part else "")
        return await self._request("PATCH", f"{path}?fieldManager={names.MANAGER}", body=body, content=MERGE)

    async def create(self, kind: str, namespace: str | None, body: Object) -> Object:
        """Create an object; ConflictError when it is there."""
        return await self._request("POST", KINDS[kind].path(namespace), body=body)

    async def replace(self, kind: str, name: str, namespace: str | None, body: Object) -> Object:
        """Replace an object whose resourceVersion is in the body."""
        return await self._request("PUT", KINDS[kind].path(namespace, name), body=body)

    async def delete(self, kind: str, name: str, namespace: str | None) -> None:
        """Delete an object and, in the background, what it owns; it may be gone already."""
        with contextlib.suppress(errors.NotThereError):
            await self._request(
                "DELETE",
                KINDS[kind].path(namespace, name),
                body={"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"},
            )

    async def _request(
        self,
        method: str,
        path: str,
        *,
        body: Object | None = None,
        content: str = "application/json",
        accept: str = "application/json",
        within_s: float = REQUEST_S,
    ) -> Object:
        answer: Object = json.loads(
            await self._text(method, path, body=body, content=content, accept=accept, within_s=within_s)
        )
        return answer

    async def _text(
        self,
        method: str,
        path: str,
        *,
        body: Object | None = None,
        content: str = "application/json",
        accept: str = "application/json",
        within_s: float = REQUEST_S,
    ) -> str:
        async with self._turns:
            with _named(path):
                response = await self._send(
                    method,
                    path,
                    limits=aiohttp.ClientTimeout(total=within_s),
                    accept=accept,
                    body=body,
                    content=content,
                )
                async with response:
                    raw = await response.read()
            if response.status >= 300:
                raise _failure(response.status, raw, path, response.headers)
            return raw.decode()

    async def _send(
        self,
        method: str,
        path: str,
        *,
        limits: aiohttp.ClientTimeout,
        accept: str = "application/json",
        body: Object | None = None,
        content: str = "application/json",
    ) -> aiohttp.ClientResponse:
        REQUESTS.labels(method).inc()
        headers = {"Accept": accept, "Content-Type": content, "User-Agent": names.MANAGER}
        await self._api.update_params_for_auth(headers, [], ["BearerToken"], path, method, body)
        answer = await self._api.rest_client.request(  # type: ignore[no-untyped-call]
            method, self._api.configuration.host + path, headers=headers, body=body, _request_timeout=limits
        )
        response: aiohttp.ClientResponse = answer.response
        return response


@contextlib.contextmanager
def _named(path: str) -> Any:
    """Give what the network does a name that tells the path without its query."""
    where = path.partition("?")[0]
    try:
        yield
    except TimeoutError as error:
        raise errors.ClusterAwayError(f"{where}: no answer in time") from error
    except (aiohttp.ClientError, ssl.SSLError, OSError) as error:
        raise errors.ClusterAwayError(f"{where}: {type(error).__name__}: {error}") from error
    except ValueError as error:  # a body that is not JSON: a proxy's, not an API server's
        raise errors.ClusterAwayError(f"{where}: an answer that is not an API server's") from error


def _failure(status: int, raw: bytes, path: str, headers: Any) -> errors.ClusterError:
    try:
        said = json.loads(raw).get("message", "")
    except (ValueError, AttributeError):
        said = raw[:200].decode(errors="replace")
    told = f"{path.partition('?')[0]}: {status}: {str(said)[:1000]}"
    if status == 429:
        after = str(headers.get("Retry-After", "1"))
        return errors.BusyError(told, after_s=float(after) if after.isdecimal() else 1.0)
    named: dict[int, type[errors.ClusterError]] = {
        401: errors.AccessDeniedError,
        403: errors.AccessDeniedError,
        404: errors.NotThereError,
        409: errors.ConflictError,
        410: errors.GoneError,
    }
    if status in named:
        return named[status](told)
    return errors.ClusterAwayError(told) if status >= 500 else errors.RejectedError(told)


async def from_kubeconfig(content: Object) -> Cluster:
    """Open a client by a kubeconfig's content; AccessDeniedError when it is not usable."""
    settings = _settings()
    try:
        await config.load_kube_config_from_dict(  # type: ignore[no-untyped-call]
            content, client_configuration=settings
        )
        return Cluster(client.ApiClient(settings))
    except (config.ConfigException, ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise errors.AccessDeniedError(f"the kubeconfig cannot be used: {error}") from error


async def from_file(path: str) -> Cluster:
    """Open a client by a kubeconfig file."""
    settings = _settings()
    await config.load_kube_config(  # type: ignore[no-untyped-call]
        config_file=path, client_configuration=settings, persist_config=False
    )
    return Cluster(client.ApiClient(settings))


def from_service_account() -> Cluster:
    """Open a client as the pod that this process runs in; its token is read anew before it expires."""
    settings = _settings()
    config.load_incluster_config(  # type: ignore[no-untyped-call]
        client_configuration=settings
    )
    return Cluster(client.ApiClient(settings))


def _settings() -> client.Configuration:
    settings = client.Configuration()
    settings.connection_pool_maxsize = 2 * CONCURRENT  # watches stay open beside the requests
    settings.retries = None
    # Reading the environment's proxies and .netrc takes a thread and several files for each request: a quarter of all
    # the operator's time. Credentials never come from .netrc; proxies are looked for only where there are any.
    settings.client_session_kwargs = {"trust_env": any(os.environ.get(name) for name in PROXIES)}
    return settings
