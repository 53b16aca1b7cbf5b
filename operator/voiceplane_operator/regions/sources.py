"""Watch where regions have their credentials from, Secrets and ClusterProfiles, and tell the fleet of changes."""

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from voiceplane.contract.region import ClusterProfile, KubeConfig
from voiceplane_operator import errors
from voiceplane_operator.api.cluster import Cluster
from voiceplane_operator.api.kinds import KINDS, Api
from voiceplane_operator.regions.fleet import Fleet

log = logging.getLogger(__name__)
RETRY_S = 5.0
LOOK_FOR_KIND_S = 30.0  # most hubs have no ClusterProfiles
Object = dict[str, Any]


@dataclass(slots=True)
class Source:
    """One kind of object that gives access; `mark` returns what of one matters, `changed` takes (namespace, name)."""

    cluster: Cluster
    api: Api
    namespace: str | None
    mark: Callable[[Object], str]
    changed: Callable[[str, str], None]
    whole: bool = False
    seen: dict[tuple[str, str], str] = field(default_factory=dict)
    _told: str = ""  # why it is not watched, as last written to the log

    async def follow(self) -> None:
        """List and watch until cancelled."""
        while True:
            try:
                found, since = await self.cluster.list(self.api, self.namespace, whole=self.whole)
                there = {_key(raw): raw for raw in found}
                for gone in self.seen.keys() - there.keys():
                    self._forget(gone)
                for raw in found:
                    self._take(raw)
                async for kind, raw in self.cluster.watch(self.api, self.namespace, since, whole=self.whole):
                    self._tell("")
                    if kind == "DELETED":
                        self._forget(_key(raw))
                    elif kind != "BOOKMARK":
                        self._take(raw)
            except (errors.NotThereError, errors.AccessDeniedError) as error:
                self._tell(str(error))
                await asyncio.sleep(LOOK_FOR_KIND_S)
            except errors.GoneError:
                continue  # list again, at once
            except errors.ClusterError as error:
                self._tell(str(error))
                await asyncio.sleep(RETRY_S)

    def _tell(self, problem: str) -> None:
        """Write to the log why this kind is not watched, and that it is after all: each once."""
        if problem == self._told:
            return
        self._told = problem
        if problem:
            log.info("credentials are not watched", extra={"kind": self.api.kind, "reason": problem})
        else:
            log.info("credentials are watched", extra={"kind": self.api.kind})

    def _take(self, raw: Object) -> None:
        key, mark = _key(raw), self.mark(raw)
        if self.seen.get(key) != mark:  # also when it is new: it may have changed after it was used
            self.seen[key] = mark
            self.changed(*key)

    def _forget(self, key: tuple[str, str]) -> None:
        if self.seen.pop(key, None) is not None:
            self.changed(*key)


async def follow(cluster: Cluster, namespace: str, fleet: Fleet) -> None:
    """Watch the Secrets of the operator's namespace, and ClusterProfiles wherever they are, until cancelled."""

    def secret(_: str, name: str) -> None:
        fleet.renew(KubeConfig(name=name))

    def profile(where: str, name: str) -> None:
        fleet.renew(ClusterProfile(name=name, namespace=where))

    secrets = Source(cluster, KINDS["Secret"], namespace, _version, secret)
    profiles = Source(cluster, KINDS["ClusterProfile"], None, _access, profile, whole=True)
    async with asyncio.TaskGroup() as group:
        group.create_task(secrets.follow(), name="secrets")
        group.create_task(profiles.follow(), name="cluster profiles")


def _key(raw: Object) -> tuple[str, str]:
    meta = raw["metadata"]
    return meta.get("namespace", ""), meta.get("name", "")


def _version(raw: Object) -> str:
    return str(raw["metadata"].get("resourceVersion", ""))


def _access(raw: Object) -> str:
    """Return what a ClusterProfile says of access: its health and properties are written all the time."""
    status = raw.get("status") or {}
    return json.dumps([status.get("accessProviders"), status.get("credentialProviders")], sort_keys=True)
