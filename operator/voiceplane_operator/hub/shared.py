"""What all reconcilers share: the API server of the hub, the memory of its objects, the fleet, the queue."""

import logging
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from voiceplane_operator.api.cluster import Cluster
from voiceplane_operator.decide import status
from voiceplane_operator.decide.shares import Shares
from voiceplane_operator.errors import ClusterError
from voiceplane_operator.hub.queue import KeyedQueue
from voiceplane_operator.hub.store import Store, Stored
from voiceplane_operator.moments import now_text
from voiceplane_operator.regions.fleet import Fleet

log = logging.getLogger(__name__)
Object = dict[str, Any]
STALLED = "Stalled"  # True is the bad one
TOLD = ("Ready", "Accepted", STALLED, status.AUTOSCALING)
BEGINNINGS = ("Starting", "Connecting")
TROUBLES = ("PodsInTrouble", "RolloutStuck")  # that what began without a word may come to
WANTED = (*BEGINNINGS, "Draining", "Deleted")  # not ready because somebody has asked for something
REMEMBERED = 512  # parsed revisions; parsing one takes about a millisecond


@dataclass(slots=True)
class Hub:
    """The hub as reconcilers use it."""

    name: str
    cluster: Cluster
    store: Store
    fleet: Fleet
    queue: KeyedQueue
    schema_problem: str = ""  # the definitions on the cluster are not this version's
    calls: dict[tuple[str, str], int] = field(default_factory=dict)  # (region, prefix) -> live calls, by calls.py
    shares: Shares = field(default_factory=Shares)
    _parsed: "OrderedDict[tuple[str, ...], Any]" = field(default_factory=OrderedDict)

    def remember(self, key: tuple[str, ...], value: Any) -> Any:
        """Keep what was parsed of an object's generation."""
        self._parsed[key] = value
        if len(self._parsed) > REMEMBERED:
            self._parsed.popitem(last=False)
        return value

    def recall(self, key: tuple[str, ...]) -> Any:
        """Return what was parsed of this generation, if it is remembered."""
        return self._parsed.get(key)

    async def write_status(self, stored: Stored, written: Object) -> None:
        """Write a status once, unless it is there already; ConflictError when the object has changed.

        It is merged into what is there, so what it does not name stays.
        """
        merged = status.said({**stored.status, **written})
        if merged == status.said(stored.status):
            return
        body = {"metadata": {"resourceVersion": stored.version}, "status": written}
        answer = await self.cluster.patch(stored.kind, stored.name, stored.namespace or None, body, part="status")
        self.store.written(replace(stored, version=answer["metadata"]["resourceVersion"], status=merged))
        await self._announce(stored, written)

    async def set_finalizers(self, stored: Stored, finalizers: list[str]) -> None:
        """Write an object's finalizers; ConflictError when it has changed."""
        body = {"metadata": {"resourceVersion": stored.version, "finalizers": finalizers}}
        answer = await self.cluster.patch(stored.kind, stored.name, stored.namespace or None, body)
        if answer["metadata"].get("deletionTimestamp") and not finalizers:
            self.store.drop(stored.kind, stored.full_name)
        else:
            version = answer["metadata"]["resourceVersion"]
            self.store.written(replace(stored, version=version, finalizers=tuple(finalizers)))

    async def _announce(self, stored: Stored, written: Object) -> None:
        """Post an Event when a condition of TOLD changes; nothing depends on its arrival."""
        for one in changed(stored.status.get("conditions") or (), written.get("conditions") or ()):
            try:
                await self.cluster.create("Event", stored.namespace or "default", event(stored, one))
            except ClusterError as error:
                log.info("an Event was not posted", extra={"reason": str(error)})


def changed(before: Iterable[Object], after: Iterable[Object]) -> list[Object]:
    """Return the conditions whose change is news: Stalled when nothing else tells of it, no autoscaler that settles."""
    known = {one["type"]: one for one in before}
    old = {kind: one["status"] for kind, one in known.items()}
    news = {one["type"]: one for one in after if one["type"] in TOLD and _differs(known.get(one["type"]), one)}
    for one in list(news.values()):
        begins = one["status"] != status.TRUE and (one["reason"] in BEGINNINGS or one["type"] == STALLED)
        settles = one["type"] == status.AUTOSCALING and one["status"] != status.FALSE
        settles = settles and (old.get(one["type"]), one["status"]) != (status.FALSE, status.TRUE)
        if settles or (one["type"] not in old and begins) or (one["type"] == STALLED and "Ready" in news):
            del news[one["type"]]
    return list(news.values())


def _differs(before: Object | None, after: Object) -> bool:
    if before is None or before["status"] != after["status"]:
        return True
    return before["reason"] in BEGINNINGS and after["reason"] in TROUBLES


def event(stored: Stored, condition: Object) -> Object:
    """Return the Event that tells of a condition: a Warning only when something is wrong."""
    namespace, now = stored.namespace or "default", now_text()
    fine = (condition["status"] == status.TRUE) != (condition["type"] == STALLED) or condition["reason"] in WANTED
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": f"{stored.name[:200]}.", "namespace": namespace},
        "involvedObject": {
            "apiVersion": "voiceplane.dev/v1alpha1",
            "kind": stored.kind,
            "name": stored.name,
            "namespace": stored.namespace or "",
            "uid": stored.uid,
        },
        "reason": condition["reason"],
        "message": condition["message"][:1000],
        "type": "Normal" if fine else "Warning",
        "source": {"component": "voiceplane-operator"},
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
