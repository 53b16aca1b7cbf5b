"""Read a scenario file: YAML in, scenarios or a list of mistakes out. Used by `voiceplane test`."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import yaml
from pydantic import ValidationError

from voiceplane.contract.agent import VoiceAgentSpec
from voiceplane.contract.base import FROM_YAML
from voiceplane.contract.documents import InvalidAgentError, Mistake, dotted, line_of, read_documents
from voiceplane.contract.documents import Path as Place
from voiceplane.contract.load import mistakes_of
from voiceplane.testing.scenarios.model import ScenarioFile, Step


class InvalidScenariosError(ValueError):
    """The YAML is no scenario file that can run; `mistakes` lists everything found."""

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        """Keep the mistakes and join them as the message."""
        super().__init__("\n".join(str(mistake) for mistake in mistakes))
        self.mistakes = mistakes


def load_scenarios(text: str, folder: Path, agent: VoiceAgentSpec | None = None) -> ScenarioFile:
    """Read scenarios; `folder` is where their sound files lie; with an agent, the tools they name must be its own."""
    try:
        documents = read_documents(text)
    except InvalidAgentError as error:
        raise InvalidScenariosError(error.mistakes) from error
    if len(documents) != 1:
        raise InvalidScenariosError((Mistake("(file)", 1, "one YAML document with a list `scenarios` is expected"),))
    content, node = documents[0]
    try:
        scenarios = ScenarioFile.model_validate(content, context=FROM_YAML)
    except ValidationError as error:
        raise InvalidScenariosError(tuple(mistakes_of(error, node))) from error
    found = [*_names(scenarios), *_steps(scenarios, folder), *(_tools(scenarios, agent) if agent is not None else ())]
    if found:
        raise InvalidScenariosError(_placed(found, node))
    return scenarios


def _placed(found: list[tuple[Place, str]], node: yaml.Node) -> tuple[Mistake, ...]:
    return tuple(Mistake(dotted(path), line_of(node, path), what) for path, what in found)


def _names(file: ScenarioFile) -> Iterator[tuple[Place, str]]:
    counts = Counter(scenario.name for scenario in file.scenarios)
    for index, scenario in enumerate(file.scenarios):
        if counts[scenario.name] > 1:
            yield ("scenarios", index, "name"), f"{scenario.name!r} is the name of {counts[scenario.name]} scenarios"


def _steps(file: ScenarioFile, folder: Path) -> Iterator[tuple[Place, str]]:
    for number, scenario in enumerate(file.scenarios):
        for index, step in enumerate(scenario.steps):
            at: Place = ("scenarios", number, "steps", index)
            if step.play is not None and not (folder / step.play).is_file():
                yield (*at, "play"), f"there is no file {folder / step.play}"
            if step.expect.within_ms and step.expect.agent is None and not scenario.is_answered(index):
                yield (*at, "expect", "within_ms"), "nobody waits for the agent after this step: " + _why(step)


def _why(step: Step) -> str:
    return "it is no speech and no key" if step.silence or step.hang_up else "the next step only pauses"


def _tools(file: ScenarioFile, agent: VoiceAgentSpec) -> Iterator[tuple[Place, str]]:
    known = {tool.name for tool in agent.tools}
    listed = ", ".join(sorted(known)) or "none"
    for number, scenario in enumerate(file.scenarios):
        at: Place = ("scenarios", number, "expect")
        named = [((*at, "tools", index), tool.name) for index, tool in enumerate(scenario.expect.tools)]
        named += [((*at, "absent", "tools", index), name) for index, name in enumerate(scenario.expect.absent.tools)]
        yield from (
            (path, f"the agent has no tool {name!r}; it has {listed}") for path, name in named if name not in known
        )
