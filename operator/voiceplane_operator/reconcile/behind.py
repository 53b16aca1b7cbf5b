"""Give each region its share of an agent's pass, and no more: what a slow one has begun goes on behind the pass.

Read by reconcile and leaving. A step is one agent in one region, never two at a time; its outcome is told to the pass
that waits for it, or wakes the agent for another. A region that has once used up its share is waited for by nobody for
a minute, and so many of its steps go on at once. One that answers each request soon, while many of ours wait for their
turn, is not slow: its steps are waited for, as long as a pass may take.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from voiceplane_operator.decide.status import UNKNOWN, Outcome
from voiceplane_operator.regions.fleet import Region

log = logging.getLogger(__name__)
SHARE_S = 3.0
ANSWER_S = 1.5  # a region whose oldest request is younger answers: what takes long there is our own queue
GLANCE_S = 0.05  # for a slow region: enough when there is nothing to do
SLOW_S = 60.0
BEHIND = 4  # steps of a slow region at once: each has some twenty requests, and a region takes 32


@dataclass(frozen=True, slots=True)
class Step:
    """What to do in a region: `want` tells whether a step that is under way is this one."""

    region: Region
    want: object
    begin: Callable[[], Coroutine[Any, Any, Outcome]]


@dataclass(frozen=True, slots=True)
class _Begun:
    want: object
    begun: float
    task: "asyncio.Task[Outcome]"


@dataclass(slots=True)
class Behind:
    """The steps of all agents in all regions; `wake` takes an agent whose step has ended behind its pass."""

    wake: Callable[[str], None]
    _begun: dict[tuple[str, str], _Begun] = field(default_factory=dict)  # by agent and region
    _slow_until: dict[str, float] = field(default_factory=dict)

    async def take(self, owner: str, steps: list[Step]) -> tuple[Outcome, ...]:
        """Return an outcome for each step: its own, or that the region is slow."""
        taken = [self._step(owner, step) for step in steps]
        prompt = {one.task for step, one in zip(steps, taken, strict=True) if one and not self._slow(step.region.name)}
        if prompt:
            while prompt:
                _, late = await asyncio.wait(prompt, timeout=SHARE_S)
                answering = (one.task for step, one in zip(steps, taken, strict=True) if one and _answers(step.region))
                prompt = late.intersection(answering)
        else:
            tasks = {one.task for one in taken if one}
            if tasks:
                await asyncio.wait(tasks, timeout=GLANCE_S)
        return tuple(self._outcome(owner, step, one) for step, one in zip(steps, taken, strict=True))

    def forget(self, owner: str) -> None:
        """Forget the outcomes that nobody has asked for, of an agent that is gone."""
        for key in [key for key, one in self._begun.items() if key[0] == owner and one.task.done()]:
            del self._begun[key]

    async def close(self) -> None:
        """End every step."""
        tasks = [one.task for one in self._begun.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _slow(self, region: str) -> bool:
        return asyncio.get_running_loop().time() < self._slow_until.get(region, 0.0)

    def _step(self, owner: str, step: Step) -> _Begun | None:
        key, name = (owner, step.region.name), step.region.name
        known = self._begun.get(key)
        if known is not None and (known.want == step.want or not known.task.done()):
            return known
        going = sum(1 for (_, region), one in self._begun.items() if region == name and not one.task.done())
        if self._slow(name) and going >= BEHIND:
            return None
        task = asyncio.create_task(step.begin(), name=f"{owner} in {name}")
        self._begun[key] = begun = _Begun(step.want, asyncio.get_running_loop().time(), task)
        return begun

    def _outcome(self, owner: str, step: Step, begun: _Begun | None) -> Outcome:
        key, name = (owner, step.region.name), step.region.name
        slow = Outcome(name, UNKNOWN, "Slow", f"no answer within {SHARE_S:g} s; it goes on without being waited for")
        if begun is None:
            return slow
        if not begun.task.done():
            if not self._slow(name):
                log.warning("a region is slow", extra={"region": name})
                self._slow_until[name] = asyncio.get_running_loop().time() + SLOW_S
            begun.task.remove_done_callback(self._ended)
            begun.task.add_done_callback(self._ended)
            return slow
        self._begun.pop(key, None)
        if begun.want != step.want:  # of an older wish: look again
            self.wake(owner)
            return slow
        return begun.task.result()

    def _ended(self, task: "asyncio.Task[Outcome]") -> None:
        for (owner, region), one in list(self._begun.items()):
            if one.task is task:
                if task.cancelled() or task.exception() is not None:
                    del self._begun[owner, region]
                self.wake(owner)


def _answers(region: Region) -> bool:
    return region.cluster is not None and region.cluster.turns.oldest_s() < ANSWER_S
