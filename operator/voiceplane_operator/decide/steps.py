"""Which regions a new revision may enter now: spec.rollout.steps, in whole regions. Pure; read by reconcile.

A step's share of the agent's calls is rounded up to whole regions, so that it needs no weights in the way of SIP; the
next step begins when every region of this one that answers serves the new revision. With one region there is one step.
"""

from collections.abc import Collection


def admitted(
    steps: tuple[int, ...], shares: tuple[tuple[str, int], ...], *, done: Collection[str], away: Collection[str]
) -> frozenset[str]:
    """Return the regions that may have the newest revision; `done` serve it, `away` do not answer and hold none up."""
    total = sum(calls for _, calls in shares) or 1
    for step in (*steps, 100):
        entered: list[str] = []
        held = 0
        for name, calls in shares:
            if entered and held * 100 >= step * total:
                break
            entered.append(name)
            held += calls
        if any(name not in done and name not in away for name in entered):
            return frozenset(entered)
    return frozenset(name for name, _ in shares)
