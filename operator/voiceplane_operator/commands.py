"""`voiceplane render | diff`: what the operator would apply for an agent file. An entry point of the CLI."""

import argparse
import asyncio
import difflib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import ValidationError

from voiceplane.contract.base import FROM_YAML
from voiceplane.contract.load import InvalidAgentError, load_bundle
from voiceplane.contract.region import VoiceRegion
from voiceplane_operator import bundles, errors, manifests, names, plan
from voiceplane_operator.kinds import CHILDREN
from voiceplane_operator.ports import free_block
from voiceplane_operator.target import Revision, Target

if TYPE_CHECKING:  # a client of Kubernetes takes a second to load: not for --help
    from voiceplane_operator.cluster import Cluster

MANAGED = ("managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "selfLink")


def add(commands: Any) -> None:
    """Add the subcommands to the CLI's parser."""
    for name, run, about in (
        ("render", _render, "print exactly what the operator would apply in a region"),
        ("diff", _diff, "print what applying an agent would change in a region's cluster"),
    ):
        parser = commands.add_parser(name, help=about)
        parser.add_argument("agent", type=Path, help="a file with one VoiceAgent and its VoicePolicies")
        parser.add_argument("--region", type=Path, required=True, help="a file with one VoiceRegion")
        if name == "diff":
            parser.add_argument("--kubeconfig", required=True, help="of the region's cluster")
        parser.set_defaults(run=lambda options, run=run: _guarded(options, run))


def _guarded(options: argparse.Namespace, run: Any) -> int:
    try:
        return int(run(options))
    except OSError as error:
        print(f"cannot read {error.filename}: {error.strerror}", file=sys.stderr)  # noqa: T201
        return 2
    except InvalidAgentError as error:
        for mistake in error.mistakes:
            print(f"{options.agent}:{mistake}", file=sys.stderr)  # noqa: T201
    except (errors.OperatorError, ValueError) as error:
        print(error, file=sys.stderr)  # noqa: T201
    return 1


def target_of(agent_text: str, region: VoiceRegion) -> Target:
    """Return an agent file's target in a region, serving its newest revision as it does once all of it is up."""
    bundle = load_bundle(agent_text)
    metadata, spec = bundle.agent.metadata, bundle.agent.spec
    policy = next((one for one in _documents(agent_text) if _is_policy(one, bundle.agent.spec)), None)
    parsed = bundles.parse_policy(policy) if policy is not None else None
    revision: Revision = bundles.revision(bundle.agent, parsed)
    host = region.spec.network.exposure == "host"
    return Target(
        hub="hub",
        owner=f"{metadata.namespace}/{metadata.name}",
        region=region.metadata.name,
        spec=region.spec,
        revision=revision,
        profile=spec.voice.profile,
        capacity=min(spec.placement.capacity, region.spec.capacity),
        block=free_block(region.spec, []) if host else None,
        serving=revision.name,
        max_unavailable=spec.rollout.max_unavailable,
    )


def read_region(path: Path) -> VoiceRegion:
    """Read a VoiceRegion from a file; ValueError names the mistakes."""
    found = [one for one in _documents(path.read_text()) if one.get("kind") == "VoiceRegion"]
    if len(found) != 1:
        raise ValueError(f"{path}: expected one VoiceRegion, found {len(found)}")
    try:
        return VoiceRegion.model_validate(found[0], context=FROM_YAML)
    except ValidationError as error:
        raise ValueError(f"{path}: {bundles.explain(error)}") from error


def _documents(text: str) -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all(text) if isinstance(one, dict)]


def _is_policy(document: dict[str, Any], spec: Any) -> bool:
    named = spec.policy_ref.name if spec.policy_ref else None
    return document.get("kind") == "VoicePolicy" and document["metadata"]["name"] == named


class _Plain(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        """Write everything out: anchors are for machines."""
        return True


def as_yaml(manifest: dict[str, Any]) -> str:
    """Write a manifest as a person reads it."""
    return yaml.dump(manifest, Dumper=_Plain, sort_keys=False, width=120)


def _render(options: argparse.Namespace) -> int:
    target = target_of(options.agent.read_text(), read_region(options.region))
    for manifest in manifests.render(target):
        print("---\n" + as_yaml(plan.marked(manifest)), end="")  # noqa: T201
    return 0


def _diff(options: argparse.Namespace) -> int:
    target = target_of(options.agent.read_text(), read_region(options.region))
    changed = asyncio.run(_differences(options.kubeconfig, target))
    print("\n".join(changed) or "no change")  # noqa: T201
    return 0


async def _differences(kubeconfig: str, target: Target) -> list[str]:
    """Compare what is there with what a dry run of each apply would leave: the API server's own answer."""
    from voiceplane_operator import credentials

    cluster = await credentials.hub_cluster(kubeconfig)
    lines: list[str] = []
    try:
        for manifest in map(plan.marked, manifests.render(target)):
            name = f"{manifest['kind']}/{manifest['metadata']['name']}"
            try:
                before = await cluster.get(manifest["kind"], manifest["metadata"]["name"], target.namespace)
            except errors.NotThereError:
                before = {}
            after = await cluster.dry_run(manifest)
            old, new = _text(before), _text(after)
            lines += difflib.unified_diff(old, new, f"live {name}", f"new {name}", lineterm="")
        lines += await _surplus(cluster, target)
    finally:
        await cluster.close()
    return lines


async def _surplus(cluster: "Cluster", target: Target) -> list[str]:
    """Return what is there of the agent and rendered no more: it goes, older revisions when their calls have ended."""
    wanted = {(one["kind"], one["metadata"]["name"]) for one in manifests.render(target)}
    lines = []
    for api in CHILDREN:
        try:
            ours = f"{names.HUB},{names.AGENT}={target.prefix}"
            found, _ = await cluster.list(api, target.namespace, labels=ours, whole=False)
        except (errors.NotThereError, errors.AccessDeniedError):
            if api.optional:  # the cluster lacks the kind
                continue
            raise
        there = (one["metadata"]["name"] for one in found)
        lines += [f"goes {api.kind}/{name}" for name in there if (api.kind, name) not in wanted]
    return lines


def _text(raw: dict[str, Any]) -> list[str]:
    if not raw:
        return []
    meta = {key: value for key, value in raw["metadata"].items() if key not in MANAGED}
    shown = {key: value for key, value in raw.items() if key not in ("status", "metadata")}
    return yaml.safe_dump({**shown, "metadata": meta}, sort_keys=True, width=120).splitlines()
