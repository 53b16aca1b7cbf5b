"""Which calls each agent may have in each region: the agents of a region share its capacity. Fed by reconcile."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Shares:
    """The shares of all agents that were placed since the operator began."""

    _of: dict[str, dict[str, int]] = field(default_factory=dict)  # agent -> region -> calls
    _total: Counter[str] = field(default_factory=Counter)
    _short: set[str] = field(default_factory=set)  # agents that have fewer calls than they ask for

    def put(self, agent: str, shares: dict[str, int], *, short: bool = False) -> frozenset[str]:
        """Take an agent's shares for those that it had; return the others that lack calls, if it gave some up."""
        before = self._of.pop(agent, {})
        self._total.subtract(before)
        if shares:
            self._of[agent] = shares
            self._total.update(shares)
        (self._short.add if short else self._short.discard)(agent)
        freed = any(calls > shares.get(region, 0) for region, calls in before.items())
        return frozenset(self._short - {agent}) if freed else frozenset()

    def own(self, agent: str, region: str) -> int:
        """Return the calls that an agent may have in a region."""
        return self._of.get(agent, {}).get(region, 0)

    def of_others(self, agent: str, region: str) -> int:
        """Return the calls that all other agents may have in a region."""
        return self._total[region] - self.own(agent, region)
