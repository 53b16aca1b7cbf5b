"""Work that nobody waits for: a network and a recognition stop on their way, one that waits never starts."""

import asyncio
import importlib
import time
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import onnxruntime
import pytest
import pytest_asyncio
import tritonclient.grpc.aio as triton

from voiceplane.runtime import models
from voiceplane.speech.client import TritonSpeech

wanted = importlib.import_module("voiceplane.speech.inside_triton.wanted")  # untyped: it runs inside Triton
DECODES = 48  # fit into the queue of asr; 12 of them run at once
RUNNING = 12
LEFT = 8


class Sender:
    """A request's sender that is cancelled when told."""

    def __init__(self) -> None:
        self.cancelled = False
        self.asked = 0

    def is_cancelled(self) -> bool:
        self.asked += 1
        return self.cancelled


def until(reached: Any) -> None:
    deadline = time.monotonic() + 10
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_network_whose_request_was_cancelled_computes_no_further() -> None:
    session = onnxruntime.InferenceSession(
        str(models.model("silero-vad").file(".onnx")), providers=["CPUExecutionProvider"]
    )
    inputs = {
        "input": np.zeros((1, 576), np.float32),
        "state": np.zeros((2, 1, 128), np.float32),
        "sr": np.array(16000, np.int64),
    }
    asking, sender = wanted.Wanted(), Sender()
    try:
        with asking.while_wanted(sender) as run:
            session.run(None, inputs, run)
            sender.cancelled = True
            until(lambda: run.terminate)
            with pytest.raises(Exception, match="terminate flag"):
                session.run(None, inputs, run)
    finally:
        asking.close()


def test_only_the_phrases_in_work_are_asked_about_and_only_the_cancelled_one_stops() -> None:
    asking, kept, left = wanted.Wanted(), Sender(), Sender()
    try:
        with asking.while_wanted(kept) as kept_run:
            with asking.while_wanted(left) as left_run:
                left.cancelled = True
                until(lambda: left_run.terminate)
            asked = left.asked
            before = kept.asked
            until(lambda: kept.asked > before + 2)
            assert (left.asked, kept_run.terminate) == (asked, False)
    finally:
        asking.close()


@pytest_asyncio.fixture(loop_scope="session")
async def server(endpoint: str) -> AsyncIterator[triton.InferenceServerClient]:
    client = triton.InferenceServerClient(endpoint)
    yield client
    await client.close()


async def counts(server: triton.InferenceServerClient) -> tuple[int, int]:
    """Return how many recognitions were carried out and how many were not."""
    statistics = (await server.get_inference_statistics("asr")).model_stats[0].inference_stats
    return int(statistics.success.count), int(statistics.fail.count)


async def ended(server: triton.InferenceServerClient, done: int, dropped: int, asked: int) -> tuple[int, int]:
    """Wait until all that were asked have ended; return how many were carried out and how many were not."""
    carried_out, refused = 0, 0
    for _ in range(300):
        now = await counts(server)
        carried_out, refused = now[0] - done, now[1] - dropped
        if carried_out + refused == asked:
            break
        await asyncio.sleep(0.1)
    return carried_out, refused


@pytest.mark.asyncio(loop_scope="session")
async def test_recognitions_that_are_left_while_they_run_all_end_and_the_next_is_carried_out(
    speech: TritonSpeech, server: triton.InferenceServerClient
) -> None:
    noise = np.random.default_rng(1).normal(0, 3000, 16_000 * 25).astype("<i2").tobytes()
    done, dropped = await counts(server)
    for _ in range(LEFT):
        running = asyncio.create_task(speech.recognize(noise))
        await asyncio.sleep(0.1)  # nothing is in the queue: it has begun
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    carried_out, refused = await ended(server, done, dropped, LEFT)
    assert carried_out + refused == LEFT
    assert (await speech.recognize(noise)).timing.compute_ms > 0


@pytest.mark.asyncio(loop_scope="session")
async def test_a_recognition_that_was_cancelled_while_it_waited_never_starts(
    speech: TritonSpeech, server: triton.InferenceServerClient
) -> None:
    noise = np.random.default_rng(1).normal(0, 3000, 16_000 * 8).astype("<i2").tobytes()
    done, dropped = await counts(server)
    asking = [asyncio.create_task(speech.recognize(noise)) for _ in range(DECODES)]
    await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
    for each in asking:
        each.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    carried_out, refused = await ended(server, done, dropped, DECODES)
    assert carried_out + refused == DECODES
    assert carried_out <= 2 * RUNNING  # those that ran, and those that took their places before the word came
