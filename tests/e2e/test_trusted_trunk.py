"""A tool that requires an identified caller, through every real process: open by a trusted trunk's word alone."""

from pathlib import Path

import pytest
from tests.e2e.conftest import AGENT, IMPATIENT, running_agent
from tests.e2e.outcomes import Outcome

from voiceplane.cli.conversation import Line
from voiceplane.contract.trunk import Trunks
from voiceplane.testing.phone import PhoneSettings

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(480)]
LINES = (Line(say="Can you track my package?"), Line(keys="456721#"))
TRUSTED, DOUBTED = "127.0.0.1", "127.0.0.2"
TRUNKS = Trunks.model_validate(
    {
        "closed": True,
        "trunks": [
            {"name": "support/carrier", "sources": [f"{TRUSTED}/32"], "identity": {"trust": "attested"}},
            {"name": "support/pbx", "sources": [f"{DOUBTED}/32"]},
        ],
    }
)
HEADERS = (("P-Asserted-Identity", "<sip:+15550111;verstat=TN-Validation-Passed@carrier.example;user=phone>"),)


def told(outcome: Outcome) -> tuple[str, str, str]:
    """Return what the record tells of who called."""
    record = outcome.record
    return record.caller_pii, record.caller_trust, record.caller_authentication


async def test_the_same_header_opens_a_tool_from_one_source_and_not_from_another(tmp_path: Path) -> None:
    text = AGENT.read_text().replace("  escalation:", IMPATIENT)
    text = text.replace("requires: none\n      timeout: 2s", "requires: identified\n      timeout: 2s")
    async with running_agent(text, tmp_path, rtp_ports="23500-23999", trunks=TRUNKS) as running:
        known = await running.call(*LINES, settings=PhoneSettings(headers=HEADERS, host=TRUSTED))
        unknown = await running.call(*LINES, settings=PhoneSettings(headers=HEADERS, host=DOUBTED))
    assert told(known) == ("+15550111", "attested", "identified")
    assert {(a.decision, a.outcome, a.caller_authentication) for a in known.audits} == {("allowed", "ok", "identified")}
    assert told(unknown) == ("phone", "none", "none")
    assert {(a.decision, a.reason, a.caller_authentication) for a in unknown.audits} == {
        ("refused", "authentication", "none")
    }
