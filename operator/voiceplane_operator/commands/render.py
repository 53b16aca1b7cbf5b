"""`voiceplane render | diff`: what the operator would apply for an agent file. An entry point of the CLI."""

import argparse
import asyncio
import difflib
import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voiceplane.contract.load import InvalidAgentError
from voiceplane_operator import errors, manifests, names
from voiceplane_operator.api.kinds import CHILDREN
from voiceplane_operator.commands.files import place, read, read_region, text
from voiceplane_operator.decide import facts, lacking, plan
from voiceplane_operator.definitions.plain_yaml import as_yaml
from voiceplane_operator.manifests import ways
from voiceplane_operator.manifests.target import Target

if TYPE_CHECKING:  # a client of Kubernetes takes a second to load: not for --help
    from voiceplane_operator.api.cluster import Cluster

RENDER = """examples:
  voiceplane render agent.yaml --region region.yaml
  voiceplane render agent.yaml --region region.yaml --with trunks.yaml > applied.yaml
  kubectl get voiceagent/parcel-desk voicepolicy/retail -n support -o yaml | voiceplane render - --region region.yaml

exit status: 0 printed, 1 mistakes in a file, 2 a file cannot be read
"""
DIFF = """examples:
  voiceplane diff agent.yaml --region region.yaml --kubeconfig frankfurt.kubeconfig

exit status: 0 compared, 1 mistakes in a file, or the cluster refuses or does not answer, 2 a file cannot be read
"""
MANAGED = ("managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "selfLink")


def add(commands: Any) -> None:
    """Add the subcommands to the CLI's parser."""
    for name, run, about, epilog in (
        ("render", _render, "print exactly what the operator would apply in a region", RENDER),
        ("diff", _diff, "print what applying an agent would change in a region's cluster", DIFF),
    ):
        parser = commands.add_parser(
            name, help=about, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        parser.add_argument(
            "agent", type=Path, help="a file with one VoiceAgent and its VoicePolicies; - for standard input"
        )
        parser.add_argument("--region", type=Path, required=True, help="a file with one VoiceRegion")
        parser.add_argument(
            "--with", dest="beside", action="append", type=Path, default=[], metavar="FILE",
            help="a file with what else the hub has: SIPTrunks, the planner's Secret, other VoiceRegions; repeatable",
        )  # fmt: skip
        parser.add_argument("--calls", type=int, help="the region's share, where it holds other agents too")
        parser.add_argument("--hub", default="hub", help="name of the hub, as the operator's option --hub")
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
            print(mistake.at(options.agent), file=sys.stderr)  # noqa: T201
    except errors.ClusterAwayError as error:
        print(f"the cluster of --kubeconfig {options.kubeconfig}: {error}", file=sys.stderr)  # noqa: T201
    except (errors.OperatorError, ValueError) as error:
        print(error, file=sys.stderr)  # noqa: T201
    return 1


def _target(options: argparse.Namespace) -> Target:
    beside = [one for path in options.beside for one in read(path)]
    region = read_region(options.region)
    placed = place(text(options.agent), region, beside, hub=options.hub, calls=options.calls)
    target = placed.target
    if placed.shortage:
        print(f"CapacityAvailable will be False: {placed.shortage}", file=sys.stderr)  # noqa: T201
    for told in placed.apart:
        print(f"left out: {told}, not {target.owner}", file=sys.stderr)  # noqa: T201
    if target.revision.credential and not target.credential:
        told = f"without Secret {target.revision.credential}, which the operator waits for: give its file by --with"
        print(told, file=sys.stderr)  # noqa: T201
    return target


def _render(options: argparse.Namespace) -> int:
    target = _target(options)
    for manifest in _manifests(target):
        print("---\n" + as_yaml(plan.marked(manifest)), end="")  # noqa: T201
    return 0


def _manifests(target: Target) -> tuple[manifests.Manifest, ...]:
    """Return what is applied: the network policies that the region has for all agents, then what is the agent's."""
    return (*ways.manifests(target.spec, target.hub, target.region), *manifests.render(target))


def _diff(options: argparse.Namespace) -> int:
    target = _target(options)
    changed = asyncio.run(_differences(options.kubeconfig, target))
    print("\n".join(changed) or "no change")  # noqa: T201
    return 0


async def _differences(kubeconfig: str, target: Target) -> list[str]:
    """Compare what is there with what a dry run of each apply would leave: the API server's own answer."""
    from voiceplane_operator.regions import credentials

    cluster = await credentials.hub_cluster(kubeconfig)
    lines: list[str] = []
    try:
        surplus = await _surplus(cluster, target)
        for manifest in map(plan.marked, _manifests(target)):
            name = f"{manifest['kind']}/{manifest['metadata']['name']}"
            before = await _before(cluster, manifest, surplus)
            try:
                after = await cluster.dry_run(manifest)
            except errors.NotThereError:
                if manifest["kind"] not in lacking.OPTIONAL:
                    raise
                lines.append(f"not {name}: {lacking.told(manifest['kind'], target.namespace, denied=False)[1]}")
                continue
            old, new = _text(before), _text(after)
            was = f"{manifest['kind']}/{before['metadata']['name']}" if before else name
            lines += difflib.unified_diff(old, new, f"live {was}", f"new {name}", lineterm="")
        lines += [f"goes {kind}/{meta['name']}" for kind, meta in surplus]
    finally:
        await cluster.close()
    return lines


async def _before(
    cluster: "Cluster", manifest: manifests.Manifest, surplus: list[tuple[str, dict[str, Any]]]
) -> dict[str, Any]:
    """Return the object that is there; of what each revision has anew, the newest one of an earlier revision."""
    kind, meta = manifest["kind"], manifest["metadata"]
    tries = [meta["name"]]
    if names.REVISION in meta["labels"]:
        part = meta["labels"][names.COMPONENT]
        same = [one for of, one in surplus if of == kind and one.get("labels", {}).get(names.COMPONENT) == part]
        tries += [one["name"] for one in sorted(same, key=lambda one: str(one.get("creationTimestamp")), reverse=True)]
    for name in tries:
        try:
            return dict(await cluster.get(kind, name, meta["namespace"]))
        except errors.NotThereError:
            continue
    return {}


async def _surplus(cluster: "Cluster", target: Target) -> list[tuple[str, dict[str, Any]]]:
    """Return kind and metadata of what is rendered no more: it goes, older revisions when their calls have ended."""
    wanted = {(one["kind"], one["metadata"]["name"]) for one in manifests.render(target)}
    surplus = []
    for api in CHILDREN:
        try:
            ours = f"{names.HUB},{names.AGENT}={target.prefix}"
            found, _ = await cluster.list(api, target.namespace, labels=ours, whole=False)
        except (errors.NotThereError, errors.AccessDeniedError):
            if api.optional:  # the cluster lacks the kind
                continue
            raise
        there = (one["metadata"] for one in found if not facts.of_another(one["metadata"]))
        surplus += [(api.kind, meta) for meta in there if (api.kind, meta["name"]) not in wanted]
    return surplus


def _text(raw: dict[str, Any]) -> list[str]:
    if not raw:
        return []
    meta = {key: value for key, value in raw["metadata"].items() if key not in MANAGED}
    shown = {key: value for key, value in raw.items() if key not in ("status", "metadata")}
    if raw["kind"] == "Secret":  # that a value differs is told, the value is not
        shown["data"] = {key: f"sha256:{_hash(value)}" for key, value in (raw.get("data") or {}).items()}
    return as_yaml({**shown, "metadata": meta}, sort_keys=True).splitlines()


def _hash(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()[:12]
