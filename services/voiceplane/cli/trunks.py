"""`voiceplane dev --trunks FILE`: SIPTrunks as a cluster has them beside an agent, as its gateway reads them."""

from pathlib import Path

from pydantic import ValidationError

from voiceplane.contract.agent import API_VERSION
from voiceplane.contract.base import FROM_YAML, ObjectMeta
from voiceplane.contract.documents import InvalidAgentError, Mistake, line_of, parse_documents
from voiceplane.contract.load import mistakes_of
from voiceplane.contract.trunk import SIPTrunk, TrunkOfAgent, Trunks


def read_trunks(path: Path, agent: ObjectMeta) -> Trunks:
    """Return the trunks of an agent; others do not answer here, as nothing keeps them out before the gateway.

    OSError; InvalidAgentError lists every mistake.
    """
    try:
        documents, mistakes = parse_documents(path.read_text())
    except UnicodeDecodeError as error:
        raise InvalidAgentError((Mistake("(file)", 1, "not UTF-8 text: save the file as UTF-8"),)) from error
    found: list[TrunkOfAgent] = []
    for content, node in documents:
        try:
            trunk = SIPTrunk.model_validate(content, context=FROM_YAML, by_alias=True, by_name=False)
        except ValidationError as error:
            mistakes.extend(mistakes_of(error, node))
            continue
        if (trunk.metadata.namespace, trunk.spec.agent_ref.name) != (agent.namespace, agent.name):
            said = f"this trunk is of another agent than {agent.namespace}/{agent.name}"
            mistakes.append(Mistake("spec.agentRef", line_of(node, ("spec", "agentRef")), said))
        found.append(trunk.told())
    if not documents and not mistakes:
        mistakes.append(Mistake("(file)", 1, f"no SIPTrunk here: start with apiVersion: {API_VERSION}"))
    if mistakes:
        raise InvalidAgentError(tuple(mistakes))
    return Trunks(closed=True, trunks=tuple(found))
