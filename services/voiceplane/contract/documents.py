"""Read YAML documents with the place of everything in them, as strictly as a cluster would. Used by contract.load.

Unlike plain PyYAML: a key written twice is a mistake, a date stays text (as kubectl reads it), and neither a value
that does not fit its tag nor an alias that expands without end can do more than name its line.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from voiceplane.contract.yaml_words import explained

MAX_BYTES = 1_000_000  # an object larger than this cannot be stored in a cluster either
MAX_NODES = 200_000  # after aliases are expanded: more than MAX_BYTES of plain YAML can hold in sensible text
MAX_DEPTH = 50

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong in a file: where (a path such as spec.intents[0].tool, and a line) and what to do."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        """Format as a line for people."""
        return f"line {self.line}: {self.path}: {self.message}"

    def at(self, file: object) -> str:
        """Format as compilers do, so that editors find the place."""
        return f"{file}:{self.line}: {self.path}: {self.message}"


class InvalidAgentError(ValueError):
    """The YAML is not a VoiceAgent that can run; `mistakes` lists everything found."""

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        """Keep the mistakes and join them as the message."""
        super().__init__("\n".join(str(mistake) for mistake in mistakes))
        self.mistakes = mistakes


class _Loader(yaml.SafeLoader):
    """SafeLoader whose every failure has a line."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Construct, and turn what PyYAML lets through for odd tags (!!int '', !!bool maybe) into its own error."""
        try:
            return super().construct_object(node, deep=deep)
        except (ValueError, TypeError, AttributeError, LookupError, OverflowError) as error:
            tag = node.tag.rpartition(":")[2]
            raise yaml.constructor.ConstructorError(None, None, f"not a legal {tag}", node.start_mark) from error


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str", "map", "seq", "merge")
)


def dotted(path: Path) -> str:
    """Write a path as people do: spec.intents[0].tool."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.lstrip(".") or "(document)"


def line_of(node: yaml.Node, path: Path) -> int:
    """Find the line of a path, or of its nearest parent that is in the file."""
    line = node.start_mark.line + 1
    for part in path:
        following: yaml.Node | None = None
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == part:
                    line, following = key.start_mark.line + 1, value
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            following = node.value[part]
            line = following.start_mark.line + 1
        if following is None:
            return line
        node = following
    return line


def read_documents(text: str) -> list[tuple[Any, yaml.Node]]:
    """Return the content and node of each document that is not empty; InvalidAgentError when it is not our YAML."""
    documents, mistakes = parse_documents(text)
    if mistakes:
        raise InvalidAgentError(tuple(mistakes))
    return documents


def parse_documents(text: str) -> tuple[list[tuple[Any, yaml.Node]], list[Mistake]]:
    """Return what read_documents does, and the keys that are written twice: the last one counts, the rest is read on.

    InvalidAgentError when nothing can be read on.
    """
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise InvalidAgentError((Mistake("(file)", 1, "not UTF-8 text"),)) from error
    if size > MAX_BYTES:
        raise InvalidAgentError((Mistake("(file)", 1, f"larger than {MAX_BYTES} bytes: split the file"),))
    documents: list[tuple[Any, yaml.Node]] = []
    mistakes: list[Mistake] = []
    unfit: list[Mistake] = []
    try:
        loader = _Loader(text)
        try:
            while loader.check_node():
                node = loader.get_node()
                assert node is not None  # check_node said so
                unfit.extend(_unfit(node, mistakes))
                if not unfit:
                    content = loader.construct_document(node)
                    documents.extend(_objects(content, node))
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        raise InvalidAgentError((Mistake("(yaml)", *explained(error)),)) from error
    except yaml.YAMLError as error:  # a character that YAML does not allow
        line = text.count("\n", 0, getattr(error, "position", 0)) + 1
        raise InvalidAgentError((Mistake("(yaml)", line, "a character that YAML does not allow"),)) from error
    except (RecursionError, ValueError) as error:
        raise InvalidAgentError((Mistake("(yaml)", 1, "nested too deeply or not readable"),)) from error
    if unfit:
        raise InvalidAgentError((*mistakes, *unfit))
    return documents, mistakes


def _objects(content: Any, node: yaml.Node) -> Iterator[tuple[Any, yaml.Node]]:
    """Yield a document, or the objects of one that `kubectl get ... -o yaml` writes of several."""
    items = content.get("items") if isinstance(content, dict) and content.get("kind") == "List" else None
    nodes = [value for key, value in node.value if key.value == "items"] if isinstance(node, yaml.MappingNode) else []
    if isinstance(items, list) and len(nodes) == 1 and isinstance(nodes[0], yaml.SequenceNode):
        yield from zip(items, nodes[0].value, strict=True)
    elif content is not None:
        yield content, node


def _unfit(root: yaml.Node, twice: list[Mistake]) -> Iterator[Mistake]:
    """Find tags that JSON has no word for, keys that are no text, aliases that expand without end; add keys `twice`."""
    waiting: list[tuple[yaml.Node, Path]] = [(root, ())]
    seen: set[int] = set()  # nodes already judged: an alias leads to the same node again
    count = 0
    while waiting:
        node, path = waiting.pop()
        count += 1
        line = node.start_mark.line + 1
        if count > MAX_NODES or len(path) > MAX_DEPTH:
            yield Mistake(dotted(path[:5]), line, "too much or too deep once its aliases are expanded")
            return
        first_time = id(node) not in seen
        seen.add(id(node))
        if first_time and node.tag not in _TAGS:
            yield Mistake(dotted(path), line, f"the tag {node.tag.rpartition(':')[2]} has no place here")
        if isinstance(node, yaml.SequenceNode):
            waiting.extend((item, (*path, index)) for index, item in enumerate(node.value))
        elif isinstance(node, yaml.MappingNode):
            if first_time:
                yield from (Mistake(dotted(path), line, "a key must be plain text") for line in _odd_keys(node))
                twice.extend(_twice(node, path))
            waiting.extend((value, (*path, str(key.value) if key.id == "scalar" else "?")) for key, value in node.value)


def _odd_keys(node: yaml.MappingNode) -> Iterator[int]:
    return (key.start_mark.line + 1 for key, _ in node.value if not isinstance(key, yaml.ScalarNode))


def _twice(node: yaml.MappingNode, path: Path) -> Iterator[Mistake]:
    keys: set[str] = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode) and key.value in keys:
            at = dotted((*path, key.value))
            yield Mistake(at, key.start_mark.line + 1, "this key is written twice: only one of them would count")
        elif isinstance(key, yaml.ScalarNode):
            keys.add(key.value)
