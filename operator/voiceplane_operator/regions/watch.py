"""Watch what the operator made in one region, and its pods. Facts in, the names of agents to look at again out."""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from voiceplane_operator import errors, names
from voiceplane_operator.api.cluster import Cluster, Request
from voiceplane_operator.api.kinds import CHILDREN, CORE, POD, Api
from voiceplane_operator.decide import autoscalers, facts
from voiceplane_operator.decide.facts import AgentView
from voiceplane_operator.moments import now

log = logging.getLogger(__name__)
RETRY_S = 1.0
REFUSALS = 3  # in a row, which takes seconds, until it is told: an API server that begins refuses what it will allow
REFUSED_S = 30.0  # the longest pause of a watch that is not allowed: only a person heals it, and that is seen soon
LOOK_FOR_KIND_S = 10.0
Object = dict[str, Any]


@dataclass(slots=True)
class _Trouble:
    """Why a kind is not watched, as it was told; one that lasts is told once."""

    words: str = ""
    refused: int = 0  # how often in a row
    forbidden: bool = False  # we are known there, and may not: told to people


def pause_s(refused: int) -> float:
    """Return how long to wait after so many refusals in a row: longer each time, and no two kinds at once."""
    return min(REFUSED_S, RETRY_S * 2.0 ** min(refused - 1, 10)) * random.uniform(0.5, 1.0)


class RegionWatch:
    """The view of one region, kept fresh by one watch for each kind."""

    def __init__(self, cluster: Cluster, namespace: str, hub: str, changed: Callable[[str], None]) -> None:
        """Watch as this hub; `changed` takes the owner of what changed."""
        self._cluster = cluster
        self._namespace = namespace
        self._labels = f"{names.HUB}={hub}"
        self._changed = changed
        self._kinds = (*CHILDREN, POD)
        self._heard: dict[str, int] = {}  # of a kind: everything up to this resourceVersion
        self._at: dict[str, float] = {}  # and the loop's time of its last word, also a bookmark
        self._troubles: dict[str, _Trouble] = {}  # of a kind that is not watched
        self.views: dict[str, AgentView] = {}
        self.owners: dict[str, str] = {}
        self.missing: set[str] = set()  # optional kinds that are not there, or not ours to use
        self.denied: set[str] = set()  # those of them that are there
        self.ready = asyncio.Event()

    async def run(self) -> None:
        """List and watch every kind until cancelled."""
        async with asyncio.TaskGroup() as group:
            for api in self._kinds:
                group.create_task(self._follow(api), name=f"watch {api.kind}")

    def view(self, prefix: str) -> AgentView:
        """Return what is known of an agent; empty when there is nothing of it."""
        return self.views.get(prefix) or AgentView()

    def blocks(self) -> frozenset[str]:
        """Return the port blocks that gateways of this region have: a pod keeps its own longer than its Deployment."""
        views = self.views.values()
        blocks = [one.block for view in views for one in view.children.values() if one.kind == "Deployment"]
        blocks += [one.block for view in views for one in view.pods.values()]
        return frozenset(blocks) - {""}

    def ages(self, now: float) -> dict[str, float]:
        """Return how long ago each kind's watch has said something."""
        return {kind: now - at for kind, at in self._at.items() if kind not in self.missing}

    def forbidden(self) -> str:
        """Say which watches are not allowed any more, and which rule allows them; empty while none is refused."""
        kinds = [api for api in self._kinds if api.kind in self._troubles and self._troubles[api.kind].forbidden]
        if not kinds:
            return ""
        what, rules = ", ".join(api.plural for api in kinds), ", ".join(api.rule for api in kinds)
        return (
            f"the operator may not watch {what} in namespace {self._namespace} any more, and does not see what changes"
            f" there: give its identity the role of chart voiceplane-region, whose rules are {rules}"
        )

    def applied(self, raw: Object, *, replicas: int | None = None) -> None:
        """Take the answer to an own apply, its metadata: known at once, and no reason to look again.

        The watch may be ahead of the answer, and what it said, such as that the pods are up, it will not say again.
        `replicas` is the number that was applied, if one was.
        """
        meta = raw["metadata"]
        prefix, key = self._place(meta), (raw["kind"], meta["name"])
        view = self.view(prefix)
        known = view.children.get(key)
        child = replace(facts.child(raw, raw["kind"], before=None), intact=True, at=known.at if known else ())
        if known is None and 0 < child.version <= self._heard.get(raw["kind"], 0):
            return  # the watch has told of it already, and of its end
        if known is not None and known.version > child.version:
            if (known.applied, known.marker) == (child.applied, child.marker):
                view.children[key] = replace(known, intact=True)
            return
        self.views[prefix] = view
        view.children[key] = child
        if key[0] in autoscalers.SCALERS:
            if key not in view.scalers:
                view.scalers[key] = autoscalers.read(raw, key[0], before=None, now=now())
        elif key[0] in facts.WORKLOADS and (known is None or known.marker != child.marker):
            view.rollouts[key] = facts.begun(view.rollouts.get(key), replicas)

    async def _follow(self, api: Api) -> None:
        loop = asyncio.get_running_loop()
        while True:
            begun = loop.time()
            try:
                since = await self._list(api)
                while True:
                    since = await self._watch(api, since)
                    await asyncio.sleep(max(0.0, begun + RETRY_S - loop.time()))
                    begun = loop.time()
            except (errors.NotThereError, errors.AccessDeniedError) as error:
                refused = isinstance(error, errors.AccessDeniedError)
                unknown = isinstance(error, errors.CredentialsRefusedError)  # whoever asks: it says nothing of the kind
                if refused and (unknown or not api.optional):
                    trouble = self._troubles.setdefault(api.kind, _Trouble())
                    if trouble.words != str(error):
                        log.warning("a watch is not allowed", extra={"kind": api.kind, "reason": str(error)})
                    trouble.words, trouble.refused = str(error), trouble.refused + 1
                    self._forbid(trouble, error)
                    await asyncio.sleep(pause_s(trouble.refused))
                    continue
                if api.optional:
                    await self._lack(api, refused=refused)
                self._mark_heard(api)
                await asyncio.sleep(LOOK_FOR_KIND_S)
            except errors.GoneError:  # the place in history is too old: list again, at once, but not again and again
                await asyncio.sleep(max(0.0, begun + RETRY_S - loop.time()))
            except errors.ClusterError as error:
                trouble = self._troubles.setdefault(api.kind, _Trouble())
                if trouble.words != str(error):
                    log.info("a watch ended", extra={"kind": api.kind, "reason": str(error)})
                trouble.words, trouble.refused = str(error), 0
                self._forbid(trouble, error)
                await asyncio.sleep(error.after_s if isinstance(error, errors.BusyError) else RETRY_S)

    async def _lack(self, api: Api, *, refused: bool) -> None:
        """Take that an optional kind is not there, or not ours to use: what is served, everybody may ask."""
        there = refused
        if refused and api.base != CORE:
            try:
                served = await self._cluster.ask(Request("GET", api.base))
                there = any(one.get("name") == api.plural for one in served.get("resources") or ())
            except errors.NotThereError:
                there = False
            except errors.ClusterError:
                there = True  # not even that may be asked, or not now: the right is missing in any case
        self.denied = self.denied | {api.kind} if there else self.denied - {api.kind}
        self.missing.add(api.kind)

    async def _list(self, api: Api) -> str:
        pages = self._cluster.pages(api, self._namespace, labels=self._labels, whole=api.whole)
        seen: set[tuple[str, str]] = set()
        since = ""
        async for objects, at in pages:
            since = at
            for raw in objects:
                seen.add((self._place(raw["metadata"]), raw["metadata"]["name"]))
                self._take(api, raw)
        self.missing.discard(api.kind)
        self.denied.discard(api.kind)
        for prefix, view in list(self.views.items()):
            known = view.pods if api is POD else [name for kind, name in view.children if kind == api.kind]
            for name in list(known):
                if (prefix, name) not in seen:
                    self._forget(api, prefix, name)
        self._mark_heard(api, since)
        return since

    def _mark_heard(self, api: Api, since: str = "") -> None:
        self._heard[api.kind] = facts.version({"resourceVersion": since})
        self._at[api.kind] = asyncio.get_running_loop().time()
        if len(self._heard) == len(self._kinds):
            self.ready.set()

    async def _watch(self, api: Api, since: str) -> str:
        events = self._cluster.watch(api, self._namespace, since, labels=self._labels, whole=api.whole)
        async for kind, raw in events:
            since = raw["metadata"]["resourceVersion"]
            if kind == "DELETED":
                self._forget(api, self._place(raw["metadata"]), raw["metadata"]["name"], facts.version(raw["metadata"]))
            elif kind != "BOOKMARK":
                self._take(api, raw)
            self._mark_heard(api, since)
            self._goes_on(api)
        self._goes_on(api)
        return since

    def _goes_on(self, api: Api) -> None:
        trouble = self._troubles.pop(api.kind, None)
        if trouble is not None:
            log.info("a watch goes on", extra={"kind": api.kind})
            if trouble.forbidden:
                self._tell_all()

    def _forbid(self, trouble: _Trouble, error: errors.ClusterError) -> None:
        """Have the region and its agents say that a watch is not allowed, or is again; a 401 is told elsewhere."""
        refused = isinstance(error, errors.AccessDeniedError) and not isinstance(error, errors.CredentialsRefusedError)
        before, trouble.forbidden = trouble.forbidden, refused and trouble.refused >= REFUSALS
        if trouble.forbidden != before:
            self._tell_all()

    def _tell_all(self) -> None:
        """Look again at the region and at each agent there: its policies are of the region's own name."""
        for owner in set(self.owners.values()):
            self._changed(owner)

    def _place(self, meta: Object) -> str:
        return str((meta.get("labels") or {}).get(names.AGENT, ""))

    def _take(self, api: Api, raw: Object) -> None:
        meta = raw["metadata"]
        if api is not POD and facts.of_another(meta):
            return
        prefix = self._place(meta)
        view = self.views.setdefault(prefix, AgentView())
        owner = (meta.get("annotations") or {}).get(names.OWNER)
        if owner:
            self.owners[prefix] = owner
        if api is POD:
            pod = facts.pod(raw)
            news = view.pods.get(pod.name) != pod
            view.pods[pod.name] = pod
        else:
            key = (api.kind, meta["name"])
            known = view.children.get(key)
            if known is not None and 0 < facts.version(meta) <= known.version:
                return  # the echo of our own apply
            child = facts.child(raw, api.kind, before=known)
            view.children[key] = child
            news = self._take_state(view, key, raw) or known != child
        if news:
            self._tell(prefix)

    def _take_state(self, view: AgentView, key: tuple[str, str], raw: Object) -> bool:
        """Take how far a workload is, or how an autoscaler stands; say whether that is news."""
        if key[0] in autoscalers.SCALERS:
            scaler = autoscalers.read(raw, key[0], before=view.scalers.get(key), now=now())
            news = view.scalers.get(key) != scaler
            view.scalers[key] = scaler
        elif key[0] in facts.WORKLOADS:
            rollout = facts.rollout(raw, key[0])
            news = view.rollouts.get(key) != rollout
            view.rollouts[key] = rollout
        else:
            news = False
        return news

    def _forget(self, api: Api, prefix: str, name: str, version: int = 0) -> None:
        view = self.views.get(prefix)
        if view is None:
            return
        known = view.children.get((api.kind, name))
        if known is not None and known.version > version > 0:
            return  # made again since
        if api is POD:
            view.pods.pop(name, None)
        else:
            view.children.pop((api.kind, name), None)
            view.rollouts.pop((api.kind, name), None)
            view.scalers.pop((api.kind, name), None)
        self._tell(prefix)
        if view.empty():
            del self.views[prefix]
            self.owners.pop(prefix, None)

    def _tell(self, prefix: str) -> None:
        owner = self.owners.get(prefix)
        if owner is not None:
            self._changed(owner)
