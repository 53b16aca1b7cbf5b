"""The operator's memory of its own kinds on the hub, filled by handlers. Specs are JSON here: small, parsed on use."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import orjson

from voiceplane_operator import names

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stored:
    """One object as last seen."""

    kind: str
    name: str
    namespace: str
    uid: str
    generation: int
    version: str  # resourceVersion
    deleted_at: str
    finalizers: tuple[str, ...]
    released: bool  # the break-glass annotation is on it
    spec: bytes
    status: Object

    @property
    def full_name(self) -> str:
        """Return the key by which the operator knows it."""
        return names.full_name(self.namespace, self.name)

    def raw(self) -> Object:
        """Return the object as the models parse it."""
        return {
            "metadata": {"name": self.name, "namespace": self.namespace or "default"},
            "spec": orjson.loads(self.spec),
        }

    def newer_than(self, other: "Stored") -> bool:
        """Say whether this is a later state of the same object."""
        return self.uid == other.uid and _number(self.version) > _number(other.version)

    def same_wish(self, other: "Stored | None") -> bool:
        """Say whether nothing that the operator acts on differs."""
        return other is not None and (self.uid, self.generation, self.deleted_at, self.finalizers, self.released) == (
            other.uid,
            other.generation,
            other.deleted_at,
            other.finalizers,
            other.released,
        )


def _number(version: str) -> int:
    """Return a resourceVersion as a number: within one API server, the higher one is the later."""
    return int(version) if version.isdecimal() else 0


def read(raw: Object, known: Stored | None = None) -> Stored:
    """Take from an object what is worth remembering; `known` is an earlier state, whose spec need not be written anew.

    Three of four events of an object tell of its status or its metadata.
    """
    meta = raw["metadata"]
    uid, generation = meta.get("uid", ""), int(meta.get("generation", 0))
    same = known is not None and uid and generation and (known.uid, known.generation) == (uid, generation)
    return Stored(
        kind=raw["kind"],
        name=meta["name"],
        namespace=meta.get("namespace", ""),
        uid=uid,
        generation=generation,
        version=meta.get("resourceVersion", ""),
        deleted_at=meta.get("deletionTimestamp") or "",
        finalizers=tuple(meta.get("finalizers") or ()),
        released=(meta.get("annotations") or {}).get(names.RELEASE) == "true",
        spec=known.spec if known is not None and same else _written(raw.get("spec") or {}),
        status=raw.get("status") or {},
    )


def _written(spec: Object) -> bytes:
    return orjson.dumps(spec)


class Store:
    """All objects by kind and full name, with the two questions that reconciling asks backwards."""

    def __init__(self) -> None:
        """Begin empty."""
        self._objects: dict[str, dict[str, Stored]] = defaultdict(dict)
        self._by_policy: dict[str, set[str]] = defaultdict(set)
        self._by_trunk: dict[str, set[str]] = defaultdict(set)  # agent -> trunks

    def get(self, kind: str, name: str) -> Stored | None:
        """Return an object, if it is there."""
        return self._objects[kind].get(name)

    def all(self, kind: str) -> tuple[Stored, ...]:
        """Return every object of a kind."""
        return tuple(self._objects[kind].values())

    def older(self, kind: str, version: str) -> tuple[Stored, ...]:
        """Return the objects of a kind that were last heard of before a place in history."""
        return tuple(one for one in self._objects[kind].values() if _number(one.version) < _number(version))

    def names(self, kind: str) -> tuple[str, ...]:
        """Return the full names of a kind."""
        return tuple(self._objects[kind])

    def read(self, raw: Object) -> Stored:
        """Take from an object what is worth remembering, with what is known of it already."""
        meta = raw["metadata"]
        return read(raw, self.get(raw["kind"], names.full_name(meta.get("namespace", ""), meta["name"])))

    def put(self, stored: Stored) -> Stored | None:
        """Remember an object; return what was known of it before."""
        before = self._objects[stored.kind].get(stored.full_name)
        self._objects[stored.kind][stored.full_name] = stored
        if before is None or before.spec is not stored.spec:
            if before is not None:
                self._unlink(before)
            self._link(stored)
        return before

    def written(self, stored: Stored) -> None:
        """Remember what an own write has made of an object, unless something newer was heard of it meanwhile."""
        known = self._objects[stored.kind].get(stored.full_name)
        if known is not None and known.uid == stored.uid and not known.newer_than(stored):
            self.put(stored)

    def drop(self, kind: str, name: str) -> Stored | None:
        """Forget an object."""
        gone = self._objects[kind].pop(name, None)
        if gone is not None:
            self._unlink(gone)
        return gone

    def agents_of_policy(self, policy: str) -> frozenset[str]:
        """Return the agents that name a policy."""
        return frozenset(self._by_policy[policy])

    def trunks_of_agent(self, agent: str) -> tuple[Stored, ...]:
        """Return the trunks that name an agent."""
        found = (self.get("SIPTrunk", name) for name in sorted(self._by_trunk[agent]))
        return tuple(trunk for trunk in found if trunk is not None and not trunk.deleted_at)

    def _link(self, stored: Stored) -> None:
        for index, target in self._links(stored):
            index[target].add(stored.full_name)

    def _unlink(self, stored: Stored) -> None:
        for index, target in self._links(stored):
            index[target].discard(stored.full_name)

    def _links(self, stored: Stored) -> list[tuple[dict[str, set[str]], str]]:
        if stored.kind not in ("VoiceAgent", "SIPTrunk"):
            return []
        spec = orjson.loads(stored.spec)
        field, index = ("policyRef", self._by_policy) if stored.kind == "VoiceAgent" else ("agentRef", self._by_trunk)
        named = (spec.get(field) or {}).get("name")
        return [(index, names.full_name(stored.namespace, named))] if named else []
