"""`voiceplane validate`: every mistake of an agent's YAML with its place, or what the agent is."""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from voiceplane.cli.arguments import unreadable
from voiceplane.contract.agent import Voice
from voiceplane.contract.base import FROM_YAML
from voiceplane.contract.documents import Path as Place
from voiceplane.contract.documents import dotted, line_of, parse_documents
from voiceplane.contract.load import Bundle, InvalidAgentError, Loaded, Mistake, load_bundle, load_file
from voiceplane.contract.policy import digest
from voiceplane.runtime.models import ModelUnavailableError
from voiceplane.speech.profiles import load_profile
from voiceplane.tools.errors import UnsafeSchemaError
from voiceplane.tools.schema import check_schema

Read = TypeVar("Read")
EPILOG = """examples:
  voiceplane validate agent.yaml          explain every mistake, or sum the agent up
  voiceplane validate - < agent.yaml      read standard input
  voiceplane validate region.yaml         VoiceRegions, SIPTrunks and VoicePolicies too, alone or beside an agent

exit status: 0 valid, 1 mistakes, 2 the file cannot be read
"""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "validate",
        help="explain every mistake in an agent's YAML, or a region's, trunk's or policy's",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("agent", help="a file of our kinds, at most one VoiceAgent; - for standard input")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Check the file and print what was found."""
    try:
        loaded = _checked(_text(options.agent), load_file)
    except OSError as error:
        print(unreadable(options.agent, error, "name an agent's YAML, or - for standard input"), file=sys.stderr)
        return 2
    except InvalidAgentError as error:
        for mistake in error.mistakes:
            print(mistake.at(options.agent))
        count = len(error.mistakes)
        print(f"{count} mistake{'s' if count != 1 else ''}; no call can be answered with this file", file=sys.stderr)
        return 1
    print("\n".join(_told(loaded)))
    return 0


def read_bundle(path: str) -> Bundle:
    """Load an agent from a file or standard input; OSError or InvalidAgentError."""
    return _checked(_text(path), load_bundle)


def _text(path: str) -> str:
    raw = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InvalidAgentError((Mistake("(file)", line, "not UTF-8 text: save the file as UTF-8"),)) from error


def _checked(text: str, load: Callable[[str], Read]) -> Read:
    """Load a text and add what only the services know to be wrong with its agent."""
    mistakes: tuple[Mistake, ...] = ()
    try:
        loaded = load(text)
    except InvalidAgentError as error:
        mistakes = error.mistakes
    for content, node in parse_documents(text)[0]:
        if isinstance(content, dict) and content.get("kind") == "VoiceAgent" and isinstance(content.get("spec"), dict):
            found = (*_voice_mistakes(content["spec"]), *_schema_mistakes(content["spec"]))
            mistakes += tuple(Mistake(dotted(at), line_of(node, at), what) for at, what in found)
    if mistakes:
        raise InvalidAgentError(tuple(sorted(mistakes, key=lambda mistake: mistake.line)))
    return loaded


def _voice_mistakes(spec: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """Find a speech profile, or a voice of it, that this version does not have; the contract knows them as names."""
    try:
        voice = Voice.model_validate(spec.get("voice", {}), context=FROM_YAML)
    except ValidationError:
        return  # named already
    field = "profile"
    try:
        profile = load_profile(voice.profile)
        field = "name"
        profile.voice(voice.name)
    except ModelUnavailableError as error:
        yield ("spec", "voice", field), str(error)


def _schema_mistakes(spec: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """Find the tools' JSON Schemas that the tool gateway would refuse; the contract knows them only as mappings."""
    tools = spec.get("tools")
    for index, tool in enumerate(tools if isinstance(tools, list) else ()):
        for kind in ("arguments", "result"):
            schema = tool.get(kind) if isinstance(tool, dict) else None
            if not isinstance(schema, dict):
                continue
            at = ("spec", "tools", index, kind)
            try:
                check_schema(schema, dotted(at))
            except UnsafeSchemaError as error:
                yield at, str(error).removeprefix(f"{dotted(at)}: ")


def _told(loaded: Loaded) -> list[str]:
    """Say in a few lines what a file holds."""
    lines = summary(loaded.bundle) if loaded.bundle is not None else []
    if loaded.bundle is None:
        lines += [
            f"VoicePolicy {one.metadata.full_name} is valid: sha256:{digest(one.spec)}" for one in loaded.policies
        ]
    for region in loaded.regions:
        spec = region.spec
        ways = {"inCluster": spec.in_cluster, "kubeConfig": spec.kube_config, "clusterProfile": spec.cluster_profile}
        (way,) = (name for name, given in ways.items() if given is not None)
        told = f"{spec.mode} in {spec.location}, {spec.capacity} calls, by {way}, planner engine {spec.planner.engine}"
        lines.append(f"VoiceRegion {region.metadata.name} is valid: {told}")
    for trunk in loaded.trunks:
        agent, given = f"{trunk.metadata.namespace}/{trunk.spec.agent_ref.name}", trunk.spec
        sources = f"{', '.join(given.sources[:3])}{' ...' if len(given.sources) > 3 else ''}"
        told = f"calls to {agent} from {sources}, trust of their numbers: {given.identity.trust}"
        lines.append(f"SIPTrunk {trunk.metadata.full_name} is valid: {told}")
    return lines


def summary(bundle: Bundle) -> list[str]:
    """Say in a few lines what the agent is."""
    spec, meta = bundle.agent.spec, bundle.agent.metadata
    planner = "flow" if spec.planner.flow is not None else "model"
    lines = [
        f"VoiceAgent {meta.namespace}/{meta.name} is valid",
        f"  revision   {bundle.revision}",
        f"  policy     {spec.policy_ref.name if spec.policy_ref else '(default)'} sha256:{bundle.policy_digest}",
        f"  speaks     {spec.language}, voice {spec.voice.name} of profile {spec.voice.profile}",
        f"  planner    {planner}",
        f"  opening    {spec.opening}",
    ]
    for intent in spec.intents:
        slots = ", ".join(f"{slot.name}: {slot.type.value}" for slot in intent.slots) or "no slots"
        lines.append(
            f"  intent     {intent.name} ({len(intent.examples)} examples; {slots}) -> {intent.tool or 'reply only'}"
        )
    for tool in spec.tools:
        where = f"{tool.http.method} {tool.http.url}" if tool.http else f"mcp {tool.mcp.tool if tool.mcp else ''}"
        levels = f"requires {tool.requires.value}, grants {tool.grants.value}"
        lines.append(f"  tool       {tool.name}: {where}, {tool.timeout:g} s, {levels}")
    lines.append(f"  escalation {spec.escalation.target if spec.escalation else 'none: the agent says goodbye'}")
    return lines
