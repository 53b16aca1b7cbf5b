"""What `voiceplane doctor` says of servers that run: each process, each speech model and why it is not there."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from voiceplane.cli.state import Endpoints
from voiceplane.contract.load import InvalidAgentError, load_bundle
from voiceplane.runtime import grpc_server
from voiceplane.speech.client import TritonSpeech
from voiceplane.speech.health import MODELS, OPTIONAL, ServerState, Wanted, named
from voiceplane.speech.profiles import load_profile


@dataclass(frozen=True, slots=True)
class Seen:
    """A server or a model of it: whether it serves, what is known, and what to do if it does not."""

    what: str
    serves: bool
    detail: str
    remedy: str = ""


def see(speech: str | None, endpoints: Endpoints | None, profile: str | None = None) -> Iterable[Seen]:
    """Ask the speech servers (HOST:PORT, several separated by commas) and the processes of a running stack.

    Their models are held against the profile, or against the running agent's. Raises ModelUnavailableError.
    """
    wanted: Wanted = {}
    if profile is not None:
        wanted = load_profile(profile).digests
    elif endpoints is not None and not speech:
        wanted = _wanted_by(Path(endpoints.agent))
    return asyncio.run(_see(speech or (endpoints.speech if endpoints else ""), endpoints, wanted))


def _wanted_by(agent: Path) -> Wanted:
    try:
        voice = load_bundle(agent.read_text()).agent.spec.voice
    except (OSError, InvalidAgentError):  # edited since: voiceplane validate tells what of it
        return {}
    return load_profile(voice.profile).wanted(voice.name)


async def _see(speech: str, endpoints: Endpoints | None, wanted: Wanted) -> list[Seen]:
    found: list[Seen] = []
    if speech:
        async with TritonSpeech(tuple(speech.split(",")), wanted=wanted) as client:
            found += [seen for server in await client.look() for seen in _models(server, wanted)]
    if endpoints is not None:
        targets = {name: getattr(endpoints, name) for name in ("records", "tools", "planner", "gateway")}
        healthy = await asyncio.gather(*(grpc_server.healthy(target, timeout_s=5.0) for target in targets.values()))
        for (name, target), good in zip(targets.items(), healthy, strict=True):
            found.append(
                Seen(name, good, f"{target} {'serves' if good else 'does not serve'}", f"see its log: {name}.log")
            )
    return found


def _models(server: ServerState, wanted: Wanted) -> Iterable[Seen]:
    if server.problem:
        yield Seen("speech", False, f"{server.endpoint} {server.problem}", "is this Triton's gRPC port? see its log")
        return
    there = {model.name for model in server.models}
    for name in (*MODELS, *(name for name in OPTIONAL if name in wanted or name in there)):
        model = server.model(name)
        serves = ", ".join(named(*digest) for digest in model.digests)
        if model.ready:
            detail, remedy = f"ready at {server.endpoint}{': ' if serves else ''}{serves}", ""
        elif model.other:
            detail = f"wrong at {server.endpoint}: it {model.reason}"
            remedy = "start speech with the agent's profile, or name the served one in the agent's voice.profile"
        else:
            detail = f"not ready at {server.endpoint}: {model.reason}"
            remedy = "repair what the reason names, then start speech again"
        yield Seen(f"speech {name}", model.ready, detail, remedy)
