"""The other side of the comparison: a pipecat bot behind plain RTP (PCMU), one caller at a time.

Runs in the environment that ./run builds, never in the product's. Recognizer, turn model, VAD and voice are pipecat's
own services with its own defaults, on the same model files as ours. What answers is a table of words: less work than
our flow planner does, so that the rest is compared. The transport sends 20 ms packets on a schedule, as a telephone
line does; pipecat's own WebSocket server sends twice as fast and leaves the waiting to the client.
"""

import argparse
import asyncio
import json
import struct
import sys
import time
from pathlib import Path
from typing import Any

from pipecat.audio.utils import create_stream_resampler, pcm_to_ulaw, ulaw_to_pcm
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    OutputAudioRawFrame,
    StartFrame,
    TTSSpeakFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair, LLMUserAggregatorParams
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.piper.tts import PiperTTSService
from pipecat.services.whisper.stt import WhisperSTTService
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams
from pipecat.workers.runner import WorkerRunner

LINE_RATE, SPEECH_RATE = 8000, 16_000
FRAME_S = 0.02
TICKS = 160
NEW_CALL_S = 1.0  # a line that was quiet for so long has a new caller


class Line(asyncio.DatagramProtocol):
    """One UDP socket: RTP in and out."""

    def __init__(self) -> None:
        self.transport: asyncio.DatagramTransport | None = None
        self.peer: tuple[str, int] | None = None
        self.last = 0.0
        self.heard: Any = None  # called with the payload of each packet
        self.new_caller: Any = None
        self._sequence = self._timestamp = 0
        self._due = 0.0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if len(data) <= 12 or data[1] & 0x7F != 0:
            return
        now = time.monotonic()
        fresh = addr != self.peer or now - self.last > NEW_CALL_S
        self.peer, self.last = addr, now
        if fresh and self.new_caller is not None:
            self.new_caller()
        if self.heard is not None:
            self.heard(data[12:])

    async def send(self, payload: bytes) -> None:
        """Send one frame when it is due."""
        now = time.monotonic()
        if now - self._due > FRAME_S:
            skipped = round((now - self._due) / FRAME_S) if self._due else 0
            self._timestamp = (self._timestamp + skipped * TICKS) & 0xFFFFFFFF
            self._due = now
        await asyncio.sleep(max(0.0, self._due - now))
        header = struct.pack("!BBHII", 0x80, 0, self._sequence, self._timestamp, 7)
        self._sequence, self._timestamp = (self._sequence + 1) & 0xFFFF, (self._timestamp + TICKS) & 0xFFFFFFFF
        self._due += FRAME_S
        if self.transport is not None and self.peer is not None:
            self.transport.sendto(header + payload, self.peer)


class RtpInput(BaseInputTransport):
    """Packets become 16 kHz frames, as pipecat's telephony serializers make them."""

    def __init__(self, line: Line, params: TransportParams) -> None:
        super().__init__(params)
        self._line = line
        self._packets: asyncio.Queue[bytes] = asyncio.Queue(50)  # 1 s; what is later is worthless
        self._resampler = create_stream_resampler()

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        self._line.heard = lambda payload: None if self._packets.full() else self._packets.put_nowait(payload)
        self._task = self.create_task(self._pump())
        await self.set_transport_ready(frame)

    async def _pump(self) -> None:
        while True:
            payload = await self._packets.get()
            audio = await ulaw_to_pcm(payload, LINE_RATE, SPEECH_RATE, self._resampler)
            if audio:
                await self.push_audio_frame(InputAudioRawFrame(audio=audio, sample_rate=SPEECH_RATE, num_channels=1))


class RtpOutput(BaseOutputTransport):
    """Frames become packets."""

    def __init__(self, line: Line, params: TransportParams) -> None:
        super().__init__(params)
        self._line = line
        self._resampler = create_stream_resampler()

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        payload = await pcm_to_ulaw(frame.audio, LINE_RATE, LINE_RATE, self._resampler)
        for start in range(0, len(payload), TICKS):
            await self._line.send(payload[start : start + TICKS].ljust(TICKS, b"\xff"))
        return True


class Brain(FrameProcessor):
    """Answers by the first key word that was said."""

    def __init__(self, replies: list[tuple[str, str]], unsure: str) -> None:
        super().__init__()
        self._replies, self._unsure = replies, unsure

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        said = next((m["content"] for m in reversed(frame.context.get_messages()) if m["role"] == "user"), "")
        words = str(said).lower()
        reply = next((text for key, text in self._replies if key in words), self._unsure)
        print(f"heard: {said}", file=sys.stderr, flush=True)
        await self.push_frame(LLMFullResponseStartFrame())
        await self.push_frame(LLMTextFrame(reply))
        await self.push_frame(LLMFullResponseEndFrame())


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--whisper", type=Path, required=True, help="folder of the ctranslate2 model")
    parser.add_argument("--piper", type=Path, required=True, help="the voice's .onnx file")
    parser.add_argument("--replies", type=Path, required=True, help="JSON: opening, unsure, replies")
    options = parser.parse_args()
    script = json.loads(options.replies.read_text())
    line = Line()
    await asyncio.get_running_loop().create_datagram_endpoint(lambda: line, local_addr=("127.0.0.1", options.port))
    params = TransportParams(
        audio_in_enabled=True,
        audio_out_enabled=True,
        audio_in_sample_rate=SPEECH_RATE,
        audio_out_sample_rate=LINE_RATE,
        audio_out_10ms_chunks=2,
    )
    stt = WhisperSTTService(
        device="cpu", compute_type="int8", settings=WhisperSTTService.Settings(model=str(options.whisper))
    )
    voice = PiperTTSService.Settings(voice=options.piper.stem)
    tts = PiperTTSService(download_dir=options.piper.parent, settings=voice)
    context = LLMContext()
    # Turn strategies are left at pipecat's defaults: VAD and transcription start a turn, smart-turn v3 ends it.
    pair = LLMContextAggregatorPair(context, user_params=LLMUserAggregatorParams(vad_analyzer=SileroVADAnalyzer()))
    brain = Brain([tuple(each) for each in script["replies"]], script["unsure"])
    stages = [RtpInput(line, params), stt, pair.user(), brain, tts, RtpOutput(line, params), pair.assistant()]
    worker = PipelineWorker(
        Pipeline(stages),
        params=PipelineParams(audio_in_sample_rate=SPEECH_RATE, audio_out_sample_rate=LINE_RATE),
        idle_timeout_secs=None,
    )

    def greet() -> None:
        context.set_messages([])
        asyncio.get_running_loop().create_task(worker.queue_frames([TTSSpeakFrame(script["opening"])]))

    line.new_caller = greet
    print("ready", flush=True)
    runner = WorkerRunner(handle_sigint=True, handle_sigterm=True)
    await runner.add_workers(worker)
    await runner.run()


asyncio.run(main())
