"""Read a scenario file: YAML in, scenarios or a list of mistakes out. Used by `voiceplane test`."""

from pathlib import Path

import yaml
from pydantic import ValidationError

from voiceplane.contract.agent import VoiceAgentSpec
from voiceplane.contract.base import FROM_YAML
from voiceplane.contract.documents import InvalidAgentError, Mistake, dotted, line_of, read_documents
from voiceplane.contract.load import mistakes_of
from voiceplane.testing.scenarios.checks import Slip, of_agent, of_file, of_sounds
from voiceplane.testing.scenarios.model import ScenarioFile

EXPECTED = "one YAML document with a list `scenarios:` is expected; voiceplane test --help shows one"


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
    if len(documents) != 1 or not isinstance(documents[0][0], dict):
        raise InvalidScenariosError((Mistake("(file)", 1, EXPECTED),))
    content, node = documents[0]
    try:
        scenarios = ScenarioFile.model_validate(content, context=FROM_YAML)
    except ValidationError as error:
        raise InvalidScenariosError(tuple(mistakes_of(error, node))) from error
    found = [*of_file(scenarios), *of_sounds(scenarios, folder)]
    if agent is not None:
        found += of_agent(scenarios, agent)
    if found:
        raise InvalidScenariosError(_placed(found, node))
    return scenarios


def _placed(found: list[Slip], node: yaml.Node) -> tuple[Mistake, ...]:
    placed = (Mistake(dotted(path), line_of(node, path), what) for path, what in found)
    return tuple(sorted(placed, key=lambda mistake: mistake.line))
