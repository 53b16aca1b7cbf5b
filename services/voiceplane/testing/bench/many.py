"""Hold several calls at once, a bounded number, in the order of their scripts. Used by the suites."""

import asyncio

from voiceplane.testing.bench.caller import Act, EchoLine, Held, hold_unread
from voiceplane.testing.bench.place import Place


async def hold_all(
    place: Place,
    scripts: list[list[Act]],
    at_once: int,
    *,
    name: str,
    echo: EchoLine | None = None,
    hear_out: bool = True,
) -> list[Held]:
    """Return the calls; each is told when it is over."""
    gate, done = asyncio.Semaphore(at_once), [0]

    async def one(acts: list[Act]) -> Held:
        async with gate:
            held = await hold_unread(place, acts, echo=echo, hear_out=hear_out)
        done[0] += 1
        place.tell(f"{name}: call {done[0]}/{len(scripts)}, {len(held.deeds)} acts {held.trouble}")
        return held

    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(one(acts), name=f"{name} {index}") for index, acts in enumerate(scripts)]
    return [call.result().read() for call in calls]
