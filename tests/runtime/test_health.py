"""Probes over real HTTP."""

import asyncio
import time
import urllib.error
import urllib.request

import pytest

from voiceplane.runtime import health


def _get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


async def test_probes_and_metrics_answer() -> None:
    ready = False
    with health.serve(0, ready=lambda: ready) as port:
        assert (await asyncio.to_thread(_get, port, "/healthz"))[0] == 200
        assert (await asyncio.to_thread(_get, port, "/readyz"))[0] == 503
        ready = True
        assert (await asyncio.to_thread(_get, port, "/readyz"))[0] == 200
        status, body = await asyncio.to_thread(_get, port, "/metrics")
        assert status == 200 and "python_info" in body
        assert (await asyncio.to_thread(_get, port, "/etc/passwd"))[0] == 404


async def test_what_is_lacking_is_read_from_readyz_while_the_process_is_alive() -> None:
    lacking: str | None = "speech at 127.0.0.1:8001 does not answer"
    with health.serve(0, ready=lambda: True, why_not=lambda: lacking) as port:
        assert await asyncio.to_thread(_get, port, "/readyz") == (503, f"{lacking}\n")
        assert (await asyncio.to_thread(_get, port, "/healthz"))[0] == 200
        lacking = None
        assert (await asyncio.to_thread(_get, port, "/readyz"))[0] == 200


async def test_what_is_wrong_beside_is_read_from_readyz_of_a_process_that_is_ready() -> None:
    wrong: str | None = "our certificate has expired"
    with health.serve(0, ready=lambda: True, beside=lambda: wrong) as port:
        assert await asyncio.to_thread(_get, port, "/readyz") == (200, f"ok; {wrong}\n")
        assert await asyncio.to_thread(_get, port, "/healthz") == (200, "ok\n")
        wrong = None
        assert await asyncio.to_thread(_get, port, "/readyz") == (200, "ok\n")


async def test_a_process_whose_event_loop_hangs_is_not_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "LOOP_ANSWER_S", 0.2)
    with health.serve(0, ready=lambda: True) as port:
        asked = asyncio.to_thread(_get, port, "/healthz")
        task = asyncio.ensure_future(asked)
        await asyncio.sleep(0)
        time.sleep(1.5)  # noqa: ASYNC251 - the hang under test
        assert (await task)[0] == 503
