"""Compare the definitions on the hub with this version's: what an older one does not know, it drops without a word.

A definition that is newer, or differs in words or rules only, drops nothing and is no problem.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from voiceplane_operator import errors
from voiceplane_operator.api.cluster import Cluster
from voiceplane_operator.api.kinds import KINDS
from voiceplane_operator.definitions import crds

log = logging.getLogger(__name__)
Schema = dict[str, Any]
TOLD = 5  # fields of one definition
RETRY_S = 2.0
UPGRADE = "install or upgrade chart voiceplane-crds to the operator's version"


@dataclass(frozen=True, slots=True)
class Definitions:
    """What the hub has of our definitions: who each of those is that are there, and what is wrong in words."""

    uids: Mapping[str, str]
    problem: str  # what is missing or lacks something; empty when nothing can be lost


async def look(cluster: Cluster) -> Definitions:
    """Read the definitions; ClusterError."""
    uids, found = {}, []
    for kind in crds.KINDS:
        name = f"{kind.plural}.{crds.GROUP}"
        try:
            live = await cluster.get("CustomResourceDefinition", name)
        except errors.NotThereError:
            found.append(f"{name} is not installed")
            continue
        uids[name] = str(live["metadata"]["uid"])
        if "deletionTimestamp" in live["metadata"]:
            found.append(f"{name} is being deleted, and every object of it")
        elif (live["metadata"].get("annotations") or {}).get(crds.SCHEMA_HASH) != crds.schema_hash(kind):
            found += [f"{name} {told}" for told in [_lack(crds.definition(kind), live)] if told]
    told = f"{'; '.join(found)}: what a definition does not know is lost without a word; {UPGRADE}" if found else ""
    return Definitions(uids, told)


def changed(begun: Mapping[str, str], uids: Mapping[str, str]) -> str:
    """Say which definitions are no more those that the watches began on; empty when all are.

    A watch does not come to another definition of the same name by itself, and objects went with the former one.
    """
    gone = [f"{name} was deleted" for name in begun if name not in uids]
    other = [f"{name} was deleted and created anew" for name, uid in begun.items() if uids.get(name, uid) != uid]
    return "; ".join((*gone, *other))


async def served(cluster: Cluster) -> Mapping[str, str]:
    """Wait until the hub serves every kind, and return whose definitions they are.

    A watch shell that begins earlier would never see a kind that comes later.
    """
    told = ""
    while True:
        try:
            uids = (await look(cluster)).uids
            for kind in crds.KINDS:
                await cluster.probe(KINDS[kind.name], None)
            return uids
        except errors.ClusterError as error:
            if str(error) != told:
                told = str(error)
                log.warning("a kind is not served", extra={"reason": told})
        await asyncio.sleep(RETRY_S)


def _lack(ours: Schema, live: Schema) -> str:
    """Say what a live definition lacks of ours."""
    (mine,) = ours["spec"]["versions"]
    theirs = [one for one in live["spec"]["versions"] if one["name"] == mine["name"] and one.get("served")]
    if not theirs:
        return f"does not serve {mine['name']}"
    paths = lacking(mine["schema"]["openAPIV3Schema"], theirs[0].get("schema", {}).get("openAPIV3Schema", {}))
    more = f" and {len(paths) - TOLD} more" if len(paths) > TOLD else ""
    return f"lacks {', '.join(paths[:TOLD])}{more}" if paths else ""


def lacking(ours: Schema, live: Schema, path: str = "") -> list[str]:
    """Return the paths of the fields that the API server would drop; the outermost of each."""
    if live.get("x-kubernetes-preserve-unknown-fields"):
        return []
    if ours.get("x-kubernetes-preserve-unknown-fields"):
        return [path] if ours.get("type") == "object" else []
    found = []
    for name, mine in ours.get("properties", {}).items():
        inner = f"{path}.{name}".lstrip(".")
        theirs = live.get("properties", {}).get(name)
        found += [inner] if theirs is None else lacking(mine, theirs, inner)
    for deeper, mark in (("items", "[]"), ("additionalProperties", ".*")):
        if isinstance(ours.get(deeper), dict):
            theirs = live.get(deeper)
            found += lacking(ours[deeper], theirs, path + mark) if isinstance(theirs, dict) else [path + mark]
    return found
