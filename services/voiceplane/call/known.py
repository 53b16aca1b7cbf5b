"""How well the caller of a live call is known, and by which number. Raised by call.loop and call.replies alone.

No planner and no word of the caller can raise it: a trunk vouches for a number, or a tool that proves succeeds.
"""

from dataclasses import dataclass

from voiceplane.contract.authentication import Authentication
from voiceplane.contract.trunk import Trust
from voiceplane.sip.identity import Identity


@dataclass(slots=True)
class KnownCaller:
    """The caller of one call."""

    level: Authentication = Authentication.NONE
    number: str = ""  # that a trunk vouches for; personal data
    trust: Trust = Trust.NONE  # on which ground the number is known

    def vouch(self, identity: Identity | None) -> None:
        """Know the number that a trunk vouches for. It tells which line calls, not who speaks: identified, no more."""
        if identity is not None:
            self.number, self.trust = identity.number, identity.trust
            self.prove(Authentication.IDENTIFIED)

    def prove(self, level: Authentication) -> None:
        """Raise the level; what was proved before stays."""
        if level.covers(self.level):
            self.level = level
