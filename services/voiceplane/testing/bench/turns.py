"""Turn latency, one call at a time: the caller's last sound to the agent's first, its parts, and what partials do."""

from voiceplane.testing.bench import gaps, stages
from voiceplane.testing.bench.caller import Act, Deed, Held, hold, voiced
from voiceplane.testing.bench.lines import Goal, Line, of_cases
from voiceplane.testing.bench.metrics import Counts
from voiceplane.testing.bench.place import VOICES, Effort, Place
from voiceplane.testing.bench.sound import first_after

Dialogue = tuple[tuple[str, str], ...]  # kind of turn, words
DIALOGUES: tuple[Dialogue, ...] = (
    (
        ("intent", "Where is my parcel?"),
        ("digits", "Four five six, seven two one."),
        ("question", "When are you open?"),
        ("yes or no", "No, thank you."),
    ),
    (
        ("intent", "I want to change the delivery day."),
        ("digits", "It is seven three one, zero zero four."),
        ("date", "On Friday, please."),
        ("correction", "No, on Saturday."),
        ("yes or no", "Yes, please."),
        ("question", "Are you open on Sunday?"),
    ),
    (
        ("intent", "Could you find out what happened to my package?"),
        ("digits", "One one eight, three four six."),
        ("intent", "And can you track another package for me?"),
        ("digits", "Nine zero zero, one two seven."),
        ("question", "What are your opening hours?"),
    ),
)


async def run(place: Place, effort: Effort) -> list[Line]:
    """Hold the dialogues with every voice and measure each turn."""
    voices = VOICES[: 1 if effort.quick else len(VOICES)]
    before = await Counts.read(place.metrics)
    calls: list[Held] = []
    dialogues = DIALOGUES[1:2] if effort.quick else DIALOGUES
    total = len(voices) * len(dialogues) * effort.pick(1, 1)
    for round_ in range(effort.pick(1, 1)):
        for voice in voices:
            for dialogue in dialogues:
                acts = [Act(kind, words, await voiced(place, words, voice)) for kind, words in dialogue]
                calls.append(await hold(place, acts))
                seen = ", ".join(f"{wait:.0f}" for _, wait in waits(calls[-1]))
                trouble = f" ({calls[-1].trouble})" if calls[-1].trouble else ""
                place.tell(f"turn: call {len(calls)}/{total}, voice {voice}, round {round_ + 1}: {seen} ms{trouble}")
    change = (await Counts.read(place.metrics)).since(before)
    return [*lines(calls), *gaps.lines(calls), *speech_lines(calls, change)]


def lines(calls: list[Held], *, name: str = "caller's last sound to agent's first sound", goal: Goal | None = None) -> list[Line]:  # fmt: skip  # noqa: E501
    """Return the table's lines for these calls."""
    goal = goal or Goal(median=300, p95=800)
    found = [wait for call in calls for wait in waits(call)]
    kinds = list(dict.fromkeys(deed.act.kind for deed, _ in found))
    made = [Line(name, "ms", tuple(wait for _, wait in found), goal=goal)]
    made += [Line(f"- {kind}", "ms", tuple(w for deed, w in found if deed.act.kind == kind)) for kind in kinds]
    asked = [answered(call, index) for call in calls for index in range(len(call.deeds))]
    made.append(of_cases("turns without an answer, or cut in on", [not each for each in asked]))
    return made


def waits(call: Held) -> list[tuple[Deed, float]]:
    """Return each answered act and the caller's wait, in milliseconds."""
    found = []
    for index, deed in enumerate(call.deeds):
        heard = first_after(call.agent_sounds, deed.end_ms)
        if heard is not None and answered(call, index):
            found.append((deed, heard - deed.end_ms))
    return found


def answered(call: Held, index: int) -> bool:
    """Say whether the agent's next sound after an act came before the next act, and none while it lasted."""
    deed = call.deeds[index]
    until = call.deeds[index + 1].start_ms if index + 1 < len(call.deeds) else float("inf")
    heard = first_after(call.agent_sounds, deed.start_ms)
    return heard is not None and deed.end_ms <= heard < until


def speech_lines(calls: list[Held], change: Counts) -> list[Line]:
    """Return what the gateway's own marks say of these turns: the parts of a wait, partials, speculation."""
    return [*stages.lines(calls), *partials(calls, change)]


def partials(calls: list[Held], change: Counts) -> list[Line]:
    """Return cadence and steadiness of the partials, and how often a speculation held."""
    unstable = change.total("voiceplane_unstable_words_total")
    words = round(change.total("voiceplane_final_words_total"))
    held = change.total("voiceplane_speculations_total", kind=("outcome", "confirmed"))
    begun = change.total("voiceplane_speculations_total")
    return [
        cadence(calls, change),
        Line("unstable words per final word", "words", (unstable / words,) if words else (), note=f"{words} words"),
        Line("speculations confirmed", "", cases=round(held), count=round(begun)),
    ]


def cadence(calls: list[Held], change: Counts, *, name: str = "caller's speech per partial") -> Line:
    """Return how much the caller spoke for each partial."""
    spoken_s = sum(deed.end_ms - deed.start_ms for call in calls for deed in call.deeds) / 1000
    made = change.total("voiceplane_partials_total")
    return Line(name, "ms", (1000 * spoken_s / made,) if made else (), note=f"{made:.0f} partials")
