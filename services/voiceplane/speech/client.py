"""Ask Triton: the only place that knows tritonclient. Several endpoints: the next one is asked when one is away."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self

import grpc
import numpy as np
import tritonclient.grpc.aio as triton
from opentelemetry.trace import Span, SpanKind, use_span
from tritonclient.utils import InferenceServerException

from voiceplane.contract.audio import BYTES_PER_SAMPLE, Pcm, WordTime
from voiceplane.runtime import telemetry
from voiceplane.runtime.clock import Clock, SystemClock
from voiceplane.runtime.metrics import OPERATION
from voiceplane.speech.errors import (
    SpeechError,
    SpeechOverloadedError,
    SpeechRefusedError,
    SpeechTimedOutError,
    SpeechUnavailableError,
)
from voiceplane.speech.health import MODELS, OPTIONAL, ServerState, Wanted
from voiceplane.speech.look import look_at
from voiceplane.speech.ports import InferenceTiming, RecognizedWord, SpeechChunk, Transcript, TurnVerdict

_AWAY = ("UNAVAILABLE", "not healthy", "unknown model", "no available versions", "not ready", "shutting down")
_FULL = ("exceeds maximum queue size", "request timeout expired", "tts is full")  # Triton's queues, and our own of tts
_SPANS = telemetry.tracer("voiceplane.speech")


@dataclass(frozen=True, slots=True)
class SpeechDeadlines:
    """How long one request may take, in seconds."""

    recognize_s: float = 5.0
    again_s: float = 1.5  # the turn is over then, whatever the second ear hears
    judge_s: float = 1.0
    first_chunk_s: float = 5.0
    next_chunk_s: float = 5.0


class TritonSpeech:
    """Recognizer, TurnJudge and Synthesizer by one or more Triton servers."""

    def __init__(
        self,
        endpoints: tuple[str, ...],
        deadlines: SpeechDeadlines | None = None,
        *,
        wanted: Wanted | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Ask the first endpoint; the others when it is away, or serves other models than the `wanted` ones."""
        if not endpoints:
            raise ValueError("name at least one speech endpoint, such as 127.0.0.1:8001")
        self._endpoints = endpoints
        self._deadlines = deadlines or SpeechDeadlines()
        self._wanted: Wanted = wanted or {}
        self._clock = clock or SystemClock()
        self._wrong: set[tuple[str, str]] = set()  # endpoint and model
        self._clients: dict[str, triton.InferenceServerClient] = {}

    async def __aenter__(self) -> Self:
        """Open the channels; they connect when used."""
        options = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 1000)]
        self._clients = {e: triton.InferenceServerClient(e, channel_args=options) for e in self._endpoints}
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the channels."""
        for client in self._clients.values():
            await client.close()

    async def look(self) -> tuple[ServerState, ...]:
        """Ask each server at once what it serves, and why not."""
        clients = self._clients.items()
        servers = await asyncio.gather(*(look_at(client, endpoint, self._wanted) for endpoint, client in clients))
        self._wrong = {(server.endpoint, model.name) for server in servers for model in server.models if model.other}
        return tuple(servers)

    def _right(self, model: str) -> list[str]:
        """Return the endpoints that serve, as far as the last look knows, no other model than the wanted one."""
        return [endpoint for endpoint in self._endpoints if (endpoint, model) not in self._wrong]

    async def health(self) -> dict[str, bool]:
        """Say for each model whether some endpoint serves it."""
        servers = await self.look()
        return {model: any(server.model(model).ready for server in servers) for model in (*MODELS, *OPTIONAL)}

    async def recognize(self, audio: bytes, *, hints: str = "", partial: bool = False) -> Transcript:
        """Recognize 16 kHz s16le audio; partials wait behind turns that may be over."""
        return await self._recognize("asr", audio, hints, self._deadlines.recognize_s, _PARTIAL if partial else _TURN)

    async def recognize_again(self, audio: bytes, *, hints: str = "") -> Transcript:
        """Recognize 16 kHz s16le audio by the larger model, for words that the first one left in doubt."""
        return await self._recognize("asr_second", audio, hints, self._deadlines.again_s, _Order())

    async def _recognize(self, model: str, audio: bytes, hints: str, deadline_s: float, order: "_Order") -> Transcript:
        inputs = [_samples(audio)]
        if hints:
            inputs.append(_text("HINTS", hints))
        with _SPANS.start_as_current_span("speech_to_text", kind=SpanKind.CLIENT) as span:
            span.set_attributes({"voice.audio.ms": len(audio) / 32, "voice.recognizer": model})
            result, timing = await self._infer(model, inputs, deadline_s, span, order=order)
            answer = json.loads(result.as_numpy("RESULT").reshape(-1)[0])
            words = tuple(RecognizedWord(*word) for word in answer["words"])
            span.set_attribute("pii.transcript", answer["text"])
            found = Transcript(answer["text"], words, timing, answer["logprob"])
            return replace(found, wish=answer.get("wish", ""))

    async def end_probability(self, audio: bytes) -> TurnVerdict:
        """Judge a pause."""
        with _SPANS.start_as_current_span("eou_detection", kind=SpanKind.CLIENT) as span:
            result, timing = await self._infer("turn", [_samples(audio)], self._deadlines.judge_s, span)
            probability = float(result.as_numpy("PROBABILITY").reshape(-1)[0])
            span.set_attribute("voice.eou.probability", probability)
            return TurnVerdict(probability, timing)

    async def synthesize(
        self, text: str, voice: str, *, sample_rate: int, speed: float = 1.0
    ) -> AsyncGenerator[SpeechChunk, None]:
        """Yield speech phrase by phrase; closing the iterator cancels the request in the server."""
        span = _SPANS.start_span("text_to_speech", kind=SpanKind.CLIENT)
        span.set_attributes({"gen_ai.operation.name": "text_to_speech", "gen_ai.speech.voice": voice})
        span.set_attribute("voice.characters", len(text))
        headers = _headers(span)
        inputs = [
            _text("TEXT", text),
            _text("VOICE", voice),
            _numbers("SAMPLE_RATE", [sample_rate], np.int32, "INT32"),
            _numbers("SPEED", [speed], np.float32, "FP32"),
        ]
        try:
            failure: SpeechError = SpeechUnavailableError("no speech endpoint")
            for endpoint in self._right("tts"):
                started = False
                try:
                    async with aclosing(self._stream(endpoint, inputs, headers, sample_rate, span)) as chunks:
                        async for chunk in chunks:
                            started = True
                            yield chunk
                    return
                except (SpeechUnavailableError, SpeechTimedOutError) as error:
                    if started:
                        raise
                    failure = error
            raise failure
        except SpeechError as error:
            span.set_attribute("error.type", type(error).__name__)
            raise
        finally:
            span.end()

    async def _stream(
        self, endpoint: str, inputs: list[Any], headers: dict[str, str], sample_rate: int, span: Span
    ) -> AsyncGenerator[SpeechChunk, None]:
        async def requests() -> AsyncIterator[dict[str, Any]]:
            yield {"model_name": "tts", "inputs": inputs, "enable_empty_final_response": True}

        began = self._clock.monotonic()
        responses = self._clients[endpoint].stream_infer(requests(), headers=headers)
        wait_s = self._deadlines.first_chunk_s
        try:
            while True:
                try:
                    async with asyncio.timeout(wait_s):
                        result, error = await anext(responses)
                except StopAsyncIteration:
                    return
                if error is not None:
                    raise error
                audio = result.as_numpy("AUDIO")
                if audio is not None:
                    timing = _timing(result, self._clock.monotonic() - began)
                    if wait_s == self._deadlines.first_chunk_s:
                        span.set_attribute("voice.first_chunk_ms", round(timing.total_ms, 1))
                        _tell(span, timing)
                    wait_s = self._deadlines.next_chunk_s
                    words = json.loads(result.as_numpy("WORDS").reshape(-1)[0])
                    pcm = Pcm(audio.reshape(-1).astype("<i2").tobytes(), sample_rate)
                    yield SpeechChunk(pcm, tuple(WordTime(*word) for word in words), timing)
                if result.get_response().parameters["triton_final_response"].bool_param:
                    return
        except (InferenceServerException, grpc.aio.AioRpcError, TimeoutError) as error:
            raise _translated(error, "tts") from error
        finally:
            responses.cancel()

    async def _infer(
        self, model: str, inputs: list[Any], deadline_s: float, span: Span, *, order: "_Order | None" = None
    ) -> tuple[Any, InferenceTiming]:
        headers = _headers(span)
        failure: SpeechError = SpeechUnavailableError("no speech endpoint")
        order = order or _Order()
        for client in (self._clients[endpoint] for endpoint in self._right(model)):
            began = self._clock.monotonic()
            try:
                async with asyncio.timeout(deadline_s):
                    result = await client.infer(
                        model,
                        inputs,
                        headers=headers,
                        client_timeout=deadline_s,
                        priority=order.priority,
                        parameters={"partial": True} if order.partial else None,
                    )
            except (InferenceServerException, grpc.aio.AioRpcError, TimeoutError) as error:
                failure = _translated(error, model)
                if isinstance(failure, SpeechRefusedError):
                    break
                continue
            timing = _timing(result, self._clock.monotonic() - began)
            _tell(span, timing)
            OPERATION.labels(model).observe(timing.total_ms / 1000)
            return result, timing
        span.set_attribute("error.type", type(failure).__name__)
        raise failure


@dataclass(frozen=True, slots=True)
class _Order:
    """Where a request stands in the model's queue (1 first, 0: there are no levels), and whether it may be rough."""

    priority: int = 0
    partial: bool = False


_TURN, _PARTIAL = _Order(1), _Order(2, partial=True)


def _translated(error: Exception, model: str) -> SpeechError:
    if isinstance(error, TimeoutError):
        return SpeechTimedOutError(f"{model} did not answer in time")
    text = str(error)
    if "DEADLINE_EXCEEDED" in text:
        return SpeechTimedOutError(f"{model} did not answer in time")
    if any(mark in text.lower() for mark in _FULL):
        return SpeechOverloadedError(f"{model} has too much to do")
    if isinstance(error, grpc.aio.AioRpcError) or any(mark in text for mark in _AWAY):
        return SpeechUnavailableError(f"{model} is away: the server is down or starting")
    return SpeechRefusedError(f"{model} refused the request: {text}")


def _tell(span: Span, timing: InferenceTiming) -> None:
    """Split a request's time as the client sees it: the wait is queue and wire; Triton's own spans tell them apart."""
    span.set_attributes({"triton.wait_ms": timing.queue_ms, "triton.compute_ms": timing.compute_ms})


def _timing(result: Any, total_s: float) -> InferenceTiming:
    """Split the time of a request: the model reports its own start and end; what lies outside is queue and wire."""
    start_ns, end_ns = (int(value) for value in result.as_numpy("TIMES").reshape(-1))
    total_ms = total_s * 1000
    compute_ms = (end_ns - start_ns) / 1e6
    return InferenceTiming(max(0.0, round(total_ms - compute_ms, 2)), round(compute_ms, 2), total_ms)


def _headers(span: Span) -> dict[str, str]:
    with use_span(span):
        return telemetry.inject_headers()


def _samples(audio: bytes) -> triton.InferInput:
    if len(audio) % BYTES_PER_SAMPLE:
        raise SpeechRefusedError(f"{len(audio)} bytes are no whole 16-bit samples: a frame was cut on its way here")
    return _numbers("AUDIO", np.frombuffer(audio, "<i2"), np.int16, "INT16")


def _numbers(name: str, values: Any, dtype: Any, datatype: str) -> triton.InferInput:
    array = np.asarray(values, dtype=dtype).reshape(1, -1)
    tensor = triton.InferInput(name, list(array.shape), datatype)
    tensor.set_data_from_numpy(array)
    return tensor


def _text(name: str, value: str) -> triton.InferInput:
    tensor = triton.InferInput(name, [1, 1], "BYTES")
    tensor.set_data_from_numpy(np.array([[value.encode()]], dtype=np.object_))
    return tensor
