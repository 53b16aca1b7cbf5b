"""Echo: the handset returns the agent's own voice through the whole call. The agent must never fall silent for itself.

And it must still give way to the caller, whose voice comes together with the echo.
"""

import random

from voiceplane.testing.bench import barge_in
from voiceplane.testing.bench.caller import Act, EchoLine, Held, voiced
from voiceplane.testing.bench.lines import Goal, Line, of_cases
from voiceplane.testing.bench.many import hold_all
from voiceplane.testing.bench.metrics import Counts
from voiceplane.testing.bench.place import VOICES, Effort, Place
from voiceplane.testing.bench.sound import QUIET_MS, silences

WORDS = ("Tell me about the insurance.", "When are you open?")
WHOLE = (".", "?", "!")  # how each of the agent's replies ends
LINE = EchoLine(loss_db=20.0, delay_s=0.2)
NEAR_MS = 600.0  # a turn in the record ends so near an utterance that it is that utterance's
AT_ONCE = 4


async def run(place: Place, effort: Effort) -> list[Line]:
    """Hold calls with an echo, the same on a clean line, then interrupt over the echo."""
    acts = [[Act("question", words, await voiced(place, words, voice)) for words in WORDS] for voice in VOICES[:2]]
    before = await Counts.read(place.metrics)
    scripts = [acts[number % 2] for number in range(effort.pick(8, 2))]
    calls = await hold_all(place, scripts, AT_ONCE, name="echo", echo=LINE)
    change = (await Counts.read(place.metrics)).since(before)
    clean = await hold_all(place, acts, AT_ONCE, name="the same without echo")
    dice = random.Random(47)
    over = [
        await barge_in.script(place, VOICES[number % len(VOICES)], dice, latest_s=5.0)
        for number in range(effort.pick(4, 1))
    ]
    over = [each[: barge_in.QUICK] for each in over] if effort.quick else over
    talked_over = await hold_all(place, over, AT_ONCE, name="interruptions over echo", echo=LINE)
    swallowed = change.total("voiceplane_barge_ins_total", kind=("kind", "echo"))
    return [*lines(calls, clean, swallowed), *interruptions(talked_over)]


def lines(calls: list[Held], clean: list[Held], swallowed: float) -> list[Line]:
    """Return the table's lines of calls in which nobody spoke over the agent."""
    note = f"-{LINE.loss_db:.0f} dB after {LINE.delay_s * 1000:.0f} ms; {swallowed:.0f} echoes told by the gateway"
    answers = [turn for call in calls if call.record for turn in call.record.turns if turn.timings_ms]
    usual = max((pauses(call) for call in clean), default=0)
    itself = [interrupted_itself(call) for call in calls]
    ducked = ["ducked" in turn.timings_ms for turn in answers]
    silent = tuple(float(pauses(call)) for call in calls)
    return [
        of_cases("calls in which the agent interrupted itself", itself, Goal(share=0), note=note),
        of_cases("replies in which it fell silent for its echo", ducked, Goal(share=0), note="by the gateway's mark"),
        Line(f"its pauses of {QUIET_MS:.0f} ms in a call", "", silent, note=f"on a clean line up to {usual}"),
    ]


def interruptions(calls: list[Held]) -> list[Line]:
    """Return the lines of the calls in which the caller spoke over the agent and its echo."""
    good = [(call, deed) for call in calls if call.record for deed in barge_in.interruptions(call)]
    cuts = [barge_in.cut_by(call, deed) for call, deed in good]
    silent = tuple(cut.silent_ms for cut in cuts if cut is not None)
    return [
        of_cases("interruptions over echo after which the agent went on", [cut is None for cut in cuts], Goal(share=5)),
        Line("caller's first sound over echo to agent silent", "ms", silent),
    ]


def pauses(call: Held) -> int:
    """Count the agent's silences between its first sound and its last, but for those in which the caller spoke."""
    return sum(
        not any(deed.start_ms < end and deed.end_ms > start for deed in call.deeds)
        for start, end in silences(call.agent_sounds, QUIET_MS)
    )


def interrupted_itself(call: Held) -> bool:
    """Say whether the record has a caller's turn that nobody spoke, or a reply that was heard only in part."""
    if call.record is None:
        return True
    ends = [call.ms(turn.ended_unix_ns) for turn in call.record.turns if turn.speaker == "caller"]
    spoken = [any(deed.start_ms <= end <= deed.end_ms + NEAR_MS for deed in call.deeds) for end in ends]
    replies = [turn.text_pii.rstrip() for turn in call.record.turns if turn.speaker == "agent"]
    return not all(spoken) or not all(reply.endswith(WHOLE) for reply in replies)
