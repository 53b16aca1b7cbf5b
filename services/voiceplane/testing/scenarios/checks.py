"""What each field allows and no call can be: told before anything is called. Used by load.py.

An expectation that no call can meet wastes a run; one that no call can fail is worse, for it looks kept.
"""

import wave
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from voiceplane.contract.agent import VoiceAgentSpec
from voiceplane.contract.documents import Path as Place
from voiceplane.testing.phone.audio import read_wav
from voiceplane.testing.scenarios.model import Anchor, Scenario, ScenarioFile, Step
from voiceplane.testing.scenarios.words import plain

Slip = tuple[Place, str]


def of_file(file: ScenarioFile) -> Iterator[Slip]:
    """Find what is wrong whoever is called."""
    counts = Counter(scenario.name for scenario in file.scenarios)
    for number, scenario in enumerate(file.scenarios):
        at: Place = ("scenarios", number)
        if counts[scenario.name] > 1:
            yield (*at, "name"), f"{scenario.name!r} is the name of {counts[scenario.name]} scenarios"
        for index, step in enumerate(scenario.steps):
            if step.say is not None and not plain(step.say):
                yield (*at, "steps", index, "say"), "the callers' voices say only letters a-z and figures"
            place = (*at, "steps", index, "expect")
            yield from (((*place, *path), what) for path, what in _of_step(scenario, index, step))
        yield from (((*at, "expect", *path), what) for path, what in _of_call(scenario))


def of_sounds(file: ScenarioFile, folder: Path) -> Iterator[Slip]:
    """Find sound files that are missing or that the phone cannot read."""
    for number, scenario in enumerate(file.scenarios):
        for index, step in enumerate(scenario.steps):
            at: Place = ("scenarios", number, "steps", index, "play")
            if step.play is None:
                continue
            if not (folder / step.play).is_file():
                yield at, f"there is no file {folder / step.play}"
                continue
            try:
                silent = not read_wav(folder / step.play).data
            except (wave.Error, EOFError, ValueError, OSError) as error:
                yield at, f"a 16-bit PCM WAV file is expected; {str(error) or 'this is none'}"
            else:
                if silent:
                    yield at, f"{folder / step.play} holds no sound"


def of_agent(file: ScenarioFile, agent: VoiceAgentSpec) -> Iterator[Slip]:
    """Find tools that the agent does not have."""
    known = {tool.name for tool in agent.tools}
    listed = ", ".join(sorted(known)) or "none"
    for number, scenario in enumerate(file.scenarios):
        at: Place = ("scenarios", number, "expect")
        named = [((*at, "tools", index), tool.name) for index, tool in enumerate(scenario.expect.tools)]
        named += [((*at, "absent", "tools", index), name) for index, name in enumerate(scenario.expect.absent.tools)]
        yield from (
            (path, f"the agent has no tool {name!r}; it has {listed}") for path, name in named if name not in known
        )


def _of_step(scenario: Scenario, index: int, step: Step) -> Iterator[Slip]:
    expect = step.expect
    yield from _words(("heard",), expect.heard)
    yield from _words(("absent",), expect.absent)
    yield from _both(expect.heard, ("absent",), expect.absent)
    if step.hang_up and (expect.heard or expect.absent):
        yield ("heard" if expect.heard else "absent",), "nothing is heard any more: the caller hangs up in this step"
    if expect.agent is not None and step.begins.anchor is Anchor.AGENT_END:
        yield ("agent",), "the agent is silent when this step begins: write `after: agent start + 1s` in the step"
    if expect.within_ms is None or expect.agent == "stops":
        return
    if expect.agent == "goes on":
        yield ("within_ms",), "an agent that goes on is not waited for: this would never be looked at"
    elif not scenario.is_answered(index):
        why = "it is no speech and no key" if step.silence or step.hang_up else "the next step only pauses"
        yield ("within_ms",), f"nobody waits for the agent after this step: {why}"


def _of_call(scenario: Scenario) -> Iterator[Slip]:
    expect = scenario.expect
    yield from _words(("heard",), expect.heard)
    yield from _words(("absent", "heard"), expect.absent.heard)
    yield from _both(expect.heard, ("absent", "heard"), expect.absent.heard)
    called = {tool.name for tool in expect.tools}
    for index, name in enumerate(expect.absent.tools):
        if name in called:
            yield ("absent", "tools", index), f"no call meets this: {name!r} is expected under `tools` too"
    if expect.within_ms is not None and not any(scenario.is_answered(index) for index in range(len(scenario.steps))):
        yield ("within_ms",), "nobody waits for the agent in this call: this would never be looked at"


def _words(at: Place, phrases: tuple[str, ...]) -> Iterator[Slip]:
    for index, phrase in enumerate(phrases):
        if not all(plain(alternative) for alternative in phrase.split("|")):
            yield (*at, index), f"{phrase!r} has no word that could be heard: write letters a-z or figures"


def _both(heard: tuple[str, ...], at: Place, absent: tuple[str, ...]) -> Iterator[Slip]:
    wanted = [plain(phrase) for phrase in heard if "|" not in phrase]
    for index, phrase in enumerate(absent):
        if any(_holds(words, plain(alternative)) for words in wanted for alternative in phrase.split("|")):
            yield (*at, index), f"no call meets this: {phrase!r} is expected under `heard` too"


def _holds(words: list[str], part: list[str]) -> bool:
    return bool(part) and any(words[at : at + len(part)] == part for at in range(len(words) - len(part) + 1))
