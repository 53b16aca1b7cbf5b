"""What an audit record may show of a tool's arguments: those the policy names, of all others only the length. Pure."""

from collections.abc import Mapping
from typing import Any

from voiceplane.contract.policy import Redaction


def redact(arguments: Mapping[str, Any], rules: Redaction) -> dict[str, str]:
    """Return the arguments as the policy lets them be seen."""
    return {
        name: str(value) if name in rules.show_arguments else f"[{len(str(value))} characters]"
        for name, value in arguments.items()
    }
