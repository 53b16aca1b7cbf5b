"""Which call of the end-to-end tests is placed again: one in which the agent heard what nobody had said."""

import pytest
from tests.e2e.outcomes import misheard

from voiceplane.records.rows import TurnRow

OPEN = "When are you open?"


def turns(*said: tuple[str, str]) -> list[TurnRow]:
    return [TurnRow(index, speaker, text, 0, 0) for index, (speaker, text) in enumerate(said)]


@pytest.mark.parametrize("heard", ["When a r u opened.", "When", "When are you open on Sunday?"])
def test_other_words_than_were_spoken_were_misheard(heard: str) -> None:
    assert misheard(turns(("agent", "Hello."), ("caller", heard)), (OPEN,)) == [heard]


@pytest.mark.parametrize(
    "said",
    [
        [("agent", "Hello."), ("caller", "when are you open"), ("caller", "4 5 6 7 2 1")],
        [("agent", "Hello."), ("caller", "It is [digits]"), ("caller", "[a proof of who calls]")],
        [("agent", "Hello."), ("agent", "Sorry, I did not get that.")],
    ],
)
def test_the_words_that_were_spoken_what_the_record_hides_and_no_turn_at_all_are_no_mishearing(
    said: list[tuple[str, str]],
) -> None:
    assert misheard(turns(*said), (OPEN, "456721")) == []
