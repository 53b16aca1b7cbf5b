"""Echo: the handset returns the agent's own voice through the whole call. The agent must never interrupt itself."""

import asyncio

from voiceplane.testing.bench.caller import Act, EchoLine, Held, hold_unread, voiced
from voiceplane.testing.bench.lines import Goal, Line, of_cases
from voiceplane.testing.bench.many import hold_all
from voiceplane.testing.bench.metrics import Counts
from voiceplane.testing.bench.place import VOICES, Effort, Place

WORDS = ("Tell me about the insurance.", "When are you open?")
LINE = EchoLine(loss_db=20.0, delay_s=0.2)


async def run(place: Place, effort: Effort) -> list[Line]:
    """Hold calls with an echo, and the same on a clean line, and compare what the caller heard."""
    acts = {
        voice: [Act("question", words, await voiced(place, words, voice)) for words in WORDS] for voice in VOICES[:2]
    }
    before = await Counts.read(place.metrics)
    scripts = [acts[VOICES[number % 2]] for number in range(effort.pick(12, 2))]
    async with asyncio.TaskGroup() as group:
        beside = group.create_task(hold_unread(place, acts[VOICES[0]]), name="clean call")
        calls = await hold_all(place, scripts, 2, name="echo", echo=LINE)
    clean = beside.result().read()
    change = (await Counts.read(place.metrics)).since(before)
    swallowed = change.total("voiceplane_barge_ins_total", kind=("kind", "echo"))
    return lines(clean, calls, swallowed)


def lines(clean: Held, calls: list[Held], swallowed: float) -> list[Line]:
    """Return the table's lines."""
    judged = [interrupted_itself(clean, call) for call in calls]
    note = f"-{LINE.loss_db:.0f} dB after {LINE.delay_s * 1000:.0f} ms; {swallowed:.0f} echoes told by the gateway"
    return [of_cases("calls in which the agent interrupted itself", judged, Goal(share=0), note=note)]


def interrupted_itself(clean: Held, call: Held) -> bool:
    """Say whether the record has a caller's turn that nobody spoke, or a reply that was not heard to its end."""
    if clean.record is None or call.record is None:
        return True
    spoken = sum(turn.speaker == "caller" for turn in call.record.turns)
    wanted, heard = _replies(clean), _replies(call)
    return spoken > len(call.deeds) or len(heard) < len(wanted)


def _replies(call: Held) -> list[str]:
    assert call.record is not None
    return " ".join(turn.text_pii for turn in call.record.turns if turn.speaker == "agent").split()
