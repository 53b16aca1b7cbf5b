"""What `voiceplane doctor` says of servers that run: each process, each speech model and why it is not there."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from voiceplane.cli.state import Endpoints
from voiceplane.runtime import grpc_server
from voiceplane.speech.client import TritonSpeech
from voiceplane.speech.health import MODELS, ServerState


@dataclass(frozen=True, slots=True)
class Seen:
    """A server or a model of it: whether it serves, what is known, and what to do if it does not."""

    what: str
    serves: bool
    detail: str
    remedy: str = ""


def see(speech: str | None, endpoints: Endpoints | None) -> Iterable[Seen]:
    """Ask the speech servers (HOST:PORT, several separated by commas) and the processes of a running stack."""
    return asyncio.run(_see(speech or (endpoints.speech if endpoints else ""), endpoints))


async def _see(speech: str, endpoints: Endpoints | None) -> list[Seen]:
    found: list[Seen] = []
    if speech:
        async with TritonSpeech(tuple(speech.split(","))) as client:
            found += [seen for server in await client.look() for seen in _models(server)]
    if endpoints is not None:
        targets = {name: getattr(endpoints, name) for name in ("records", "tools", "planner", "gateway")}
        healthy = await asyncio.gather(*(grpc_server.healthy(target, timeout_s=5.0) for target in targets.values()))
        for (name, target), good in zip(targets.items(), healthy, strict=True):
            found.append(
                Seen(name, good, f"{target} {'serves' if good else 'does not serve'}", f"see its log: {name}.log")
            )
    return found


def _models(server: ServerState) -> Iterable[Seen]:
    if server.problem:
        yield Seen("speech", False, f"{server.endpoint} {server.problem}", "is this Triton's gRPC port? see its log")
        return
    for name in MODELS:
        model = server.model(name)
        detail = f"ready at {server.endpoint}" if model.ready else f"not ready at {server.endpoint}: {model.reason}"
        yield Seen(f"speech {name}", model.ready, detail, "repair what the reason names, then start speech again")
