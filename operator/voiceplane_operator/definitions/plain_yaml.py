"""Write YAML as a person reads it: values where they belong, no anchors, text in lines. Read by commands and crds."""

from typing import Any

import yaml


class _Plain(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        """Write everything out: anchors are for machines."""
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Plain.add_representer(str, _text)


def as_yaml(document: dict[str, Any], *, sort_keys: bool = False) -> str:
    """Write a document, its keys in their order."""
    return yaml.dump(document, Dumper=_Plain, sort_keys=sort_keys, width=120, allow_unicode=True)
