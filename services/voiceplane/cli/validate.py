"""`voiceplane validate`: every mistake of an agent's YAML with its place, or what the agent is."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

from voiceplane.contract.documents import dotted, line_of, read_documents
from voiceplane.contract.load import Bundle, InvalidAgentError, Mistake, load_bundle
from voiceplane.runtime.models import ModelUnavailableError
from voiceplane.speech.profiles import load_profile
from voiceplane.tools.errors import UnsafeSchemaError
from voiceplane.tools.schema import check_schema

EPILOG = """examples:
  voiceplane validate agent.yaml          explain every mistake, or sum the agent up
  voiceplane validate - < agent.yaml      read standard input

exit status: 0 valid, 1 mistakes, 2 the file cannot be read
"""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "validate",
        help="explain every mistake in an agent's YAML",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("agent", help="a file with one VoiceAgent and its VoicePolicies; - for standard input")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Check the file and print what was found."""
    try:
        bundle = read_bundle(options.agent)
    except OSError as error:
        print(f"cannot read {options.agent}: {error.strerror}", file=sys.stderr)
        return 2
    except InvalidAgentError as error:
        for mistake in error.mistakes:
            print(f"{options.agent}:{mistake.line}: {mistake.path}: {mistake.message}")
        count = len(error.mistakes)
        print(f"{count} mistake{'s' if count != 1 else ''}; no call can be answered with this file", file=sys.stderr)
        return 1
    print("\n".join(summary(bundle)))
    return 0


def read_bundle(path: str) -> Bundle:
    """Load an agent from a file or standard input; OSError or InvalidAgentError."""
    raw = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    text = raw.decode("utf-8", errors="replace")
    bundle = load_bundle(text)
    if mistakes := (*_voice_mistakes(bundle, text), *_schema_mistakes(bundle, text)):
        raise InvalidAgentError(mistakes)
    return bundle


def _agent_node(text: str) -> yaml.Node:
    return next(node for content, node in read_documents(text) if content["kind"] == "VoiceAgent")


def _voice_mistakes(bundle: Bundle, text: str) -> Iterator[Mistake]:
    """Find a speech profile, or a voice of it, that this version does not have; the contract knows them as names."""
    voice, field = bundle.agent.spec.voice, "profile"
    try:
        profile = load_profile(voice.profile)
        field = "name"
        profile.voice(voice.name)
    except ModelUnavailableError as error:
        at = ("spec", "voice", field)
        yield Mistake(dotted(at), line_of(_agent_node(text), at), str(error))


def _schema_mistakes(bundle: Bundle, text: str) -> Iterator[Mistake]:
    """Find the tools' JSON Schemas that the tool gateway would refuse; the contract knows them only as mappings."""
    node = _agent_node(text)
    for index, tool in enumerate(bundle.agent.spec.tools):
        for kind, schema in (("arguments", tool.arguments), ("result", tool.result)):
            if schema is None:
                continue
            at = ("spec", "tools", index, kind)
            try:
                check_schema(schema, dotted(at))
            except UnsafeSchemaError as error:
                yield Mistake(dotted(at), line_of(node, at), str(error).removeprefix(f"{dotted(at)}: "))


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
