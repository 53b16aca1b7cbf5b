"""Which calls each agent may have in each region: the agents of a region share its capacity. Fed by reconcile."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Shares:
    """The shares of all agents that were placed since the operator began."""

    _of: dict[str, dict[str, int]] = field(default_factory=dict)  # agent -> region -> calls
    _total: Counter[str] = field(default_factory=Counter)

    def put(self, agent: str, shares: dict[str, int]) -> None:
        """Take an agent's shares instead of those that it had."""
        self._total.subtract(self._of.pop(agent, {}))
        if shares:
            self._of[agent] = shares
            self._total.update(shares)

    def own(self, agent: str, region: str) -> int:
        """Return the calls that an agent may have in a region."""
        return self._of.get(agent, {}).get(region, 0)

    def of_others(self, agent: str, region: str) -> int:
        """Return the calls that all other agents may have in a region."""
        return self._total[region] - self.own(agent, region)
