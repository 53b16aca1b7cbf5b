"""One OpenAI-compatible endpoint over HTTP: a request in, pieces as they come, with deadlines. Used by model.py.

EndpointError
├── EndpointAwayError      no connection, or it broke
├── EndpointSlowError      no first word, or no end, in time
├── EndpointRefusedError   an HTTP status that is not 200; carries it
└── EndpointNonsenseError  what came is no reply
"""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from voiceplane.contract.agent import ModelPlanner
from voiceplane.planner.chat import ChatStream, NonsenseError, Piece

CREDENTIALS = "VOICEPLANE_CREDENTIALS"  # a folder with one folder for each Secret, as Kubernetes mounts them
CREDENTIALS_DEFAULT = Path("/var/run/voiceplane/credentials")
CREDENTIAL_KEY = "api-key"
STALL_S = 2.0  # longest silence between two tokens
CONNECTIONS = 64  # of a replica: twice its requests at once, as a cancelled one may still be closing
MAX_RETRY_AFTER_S = 60.0  # an endpoint may ask for more: it is tried again all the same
CLOSE_S = 1.0  # what closing a connection may take


class EndpointError(Exception):
    """The endpoint gave no reply that can be used; `kind` is a bounded word for traces."""

    kind = "failed"


class EndpointAwayError(EndpointError):
    """No connection could be had, or it broke."""

    kind = "away"


class EndpointSlowError(EndpointError):
    """A deadline passed."""

    kind = "slow"


class EndpointRefusedError(EndpointError):
    """The endpoint answered with another status than 200."""

    kind = "refused"

    def __init__(self, status: int, retry_after_s: float = 0.0) -> None:
        """Keep the status, and for how long the endpoint wants to be left alone; the body may quote the prompt."""
        super().__init__(f"HTTP status {status}")
        self.status, self.retry_after_s = status, retry_after_s


class EndpointNonsenseError(EndpointError):
    """What came cannot be understood or must not be said."""

    kind = "nonsense"


@dataclass(slots=True)
class Deadlines:
    """Moments in loop seconds. Whoever speaks the words says so by `spoken`: from then on only stalls count."""

    first: float  # the first piece
    words: float  # the first phrase, or the end of a reply without one
    whole: float  # the end of the reply
    spoken: bool = False

    def following(self, now: float) -> float:
        """Return when the next piece is due."""
        return min(self.whole, now + STALL_S, self.whole if self.spoken else self.words)


class Endpoint:
    """The endpoint of one agent. Made where its event loop runs; connections are kept between requests."""

    def __init__(self, settings: ModelPlanner) -> None:
        """Prepare; nothing is sent yet."""
        self._settings = settings
        parts = urlsplit(settings.endpoint)
        self.host, self.port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        self._url = settings.endpoint.rstrip("/") + "/chat/completions"
        limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=8)
        # As it is on the wire: what a few compressed bytes become has no bound.
        plain = {"Accept-Encoding": "identity"}
        self._client = httpx.AsyncClient(
            headers=plain, timeout=None, limits=limits, trust_env=False, follow_redirects=False
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def chat(
        self, messages: list[dict[str, Any]], tools: list[dict[str, Any]], deadlines: Deadlines
    ) -> AsyncGenerator[Piece, None]:
        """Yield the reply as it comes, End last; EndpointError. Closing the generator closes the connection."""
        response = await self._open(self._body(messages, tools), deadlines)
        try:
            if response.status_code != 200:
                raise EndpointRefusedError(response.status_code, _retry_after(response))
            stream, chunks = ChatStream(), response.aiter_raw()
            until, loop = deadlines.first, asyncio.get_running_loop()
            while not stream.done:
                before = stream.pieces
                for piece in stream.read(await _next(chunks, until)):
                    yield piece
                if stream.pieces > before:
                    until = deadlines.following(loop.time())
        except NonsenseError as error:
            raise EndpointNonsenseError(str(error)) from error
        finally:
            await _close(response)

    def _body(self, messages: list[dict[str, Any]], tools: list[dict[str, Any]]) -> dict[str, Any]:
        settings = self._settings
        body: dict[str, Any] = {
            "model": settings.name,
            "messages": messages,
            "max_tokens": settings.max_tokens,
            "temperature": settings.temperature,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        return body | ({"tools": tools, "tool_choice": "auto"} if tools else {})

    async def _open(self, body: dict[str, Any], deadlines: Deadlines) -> httpx.Response:
        request = self._client.build_request("POST", self._url, json=body, headers=self._headers())
        try:
            async with asyncio.timeout_at(deadlines.first):
                return await self._client.send(request, stream=True)
        except TimeoutError as error:
            raise EndpointSlowError("no answer before the first word was due") from error
        except (httpx.HTTPError, OSError) as error:
            raise EndpointAwayError(type(error).__name__) from error

    def _headers(self) -> dict[str, str]:
        reference = self._settings.credential_ref
        if reference is None:
            return {}
        path = Path(os.environ.get(CREDENTIALS) or CREDENTIALS_DEFAULT) / reference.name / CREDENTIAL_KEY
        try:  # read anew each time: a Secret is rotated in place, and its file lies in memory
            return {"Authorization": f"Bearer {path.read_text().strip()}"}
        except OSError as error:
            raise EndpointAwayError(f"the credential {reference.name} is not mounted at {path}") from error


def _retry_after(response: httpx.Response) -> float:
    """Return the seconds of a Retry-After header (RFC 9110, 10.2.3); 0 for none, and for a date, which is rare."""
    written = response.headers.get("retry-after", "").strip()
    seconds = int(written) if len(written) < 7 and written.isascii() and written.isdecimal() else 0
    return min(float(seconds), MAX_RETRY_AFTER_S)


async def _next(chunks: AsyncIterator[bytes], until: float) -> bytes | None:
    """Return the next bytes, None at the end."""
    try:
        async with asyncio.timeout_at(until):
            return await anext(chunks, None)
    except TimeoutError as error:
        raise EndpointSlowError("the next word did not come in time") from error
    except (httpx.HTTPError, OSError) as error:
        raise EndpointAwayError(type(error).__name__) from error


async def _close(response: httpx.Response) -> None:
    """Close the connection of an unfinished reply: this is what stops the generation at the far side."""
    try:
        async with asyncio.timeout(CLOSE_S):
            await response.aclose()
    except (TimeoutError, httpx.HTTPError, OSError):
        return  # it is gone either way
