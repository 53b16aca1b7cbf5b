"""Write YAML as a person reads it: every value where it belongs, no anchors. Read by commands and crds."""

from typing import Any

import yaml


class _Plain(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        """Write everything out: anchors are for machines."""
        return True


def as_yaml(document: dict[str, Any]) -> str:
    """Write a document, its keys in their order."""
    return yaml.dump(document, Dumper=_Plain, sort_keys=False, width=120, allow_unicode=True)
