"""A tool behind HTTP. No argument can change host or path: values are percent-encoded whole, redirects not followed."""

import contextlib
import functools
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any
from urllib.parse import quote

import httpx

from voiceplane.contract.agent import placeholders
from voiceplane.contract.tool import HttpBackend
from voiceplane.runtime import telemetry
from voiceplane.tools.errors import (
    AttemptFailedError,
    AttemptTimedOutError,
    AttemptUnreachableError,
    ResultRefusedError,
)
from voiceplane.tools.ports import Attempt

# One tool call holds one connection; more than this waits for a free one, within the tool's own timeout.
LIMITS = httpx.Limits(max_connections=200, max_keepalive_connections=50, keepalive_expiry=30.0)


@contextlib.asynccontextmanager
async def open_http(aliases: Mapping[str, str]) -> AsyncIterator["HttpTool"]:
    """Share one client, and so its connections, among all calls; nothing of one call's answers reaches another."""
    no_cookies = CookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))
    async with httpx.AsyncClient(limits=LIMITS, cookies=no_cookies, verify=trust(), trust_env=False) as client:
        yield HttpTool(client, aliases)


@functools.cache
def trust() -> ssl.SSLContext:
    """Return the system's certificate authorities, or those of SSL_CERT_FILE; loading them takes tens of ms, once."""
    return ssl.create_default_context()


class HttpTool:
    """Calls HTTP backends; `aliases` maps host names to host:port, for laptops without cluster DNS."""

    def __init__(self, client: httpx.AsyncClient, aliases: Mapping[str, str]) -> None:
        """Use this client."""
        self._client = client
        self._aliases = aliases

    async def run(self, backend: HttpBackend, attempt: Attempt) -> str:
        """Return the body of a 2xx answer; ToolAttemptError otherwise."""
        try:
            target = httpx.URL(fill_url(backend.url, attempt.arguments))
            body = fill_body(backend.body, attempt.arguments) if backend.body is not None else None
        except (KeyError, ValueError, httpx.InvalidURL) as error:
            raise AttemptFailedError("the tool's url or body cannot be filled") from error
        headers = {
            "accept": "application/json",
            "accept-encoding": "identity",  # a compressed answer could outgrow its limit in one chunk
            "idempotency-key": attempt.idempotency_key,
            "host": target.netloc.decode("ascii"),
        }
        extensions = {"sni_hostname": target.host} if target.scheme == "https" else {}
        request = self._client.build_request(
            backend.method,
            aliased(target, self._aliases),
            json=body,
            headers=headers | telemetry.inject_headers(),
            timeout=attempt.timeout_s,
            extensions=extensions,
        )
        return await self._send(request, attempt.max_result_bytes)

    async def _send(self, request: httpx.Request, max_bytes: int) -> str:
        try:
            response = await self._client.send(request, stream=True, follow_redirects=False)
            try:
                _check_head(response)
                content = bytearray()
                async for chunk in response.aiter_raw():
                    content += chunk
                    if len(content) > max_bytes:
                        raise ResultRefusedError(f"the result is larger than {max_bytes} bytes")
                if content and not _is_json(response.headers.get("content-type", "")):
                    raise ResultRefusedError("the result is not JSON by its content type")
            finally:
                await response.aclose()
        except httpx.TimeoutException as error:
            raise AttemptTimedOutError("no answer in time") from error
        except httpx.HTTPError as error:
            raise AttemptUnreachableError(f"no connection: {type(error).__name__}") from error
        try:
            return content.decode() or "{}"  # RFC 9110 15.3.5: 204 says yes without content
        except UnicodeDecodeError as error:
            raise ResultRefusedError("the result is not UTF-8 (RFC 8259 section 8.1)") from error


def _check_head(response: httpx.Response) -> None:
    if response.status_code == 429 or response.status_code >= 500:
        raise AttemptUnreachableError(f"HTTP status {response.status_code}")
    if not response.is_success:
        raise AttemptFailedError(f"HTTP status {response.status_code}")
    if response.headers.get("content-encoding", "identity") != "identity":
        raise ResultRefusedError("the result is compressed although it was not asked to be")


def _is_json(content_type: str) -> bool:
    media = content_type.partition(";")[0].strip().lower()
    return media == "application/json" or (media.startswith("application/") and media.endswith("+json"))


def fill_url(template: str, arguments: Mapping[str, Any]) -> str:
    """Put percent-encoded arguments into a URL; ValueError when one would change which host or path it names."""
    scheme, _, rest = template.partition("://")
    authority, slash, target = rest.partition("/")
    if placeholders(authority):
        raise ValueError("a name in braces before the path would choose the host")
    path, question, query = target.partition("?")
    segments = [_fill_segment(segment, arguments) for segment in path.split("/")]
    encoded = {name: quote(as_text(value), safe="") for name, value in arguments.items()}
    return f"{scheme}://{authority}{slash}{'/'.join(segments)}{question}{query.format_map(encoded)}"


def _fill_segment(template: str, arguments: Mapping[str, Any]) -> str:
    names = placeholders(template)
    encoded = {name: quote(as_text(arguments[name]), safe="") for name in names}
    filled = template.format_map(encoded)
    # RFC 3986 5.2.4: dot segments would be taken away together with their parent.
    if names and (filled in ("", ".", "..") or not all(encoded.values())):
        raise ValueError("an argument would change the path")
    return filled


def fill_body(template: Mapping[str, str], arguments: Mapping[str, Any]) -> dict[str, str]:
    """Put arguments into the values of a JSON body."""
    texts = {name: as_text(value) for name, value in arguments.items()}
    return {key: value.format_map(texts) for key, value in template.items()}


def as_text(value: Any) -> str:
    """Write an argument as text: strings as they are, others as JSON writes them."""
    return value if isinstance(value, str) else json.dumps(value)


def aliased(target: httpx.URL, aliases: Mapping[str, str]) -> httpx.URL:
    """Return where to connect for a URL; the Host header keeps the name that was written."""
    alias = aliases.get(target.host)
    if alias is None:
        return target
    host, _, port = alias.rpartition(":")
    return target.copy_with(host=host, port=int(port))
