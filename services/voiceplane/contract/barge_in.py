"""When the caller may interrupt the agent: the whole agent, and single sentences of it. Part of the VoiceAgent."""

from typing import Annotated, Literal

from pydantic import Field

from voiceplane.contract.base import ContractModel, Duration, Sentence

BargeInMode = Literal["always", "after", "never"]


class PhraseBargeIn(ContractModel):
    """One or more sentences with a rule of their own; a reply's sentence is written as there, with its braces."""

    text: Sentence
    mode: BargeInMode
    after: Duration = 1.0  # of the sentence, from its first packet on, with mode after


class BargeIn(ContractModel):
    """When the caller may interrupt. `never` names sentences that are heard to their end, such as notices."""

    mode: BargeInMode = "always"
    after: Duration = 1.0  # of each of the agent's turns, from its first packet on, with mode after
    never: Annotated[tuple[Sentence, ...], Field(max_length=20)] = ()
    phrases: Annotated[tuple[PhraseBargeIn, ...], Field(max_length=20)] = ()
