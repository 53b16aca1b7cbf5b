"""Who may call, and which numbers: the trunks of the agent. Asked by agent, opening and server. Pure."""

import ipaddress
from dataclasses import dataclass
from urllib.parse import unquote

from voiceplane.contract.trunk import Trust

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Trunk:
    """One carrier or PBX."""

    sources: tuple[Network, ...]
    numbers: frozenset[str] = frozenset()  # as plain() writes them; empty: any
    trust: Trust = Trust.NONE  # in what its own addresses say of who calls

    def has(self, host: str) -> bool:
        """Say whether an address is one of its own."""
        address = ipaddress.ip_address(host)
        mapped = getattr(address, "ipv4_mapped", None)  # an IPv4 caller on a socket of both kinds
        return any((mapped or address) in network for network in self.sources)

    def calls(self, number: str) -> bool:
        """Say whether it may call this number."""
        return not self.numbers or plain(number) in self.numbers


@dataclass(frozen=True, slots=True)
class Ways:
    """Every way in. `closed`: what comes from no trunk is not answered, so that a scanner learns nothing."""

    trunks: tuple[Trunk, ...] = ()
    closed: bool = False

    def admits(self, host: str) -> bool:
        """Say whether a request from this address is answered at all."""
        return not self.closed or any(trunk.has(host) for trunk in self.trunks)

    def takes(self, host: str, number: str) -> bool:
        """Say whether an address may call a number: where it is of trunks, one of them must have the number."""
        of = [trunk for trunk in self.trunks if trunk.has(host)]
        return not of or any(trunk.calls(number) for trunk in of)

    def trusts(self, host: str, number: str) -> frozenset[Trust]:
        """Return how far what an address says of who calls a number is believed; nothing for one of no trunk."""
        of = (trunk for trunk in self.trunks if trunk.has(host) and trunk.calls(number))
        return frozenset(trunk.trust for trunk in of) - {Trust.NONE}


def called(uri: str) -> str:
    """Return the number, or the name, that a request's URI calls; empty when it names only a host."""
    scheme, _, rest = uri.partition(":")
    user, at, _ = rest.partition("@")
    return unquote(user) if at or scheme.lower() == "tel" else ""


def plain(number: str) -> str:
    """Write a number as it is compared: carriers differ in the plus and in visual separators (RFC 3966)."""
    return number.partition(";")[0].translate(_SEPARATORS).removeprefix("+")


_SEPARATORS = str.maketrans("", "", "-.() ")
