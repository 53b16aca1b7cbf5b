"""Backchannels: "mm-hm" and the like over a long reply. The agent goes on; how often it does not, and how it ducks."""

from voiceplane.testing.bench.caller import Act, After, Deed, Held, voiced
from voiceplane.testing.bench.lines import Goal, Line, of_cases
from voiceplane.testing.bench.many import hold_all
from voiceplane.testing.bench.place import VOICES, Effort, Place
from voiceplane.testing.bench.sound import silence_within

REQUESTS = ("Tell me about the insurance.", "How should I pack a parcel?", "What are your prices?")
# Between slashes are flite's phones: the voices cannot read "mm-hm".
MURMURS = ("/m hh m/", "Right.", "Okay.", "Yeah.", "/ah hh ah/", "I see.")
A_REPLY = 4  # at 2, 5, 8 and 11 s: the replies last 18 s and more
EVERY_S = 2.6
DUCKED_MS = 250.0  # longer than the pauses inside the agent's sentences; the control says how often those are longer
AFTER_MS = 500.0  # a duck begins at most so long after the murmur's end
ENDED_MS = 2000.0  # no pause of the agent is so long
CONTROL_MS = -1600.0  # the same measure where nobody spoke
AT_ONCE = 3


async def run(place: Place, effort: Effort) -> list[Line]:
    """Murmur over long replies, three calls at once: nothing here is a time of the first sound."""
    scripts = []
    for number in range(effort.pick(6, 1)):
        voice = VOICES[number % len(VOICES)]
        acts = []
        for at, request in enumerate(REQUESTS[: 1 if effort.quick else None]):
            acts.append(Act("request", request, await voiced(place, request, voice)))
            for turn in range(A_REPLY):
                words = MURMURS[(number + at * A_REPLY + turn) % len(MURMURS)]
                after, wait_s = (After.ACT, EVERY_S) if turn else (After.AGENT_START, 2.0)
                acts.append(Act("murmur", words, await voiced(place, words, voice), after, wait_s))
        scripts.append(acts)
    return lines(await hold_all(place, scripts, AT_ONCE, name="backchannels"))


def lines(calls: list[Held]) -> list[Line]:
    """Return the table's lines."""
    found = [(call, deed) for call in calls if call.record for deed in murmurs(call)]
    beside = sum(deed.act.kind == "murmur" and not over_a_reply(call, deed) for call in calls for deed in call.deeds)
    ended = [ends_the_turn(call, deed) for call, deed in found]
    pauses = [pause_ms(call, deed) for call, deed in found]
    control = [pause_ms(call, deed, shift_ms=CONTROL_MS) >= DUCKED_MS for call, deed in found]
    ducks = tuple(pause for pause, over in zip(pauses, ended, strict=True) if pause >= DUCKED_MS and not over)
    words = list(dict.fromkeys(deed.act.words for _, deed in found))
    each = [
        of_cases(f"- {word}", [over for (_, deed), over in zip(found, ended, strict=True) if deed.act.words == word])
        for word in words
    ]
    return [
        of_cases(
            "backchannels that ended the agent's turn",
            ended,
            Goal(share=5),
            note=f"{beside} said beside a reply, or at its very end, are left out",
        ),
        *each,
        of_cases("backchannels at which the agent paused", [pause >= DUCKED_MS for pause in pauses]),
        of_cases("the same 1.6 s before, where nobody spoke", control),
        Line("pause of an agent that went on", "ms", ducks),
    ]


def murmurs(call: Held) -> list[Deed]:
    """Return the murmurs over a reply that still ran: those after one that ended it are a caller's turns."""
    found: list[Deed] = []
    over = False
    for deed in call.deeds:
        if deed.act.kind == "request":
            over = False
        elif not over and over_a_reply(call, deed):
            found.append(deed)
            over = ends_the_turn(call, deed)
    return found


def over_a_reply(call: Held, deed: Deed) -> bool:
    """Say whether the agent spoke when the murmur began, and its reply did not come to its own end meanwhile."""
    for turn in call.record.turns if call.record else ():
        begun, ended = call.ms(turn.started_unix_ns), call.ms(turn.ended_unix_ns)
        if turn.speaker == "agent" and begun <= deed.start_ms <= ended:
            return "interrupted" in turn.timings_ms or ended >= deed.end_ms
    return False


def ends_the_turn(call: Held, deed: Deed) -> bool:
    """Say whether the agent fell silent for long, or the call record has this murmur as a turn of the caller."""
    assert call.record is not None
    if pause_ms(call, deed) >= ENDED_MS:
        return True
    ends = [call.ms(turn.ended_unix_ns) for turn in call.record.turns if turn.speaker == "caller"]
    return any(deed.start_ms <= end <= deed.end_ms + 700 for end in ends)


def pause_ms(call: Held, deed: Deed, *, shift_ms: float = 0.0) -> float:
    """Return the agent's longest pause that begins at a murmur."""
    start, end = deed.start_ms + shift_ms, deed.end_ms + AFTER_MS + shift_ms
    return silence_within(call.agent_sounds, start, min(end, start + 1000))
