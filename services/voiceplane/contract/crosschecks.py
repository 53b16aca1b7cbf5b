"""Find in a VoiceAgent what no schema can: names that point nowhere, names used twice, braces that nothing fills.

Works on the plain content of a spec, so that it tells of the parts that are right also when others are not; what has
the wrong shape is passed over, the schema names it. Used by contract.load and the operator.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from voiceplane.contract.agent import Escalation, Phrases, Silence, placeholders
from voiceplane.contract.documents import Path
from voiceplane.contract.sentences import phrases
from voiceplane.contract.tool import CALLER_NUMBER

Found = Iterator[tuple[Path, str]]
_Node = Mapping[Any, Any]
_AT: Path = ("spec",)
_BRACED = re.compile(r"\{\w+\}")
_WORDS = re.compile(r"\w+")


def cross_checks(spec: object, policies: Collection[str]) -> Found:
    """Check a spec as YAML or JSON holds it; `policies` are the names of those beside it."""
    root = _mapping(spec)
    intents, tools = _items(root, "intents"), _items(root, "tools")
    yield from _duplicates((*_AT, "intents"), intents)
    yield from _duplicates((*_AT, "tools"), tools)
    yield from _shared_examples(intents)
    names = {name: (index, tool) for index, tool in tools if (name := _text(tool, "name"))}
    all_tools = _all_named(root, "tools")
    for index, intent in intents:
        at: Path = (*_AT, "intents", index)
        yield from _intent(at, intent)
        wanted = _text(intent, "tool")
        if wanted in names:
            yield from _filled(names[wanted], intent)
        elif wanted is not None and all_tools:  # else it may be the one whose name cannot be read
            yield (*at, "tool"), f"no tool is named {wanted!r}; tools are {_listed(names)}"
        if intent.get("then") == "transfer" and root.get("escalation") is None:
            yield (*at, "then"), "a transfer needs spec.escalation with a target"
    used = [intent.get("tool") for _, intent in intents]
    if len(intents) == len(_list(root, "intents")) > 0 and all(isinstance(tool, str | None) for tool in used):
        for name, (index, _) in names.items():
            if name not in used:
                yield (*_AT, "tools", index, "name"), f"no intent uses the tool {name!r}: no call could run it"
    yield from _unfilled(root)
    yield from _unspoken(root)
    policy = _text(_mapping(root.get("policyRef")), "name")
    if policy is not None and policy not in policies:
        yield (*_AT, "policyRef", "name"), f"no VoicePolicy {policy!r} here; there is {_listed(policies)}"


def _intent(at: Path, intent: _Node) -> Found:
    slots = _items(intent, "slots")
    yield from _duplicates((*at, "slots"), slots)
    known = _slot_names(intent)
    yield from _template((*at, "reply"), intent.get("reply"), None if intent.get("tool") is not None else known)
    yield from _template((*at, "confirm"), intent.get("confirm"), known)


def _filled(named: tuple[int, _Node], intent: _Node) -> Found:
    """Check that an intent's slots fill what its tool's address and body name."""
    index, tool = named
    at: Path = (*_AT, "tools", index, "http")
    http = _mapping(tool.get("http"))
    known = _slot_names(intent)
    if known is not None and tool.get("callerNumber") is True:
        known.append(CALLER_NUMBER)
    yield from _template((*at, "url"), http.get("url"), known)
    for key, value in _mapping(http.get("body")).items():
        yield from _template((*at, "body", str(key)), value, known)


def _slot_names(intent: _Node) -> list[str] | None:
    """Return the names of an intent's slots; None when one cannot be read, so that nothing is said of braces."""
    if not _all_named(intent, "slots"):
        return None
    return [str(slot["name"]) for _, slot in _items(intent, "slots")]


def _unspoken(root: _Node) -> Found:
    """Find sentences with a rule for interruptions that the agent never says: the rule would shield nothing."""
    barge_in = _mapping(root.get("bargeIn"))
    named: list[tuple[Path, object]] = [
        (("bargeIn", "never", index), text) for index, text in enumerate(_list(barge_in, "never"))
    ]
    named += [(("bargeIn", "phrases", index, "text"), one.get("text")) for index, one in _items(barge_in, "phrases")]
    if not named:
        return
    spoken = {phrase for text in _said(root) if isinstance(text, str) for phrase in phrases(text)}
    instructions = _mapping(_mapping(root.get("planner")).get("model")).get("instructions")
    told = " ".join(instructions.split()) if isinstance(instructions, str) else ""  # such as: say "..." first
    for path, text in named:
        for phrase in phrases(text) if isinstance(text, str) else ():
            if phrase not in spoken and phrase not in told:
                yield (*_AT, *path), f"the agent never says {phrase!r}: write it as where it is said"


def _unfilled(root: _Node) -> Found:
    """Find braces in a sentence that nothing fills: a caller would hear the name of a value for the value."""
    sentences: list[tuple[Path, object]] = [(("opening",), root.get("opening"))]
    sentences += [(("escalation", "say"), _mapping(root.get("escalation")).get("say"))]
    for part in ("phrases", "silence"):
        sentences += [((part, str(key)), text) for key, text in _mapping(root.get(part)).items()]
    for index, intent in _items(root, "intents"):
        for number, slot in _items(intent, "slots"):
            sentences.append((("intents", index, "slots", number, "ask"), slot.get("ask")))
    for path, text in sentences:
        for name in _BRACED.findall(text) if isinstance(text, str) else ():
            yield (*_AT, *path), f"{name} would be said as it stands: only an intent's reply and confirm are filled"


def _said(root: _Node) -> Iterator[object]:
    """Return all that a designer lets the agent say, as written, with the sentences that are there by default."""
    yield root.get("opening")
    yield from (Phrases().model_dump(by_alias=True) | dict(_mapping(root.get("phrases")))).values()
    silence = Silence().model_dump(by_alias=True) | dict(_mapping(root.get("silence")))
    yield from (silence["ask"], silence["goodbye"])
    if root.get("escalation") is not None:
        yield _mapping(root["escalation"]).get("say", Escalation.model_fields["say"].default)
    for _, intent in _items(root, "intents"):
        yield from (intent.get("reply"), intent.get("confirm"))
        yield from (slot.get("ask") for _, slot in _items(intent, "slots"))


def _duplicates(at: Path, named: list[tuple[int, _Node]]) -> Found:
    names = [(index, name) for index, node in named if (name := _text(node, "name")) is not None]
    for name, count in Counter(name for _, name in names).items():
        if count > 1:
            last = max(index for index, other in names if other == name)
            yield (*at, last, "name"), f"the name {name!r} is used {count} times: names must differ"


def _shared_examples(intents: list[tuple[int, _Node]]) -> Found:
    """Find what two intents have as an example, but for case and punctuation: a caller who says it may want either."""
    owners: dict[str, tuple[int, str]] = {}
    for index, intent in intents:
        name = _text(intent, "name") or f"intents[{index}]"
        for number, example in enumerate(_list(intent, "examples")):
            words = " ".join(_WORDS.findall(example.casefold())) if isinstance(example, str) else ""
            owner, other = owners.setdefault(words, (index, name)) if words else (index, name)
            if owner != index:
                at: Path = (*_AT, "intents", index, "examples", number)
                yield (
                    at,
                    f"{example!r} is an example of intent {other!r} too: keep it in {other!r} or {name!r}, not both",
                )


def _template(at: Path, text: object, known: list[str] | None) -> Found:
    if not isinstance(text, str):
        return
    try:
        names = placeholders(text)
    except ValueError:
        yield at, "a brace is open or closed alone: write {name}, or {{ for a brace"
        return
    for name in names:
        if not name.isidentifier():
            yield at, f"{{{name}}} is not a plain name"
        elif known is not None and name not in known:
            yield at, f"{{{name}}} is filled by nothing: slots are {_listed(known)}"


def _mapping(node: object) -> _Node:
    return node if isinstance(node, Mapping) else {}


def _list(node: _Node, key: str) -> list[Any]:
    value = node.get(key)
    return list(value) if isinstance(value, list | tuple) else []


def _items(node: _Node, key: str) -> list[tuple[int, _Node]]:
    """Return the mappings of a list with their places."""
    return [(index, item) for index, item in enumerate(_list(node, key)) if isinstance(item, Mapping)]


def _all_named(node: _Node, key: str) -> bool:
    """Say whether a list is not there, or is one in which every item's name can be read."""
    items = node.get(key, ())
    return isinstance(items, list | tuple) and all(_text(_mapping(item), "name") is not None for item in items)


def _text(node: _Node, key: str) -> str | None:
    value = node.get(key)
    return value if isinstance(value, str) else None


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
