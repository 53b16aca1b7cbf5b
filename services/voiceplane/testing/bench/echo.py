"""Echo: the handset returns the agent's own voice through the whole call. The agent must never interrupt itself."""

from voiceplane.testing.bench.caller import Act, EchoLine, Held, voiced
from voiceplane.testing.bench.lines import Goal, Line, of_cases
from voiceplane.testing.bench.many import hold_all
from voiceplane.testing.bench.metrics import Counts
from voiceplane.testing.bench.place import VOICES, Effort, Place

WORDS = ("Tell me about the insurance.", "When are you open?")
WHOLE = (".", "?", "!")  # how each of the agent's replies ends
LINE = EchoLine(loss_db=20.0, delay_s=0.2)


async def run(place: Place, effort: Effort) -> list[Line]:
    """Hold calls with an echo and see whether the agent was heard to its end each time."""
    acts = {
        voice: [Act("question", words, await voiced(place, words, voice)) for words in WORDS] for voice in VOICES[:2]
    }
    before = await Counts.read(place.metrics)
    scripts = [acts[VOICES[number % 2]] for number in range(effort.pick(12, 2))]
    calls = await hold_all(place, scripts, 2, name="echo", echo=LINE)
    change = (await Counts.read(place.metrics)).since(before)
    swallowed = change.total("voiceplane_barge_ins_total", kind=("kind", "echo"))
    return lines(calls, swallowed)


def lines(calls: list[Held], swallowed: float) -> list[Line]:
    """Return the table's lines."""
    judged = [interrupted_itself(call) for call in calls]
    note = f"-{LINE.loss_db:.0f} dB after {LINE.delay_s * 1000:.0f} ms; {swallowed:.0f} echoes told by the gateway"
    return [of_cases("calls in which the agent interrupted itself", judged, Goal(share=0), note=note)]


def interrupted_itself(call: Held) -> bool:
    """Say whether the record has a caller's turn that nobody spoke, or a reply that was heard only in part."""
    if call.record is None:
        return True
    spoken = sum(turn.speaker == "caller" for turn in call.record.turns)
    replies = [turn.text_pii.rstrip() for turn in call.record.turns if turn.speaker == "agent"]
    return spoken > len(call.deeds) or not all(reply.endswith(WHOLE) for reply in replies)
