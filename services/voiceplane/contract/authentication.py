"""How well a caller is known. A tool names the level that it wants, and the level that its success proves."""

from enum import StrEnum


class Authentication(StrEnum):
    """How well the caller is known; a tool names the least level that it accepts."""

    NONE = "none"
    IDENTIFIED = "identified"
    VERIFIED = "verified"

    def covers(self, needed: "Authentication") -> bool:
        """Say whether this level is at least the needed one."""
        order = list(Authentication)
        return order.index(self) >= order.index(needed)
