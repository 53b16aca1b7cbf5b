"""A tool behind HTTP. No argument can change host or path: values are percent-encoded whole, redirects not followed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from voiceplane.contract.agent import HttpBackend
from voiceplane.runtime import telemetry
from voiceplane.tools.errors import (
    AttemptFailedError,
    AttemptTimedOutError,
    AttemptUnreachableError,
    ResultRefusedError,
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt: the arguments, its time in seconds, its key, and how much may come back."""

    arguments: Mapping[str, Any]
    timeout_s: float
    idempotency_key: str
    max_result_bytes: int


class HttpTool:
    """Calls HTTP backends; `aliases` maps host names to host:port, for laptops without cluster DNS."""

    def __init__(self, client: httpx.AsyncClient, aliases: Mapping[str, str]) -> None:
        """Share one client, and so its connections, among all calls."""
        self._client = client
        self._aliases = aliases

    async def run(self, backend: HttpBackend, attempt: Attempt) -> str:
        """Return the body of a 2xx answer; ToolAttemptError otherwise."""
        encoded = {name: quote(str(value), safe="") for name, value in attempt.arguments.items()}
        if "{" in backend.url.split("/")[2] or any(value in (".", "..") for value in encoded.values()):
            raise AttemptFailedError("an argument would change where the request goes")
        try:
            url = httpx.URL(backend.url.format_map(encoded))
            body = {k: v.format_map(attempt.arguments) for k, v in backend.body.items()} if backend.body else None
        except (KeyError, IndexError, ValueError, httpx.InvalidURL) as error:
            raise AttemptFailedError("the tool's url cannot be filled") from error
        headers = {"accept": "application/json", "idempotency-key": attempt.idempotency_key}
        headers |= telemetry.inject_headers()
        alias = self._aliases.get(url.host)
        if alias is not None:
            headers["host"] = url.host
            host, _, port = alias.partition(":")
            url = url.copy_with(host=host, port=int(port) if port else None)
        request = self._client.build_request(backend.method, url, json=body, headers=headers, timeout=attempt.timeout_s)
        return await self._send(request, attempt.max_result_bytes)

    async def _send(self, request: httpx.Request, max_bytes: int) -> str:
        try:
            response = await self._client.send(request, stream=True, follow_redirects=False)
            try:
                if response.status_code == 429 or response.status_code >= 500:
                    raise AttemptUnreachableError(f"HTTP status {response.status_code}")
                if not response.is_success:
                    raise AttemptFailedError(f"HTTP status {response.status_code}")
                content = bytearray()
                async for chunk in response.aiter_bytes():
                    content += chunk
                    if len(content) > max_bytes:
                        raise ResultRefusedError(f"the result is larger than {max_bytes} bytes")
            finally:
                await response.aclose()
        except httpx.TimeoutException as error:
            raise AttemptTimedOutError("no answer in time") from error
        except httpx.HTTPError as error:
            raise AttemptUnreachableError(f"no connection: {type(error).__name__}") from error
        return content.decode("utf-8", "replace")
