"""Which processes make a stack for one agent, with their ports and options. Read by dev and bench_place."""

import asyncio
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from voiceplane.cli.ports import free_ports, sip_port
from voiceplane.cli.stack import Part, PartBrokenError
from voiceplane.cli.state import Endpoints
from voiceplane.contract.load import Bundle
from voiceplane.contract.trunk import Trunks
from voiceplane.runtime import grpc_server
from voiceplane.speech.client import TritonSpeech
from voiceplane.speech.health import judge
from voiceplane.speech.server import shared_memory

PARCELS_HOST = "parcels.support.svc"  # the name that docs/examples/parcel-desk.yaml calls
LOCAL = "127.0.0.1"
MODULES = {"gateway": "call"}  # where a process has another name than its package
# At the end the gateway goes first: it finishes its calls, for which it needs the others. Records goes last: the others
# hand over what they still hold.
TIERS = {"gateway": 2, "speech": 1, "planner": 1, "tools": 1}
# Models fill all cores that they get. A gateway's thread that waits for one holds the interpreter's lock meanwhile, and
# its pacer waits too, whatever priority that has (adr/0003). A word 10 ms later is not heard, a packet is.
# Records and traces come in bursts, for which no call waits: their senders have outboxes.
NICE = {"speech": 10, "records": 10}
# What a start may take on a full machine: Ray has many processes, and a gateway's first start synthesizes all phrases.
READY_S = {"planner": 300.0, "gateway": 300.0}


@dataclass(frozen=True, slots=True)
class StackOptions:
    """What the user may choose."""

    agent_file: Path
    folder: Path  # logs and records
    host: str = LOCAL  # where SIP and RTP are reached
    sip_port: int | None = None
    rtp_ports: str = "20000-20999"
    parcels: bool = False
    slow_parcels: tuple[tuple[str, float], ...] = ()  # numbers, and how many seconds the parcel system takes over each
    trunks: Trunks | None = None  # without them anyone may call


def uses_parcels(bundle: Bundle) -> bool:
    """Say whether a tool of the agent calls the example's parcel system."""
    return any(tool.http is not None and f"//{PARCELS_HOST}/" in tool.http.url for tool in bundle.agent.spec.tools)


def plan(bundle: Bundle, options: StackOptions) -> tuple[tuple[Part, ...], Endpoints]:
    """Choose ports and write each process's command line; NoFreePortError."""
    free = free_ports()
    sip = sip_port(options.host, options.sip_port)
    grpc = {name: f"{LOCAL}:{next(free)}" for name in ("records", "speech", "planner", "tools", "gateway")}
    endpoints = Endpoints(
        pid=os.getpid(),
        agent=str(options.agent_file.resolve()),
        sip=f"sip:{bundle.agent.metadata.name}@{options.host}:{sip}",
        parcels=f"{LOCAL}:{next(free)}" if options.parcels else "",
        **grpc,
    )
    commands = _commands(options, endpoints, free, profile=bundle.agent.spec.voice.profile, sip=f"{options.host}:{sip}")
    # All start at once: the gateway says itself that it is ready only when what it needs answers.
    parts = [_part(name, grpc[name], command) for name, command in commands.items()]
    return (*([_parcels(options, endpoints.parcels)] if endpoints.parcels else []), *parts), endpoints


def _part(name: str, target: str, command: tuple[str, ...]) -> Part:
    return Part(
        name,
        (sys.executable, "-m", f"voiceplane.{MODULES.get(name, name)}", "serve", *command),
        _readiness(name, target),
        ready_timeout_s=READY_S.get(name, 120.0),
        tier=TIERS.get(name, 0),
        leftovers=(shared_memory(int(_port(target))),) if name == "speech" else (),
        nice=NICE.get(name, 0),
    )


def _commands(
    options: StackOptions, at: Endpoints, free: Iterator[int], *, profile: str, sip: str
) -> dict[str, tuple[str, ...]]:
    """Return the options of each process."""

    def ports(target: str) -> tuple[str, ...]:
        return ("--grpc-port", _port(target), "--metrics-port", str(next(free)))

    def spool(name: str) -> tuple[str, str]:
        return ("--spool", str((options.folder / "spool" / name).resolve()))  # a folder for each process

    otlp_http = str(next(free))
    agent, otlp = ("--agent", at.agent), ("--otlp-endpoint", at.records)
    database = ("--database-url", f"sqlite:///{(options.folder / 'records.db').resolve()}")
    aliases = ("--host-alias", f"{PARCELS_HOST}={at.parcels}") if at.parcels else ()
    traces = ("--traces-url", f"http://{LOCAL}:{otlp_http}/v1/traces")
    back_ends = ("--speech", at.speech, "--planner", at.planner, "--tools", at.tools, "--records", at.records)
    calls = ("--sip", sip, "--rtp-ports", options.rtp_ports, *_trunks(options))
    return {
        "records": (*ports(at.records), "--http-port", otlp_http, *database, *otlp),
        "speech": (*ports(at.speech), "--profile", profile, "--http-port", str(next(free)), *traces),
        "planner": (*ports(at.planner), *agent, *otlp),
        "tools": (*ports(at.tools), *agent, "--records", at.records, *aliases, *spool("tools"), *otlp),
        "gateway": (*ports(at.gateway), *agent, *calls, *back_ends, *spool("gateway"), *otlp),
    }


def _trunks(options: StackOptions) -> tuple[str, ...]:
    """Write the trunks for the gateway."""
    if options.trunks is None:
        return ()
    path = (options.folder / "trunks.json").resolve()
    path.write_text(options.trunks.model_dump_json(by_alias=True))
    return "--trunks", str(path)


def _parcels(options: StackOptions, target: str) -> Part:
    slow = tuple(part for number, s in options.slow_parcels for part in ("--slow", f"{number}={s * 1000:g}"))
    command = (sys.executable, "-m", "voiceplane.testing.parcels", "--port", _port(target), *slow)
    return Part("parcels", command, _http_ready(f"http://{target}/"))


def _port(target: str) -> str:
    return target.rpartition(":")[2]


def _readiness(name: str, target: str) -> Callable[[], Awaitable[bool]]:
    async def models_ready() -> bool:
        async with TritonSpeech((target,)) as speech:
            servers = await speech.look()
        lacking = judge(servers)
        if lacking is not None and not servers[0].problem:  # Triton answers only when it has tried to load every model
            raise PartBrokenError(f"cannot serve: {lacking}")
        return lacking is None

    async def healthy() -> bool:
        return await grpc_server.healthy(target)

    return models_ready if name == "speech" else healthy


def _http_ready(url: str) -> Callable[[], Awaitable[bool]]:
    def answers() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=1.0):
                return True
        except urllib.error.HTTPError:
            return True  # an answer, whatever its status
        except OSError:
            return False

    async def ready() -> bool:
        return await asyncio.to_thread(answers)

    return ready
