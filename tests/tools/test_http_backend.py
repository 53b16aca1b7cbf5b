"""Tools behind HTTP, against a real server on loopback."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from typing import Literal
from urllib.parse import unquote, urlsplit

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider

from voiceplane.contract.tool import HttpBackend
from voiceplane.tools.errors import (
    AttemptFailedError,
    AttemptTimedOutError,
    AttemptUnreachableError,
    ResultRefusedError,
    ToolAttemptError,
)
from voiceplane.tools.http_backend import HttpTool, fill_body, fill_url, open_http
from voiceplane.tools.ports import Attempt

HOST = "odd.support.svc"
URL = "http://parcels.svc/parcels/{number}/delivery?day={day}&fixed=1"


class OddServer:
    """Answers in all the ways that a backend should not."""

    def __init__(self) -> None:
        self.seen: list[web.Request] = []
        self.bodies: list[str] = []
        self.sent = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(request)
        self.bodies.append(await request.text())
        kind = request.path.rpartition("/")[2]
        if request.path.startswith("/status/"):
            return web.json_response({"private": "of the caller"}, status=int(kind))
        match kind:
            case "cookie":
                response = web.json_response({"ok": "1"})
                response.set_cookie("session", "of-one-caller")
                return response
            case "redirect":
                raise web.HTTPFound("/echo")
            case "slow":
                await asyncio.sleep(10)
            case "large":
                return await self._stream(request)
            case "html":
                return web.Response(text="{}", content_type="text/html")
            case "gzip":
                body = gzip.compress(b'{"a": "' + b"a" * 50_000_000 + b'"}')
                return web.Response(body=body, headers={"content-encoding": "gzip", "content-type": "application/json"})
            case "latin":
                return web.Response(body=b'{"a": "\xff"}', content_type="application/json")
            case "empty":
                return web.Response(status=204)
            case "cut":
                assert request.transport is not None
                request.transport.close()
        return web.json_response({"path": request.rel_url.raw_path})

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "application/json"})
        await response.prepare(request)
        try:
            while self.sent < 200_000_000:  # would take long: the reader must hang up
                await response.write(b"a" * 65_536)
                self.sent += 65_536
        except (ConnectionError, OSError):
            pass
        return response


@pytest.fixture
async def odd() -> AsyncIterator[tuple[OddServer, HttpTool]]:
    server = OddServer()
    application = web.Application()
    application.router.add_route("*", r"/{tail:[\s\S]*}", server.answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with open_http({HOST: f"127.0.0.1:{runner.addresses[0][1]}"}) as tool:
            yield server, tool
    finally:
        await runner.cleanup()


Method = Literal["GET", "POST"]


def backend(path: str, method: Method = "GET", body: dict[str, str] | None = None) -> HttpBackend:
    return HttpBackend(method=method, url=f"http://{HOST}/{path}", body=body)


def attempt(arguments: dict[str, object] | None = None, timeout_s: float = 5.0) -> Attempt:
    return Attempt(arguments or {}, timeout_s, "key-1", 2048)


async def test_a_request_carries_its_host_key_body_and_trace(odd: tuple[OddServer, HttpTool]) -> None:
    server, tool = odd
    wished = backend("parcels/{number}", "POST", {"day": "{day}", "note": "by {who} {{}}"})
    arguments: dict[str, object] = {"number": "452219", "day": "2026-11-30", "who": '"}, {"admin'}

    with TracerProvider().get_tracer("test").start_as_current_span("tool") as span:
        result = json.loads(await tool.run(wished, attempt(arguments)))

    headers = server.seen[0].headers
    assert result == {"path": "/parcels/452219"}
    assert headers["host"] == HOST and headers["idempotency-key"] == "key-1"
    assert f"{span.get_span_context().trace_id:032x}" in headers["traceparent"]
    assert json.loads(server.bodies[0]) == {"day": "2026-11-30", "note": 'by "}, {"admin {}'}


@pytest.mark.parametrize(
    ("path", "error", "says"),
    [
        ("status/400", AttemptFailedError, "HTTP status 400"),
        ("status/404", AttemptFailedError, "HTTP status 404"),
        ("redirect", AttemptFailedError, "HTTP status 302"),
        ("status/429", AttemptUnreachableError, "HTTP status 429"),
        ("status/500", AttemptUnreachableError, "HTTP status 500"),
        ("status/503", AttemptUnreachableError, "HTTP status 503"),
        ("cut", AttemptUnreachableError, "no connection: RemoteProtocolError"),
        ("slow", AttemptTimedOutError, "no answer in time"),
        ("html", ResultRefusedError, "not JSON by its content type"),
        ("gzip", ResultRefusedError, "compressed"),
        ("latin", ResultRefusedError, "not UTF-8"),
        ("large", ResultRefusedError, "larger than 2048 bytes"),
    ],
)
async def test_a_bad_answer_keeps_its_kind_and_shows_nothing_of_itself(
    odd: tuple[OddServer, HttpTool], path: str, error: type[ToolAttemptError], says: str
) -> None:
    server, tool = odd

    with pytest.raises(error, match=says) as caught:
        await tool.run(backend(path), attempt(timeout_s=0.5 if path == "slow" else 5.0))

    assert "private" not in str(caught.value)
    assert caught.value.repeatable == (error in (AttemptUnreachableError, AttemptTimedOutError))
    assert len(server.seen) == 1
    assert server.sent < 100_000_000  # the reader hung up long before the end


async def test_an_answer_without_content_is_an_empty_object(odd: tuple[OddServer, HttpTool]) -> None:
    assert await odd[1].run(backend("empty"), attempt()) == "{}"


async def test_a_cookie_of_one_call_reaches_no_other(odd: tuple[OddServer, HttpTool]) -> None:
    server, tool = odd

    await tool.run(backend("cookie"), attempt())
    await tool.run(backend("echo"), attempt())

    assert "cookie" not in server.seen[1].headers


async def test_nobody_at_the_address_may_be_asked_again() -> None:
    async with open_http({HOST: "127.0.0.1:1"}) as tool:
        with pytest.raises(AttemptUnreachableError, match="no connection: ConnectError"):
            await tool.run(backend("echo"), attempt())


@pytest.mark.parametrize(
    "value",
    [
        "../admin",
        "%2e%2e",
        "@evil.example",
        "1\r\nHost: evil",
        "a/b",
        "a?b=c",
        "a#b",
        "//evil",
        "\\..\\x",
        ";x",
        "é",
        "..;",
    ],
)
async def test_an_argument_stays_one_piece_of_the_path(odd: tuple[OddServer, HttpTool], value: str) -> None:
    server, tool = odd

    await tool.run(backend("parcels/{number}/end"), attempt({"number": value}))

    raw = server.seen[0].rel_url.raw_path
    assert raw.startswith("/parcels/") and raw.endswith("/end") and raw.count("/") == 3
    assert unquote(server.seen[0].raw_path.removeprefix("/parcels/").removesuffix("/end")) == value
    assert server.seen[0].headers["host"] == HOST


@pytest.mark.parametrize("value", ["..", ".", ""])
async def test_an_argument_that_would_take_a_piece_of_the_path_away_is_not_sent(
    odd: tuple[OddServer, HttpTool], value: str
) -> None:
    server, tool = odd

    with pytest.raises(AttemptFailedError, match="cannot be filled"):
        await tool.run(backend("parcels/{number}/delivery"), attempt({"number": value}))

    assert not server.seen


@given(number=st.text(min_size=1, max_size=30), day=st.text(max_size=30))
def test_no_argument_changes_scheme_host_path_or_query(number: str, day: str) -> None:
    try:
        url = fill_url(URL, {"number": number, "day": day})
    except (ValueError, UnicodeEncodeError):
        assert number in (".", "..") or any("\ud800" <= character <= "\udfff" for character in number + day)
        return

    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc, parts.fragment) == ("http", "parcels.svc", "")
    assert parts.path.split("/")[:2] == ["", "parcels"] and parts.path.split("/")[3:] == ["delivery"]
    assert unquote(parts.path.split("/")[2]) == number
    assert [pair.partition("=")[0] for pair in parts.query.split("&")] == ["day", "fixed"]
    assert unquote(parts.query.split("&")[0].partition("=")[2]) == day


@pytest.mark.parametrize("url", ["http://{host}/x", "http://{user}@parcels.svc/x", "http://parcels.svc:{port}/x"])
def test_an_argument_never_names_the_host(url: str) -> None:
    with pytest.raises(ValueError, match="choose the host"):
        fill_url(url, {"host": "evil", "user": "evil", "port": "1"})


def test_values_that_are_not_text_are_written_as_json_writes_them() -> None:
    assert fill_url("http://a.svc/{count}?gift={gift}", {"count": 3, "gift": True}) == "http://a.svc/3?gift=true"
    assert fill_body({"n": "{count}"}, {"count": 3}) == {"n": "3"}
