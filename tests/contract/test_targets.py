"""Where a call can be sent, in a VoiceAgent as by an operator's order: one pattern."""

import pytest
from pydantic import ValidationError

from voiceplane.contract.agent import Escalation


@pytest.mark.parametrize(
    "target",
    ["sip:queue@pbx.example", "sips:queue@pbx.example:5061;transport=tcp", "tel:+1-555-0100", "tel:+(1)5550100",
     "tel:0100;phone-context=+1555", "tel:*21#"],
)  # fmt: skip
def test_an_agent_escalates_to_sip_sips_and_tel(target: str) -> None:
    assert Escalation(target=target).target == target


@pytest.mark.parametrize(
    "target",
    [
        "queue@pbx.example",
        "tel:",
        "tel:()",
        "tel:+1 555",
        "http://pbx.example",
        "sip:a\r\nX-Evil: 1",
        "sip:a\n",
        "sip:a>",
    ],
)
def test_what_could_write_headers_or_is_no_target_is_refused(target: str) -> None:
    with pytest.raises(ValidationError):
        Escalation(target=target)
