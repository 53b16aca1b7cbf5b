"""Edges of the tool gateway through real processes: refused, cut off, too large or tried again, with the audit."""

import contextlib
import json
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import pytest_asyncio
from tests.tools.processes import audits, parcels, records, started, wish

from voiceplane.contract.dialogue import ToolOutcome, ToolReply, ToolRequest
from voiceplane.records.rows import AuditRow
from voiceplane.tools.client import open_client

pytestmark = pytest.mark.asyncio(loop_scope="module")
AGENT = """
apiVersion: voiceplane.dev/v1alpha1
kind: VoiceAgent
metadata: {name: edges, namespace: support}
spec:
  opening: "Hello."
  intents:
    - name: find
      examples: ["find"]
      slots: [{name: number, type: digits, length: 6, ask: "Which?"}]
      tool: find
      reply: "{status}"
    - name: free
      examples: ["free"]
      slots: [{name: who, type: name, ask: "Who?"}]
      tool: free
      reply: "{status}"
    - {name: denied, examples: ["denied"], tool: denied, reply: "{status}"}
    - {name: private, examples: ["private"], tool: private, reply: "{status}"}
    - {name: small, examples: ["small"], tool: small, reply: "{status}"}
    - {name: strict, examples: ["strict"], tool: strict, reply: "{status}"}
    - {name: slow, examples: ["slow"], tool: slow, reply: "{status}"}
    - {name: busy, examples: ["busy"], tool: busy, reply: "{status}"}
    - {name: busy-once, examples: ["once"], tool: busy-once, reply: "{status}"}
  tools:
    - {name: find, http: {url: "http://good.svc/parcels/{number}"}, idempotent: true}
    - name: free
      http: {url: "http://good.svc/parcels/{who}"}
      arguments: {type: object, required: [who], properties: {who: {type: string}}, additionalProperties: false}
    - {name: denied, http: {url: "http://good.svc/parcels/456721"}}
    - {name: private, http: {url: "http://good.svc/parcels/456721"}, requires: verified}
    - {name: small, http: {url: "http://good.svc/parcels/731004"}, maxResultBytes: 64, retries: 3, idempotent: true}
    - name: strict
      http: {url: "http://good.svc/parcels/456721"}
      result: {type: object, required: [price]}
    - {name: slow, http: {url: "http://slow.svc/parcels/456721"}, timeout: 200ms, retries: 0, idempotent: true}
    - {name: busy, http: {url: "http://busy.svc/parcels/456721"}, retries: 2, idempotent: true}
    - {name: busy-once, http: {url: "http://busy.svc/parcels/456721"}, retries: 2}
  policyRef: {name: rules}
---
apiVersion: voiceplane.dev/v1alpha1
kind: VoicePolicy
metadata: {name: rules, namespace: support}
spec: {tools: {deny: [denied]}, redaction: {showArguments: []}}
"""


@dataclass(frozen=True, slots=True)
class Site:
    """The processes of this file: one gateway, its records, and three parcel systems: well, slow and busy."""

    folder: Path
    agent: Path
    target: str
    good: int
    busy: int

    async def asked(self, request: ToolRequest) -> tuple[ToolReply, list[AuditRow]]:
        """Ask the gateway; return its reply and every audit record of the call."""
        async with open_client(self.target) as client:
            reply = await client.invoke(request)
        return reply, await audits(self.folder, request.call_id, max(1, reply.attempts))

    def wish(self, tool: str, arguments: object = None) -> ToolRequest:
        text = arguments if isinstance(arguments, str) else json.dumps(arguments or {})
        return wish(tool, text, agent=self.agent)


def requests(port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as response:
        return int(json.loads(response.read())["requests"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    folder = tmp_path_factory.mktemp("edges")
    agent = folder / "agent.yaml"
    agent.write_text(AGENT)
    async with contextlib.AsyncExitStack() as stack:
        kept = await stack.enter_async_context(records(folder))
        good = await stack.enter_async_context(parcels())
        slow = await stack.enter_async_context(parcels("--delay-ms", "1500"))
        busy = await stack.enter_async_context(parcels("--fail-first", "1000"))
        hosts = {"good": good, "slow": slow, "busy": busy}
        aliases = [f"--host-alias={name}.svc=127.0.0.1:{running.ports['http']}" for name, running in hosts.items()]
        gateway = await stack.enter_async_context(
            started(
                *("-m", "voiceplane.tools", "serve", "--agent", str(agent), *aliases),
                *("--records", f"127.0.0.1:{kept.ports['grpc']}", "--spool", str(folder / "spool")),
            )
        )
        yield Site(folder, agent, f"127.0.0.1:{gateway.ports['grpc']}", good.ports["http"], busy.ports["http"])


@pytest.mark.parametrize("tool", ["denied", "private"])
async def test_what_the_policy_forbids_never_reaches_the_backend(site: Site, tool: str) -> None:
    before = requests(site.good)

    reply, kept = await site.asked(site.wish(tool))

    assert reply.outcome is ToolOutcome.REFUSED
    assert reply.reason == {"denied": "policy", "private": "authentication"}[tool]
    assert [(row.decision, row.attempt, row.reason) for row in kept] == [("refused", 0, reply.reason)]
    assert requests(site.good) == before


async def test_a_tool_of_another_intent_never_reaches_the_backend(site: Site) -> None:
    before = requests(site.good)

    reply, kept = await site.asked(replace(site.wish("find", {"number": "456721"}), intent="slow"))

    assert (reply.outcome, reply.reason) == (ToolOutcome.REFUSED, "not-for-this-intent")
    assert [row.decision for row in kept] == ["refused"]
    assert requests(site.good) == before


@pytest.mark.parametrize(
    "arguments",
    [
        {"number": "../admin"},
        {"number": "%2e%2e"},
        {"number": "456721\n"},
        {"number": "456721\r\nHost: evil"},
        {"number": "@evil"},
        {"number": "456721/delivery"},
        {"number": "４５６７２１"},
        {"number": 456721},
        {"number": "456721", "admin": "1"},
        {"number": ["456721"]},
        {},
        "[]",
        "not json",
        '{"number": "456721", "number": "../admin"}',
    ],
    ids=str,
)
async def test_digits_that_are_none_never_reach_the_backend(site: Site, arguments: object) -> None:
    before = requests(site.good)

    reply, kept = await site.asked(site.wish("find", arguments))

    assert reply.outcome is ToolOutcome.INVALID_ARGUMENTS
    assert reply.attempts == 0
    assert [(row.decision, row.outcome) for row in kept] == [("refused", "invalid-arguments")]
    assert not any(word in kept[0].arguments_redacted_json + kept[0].reason for word in ("evil", "456721", "../"))
    assert requests(site.good) == before


@pytest.mark.parametrize(
    "who", ["../admin", "%2e%2e", "1\r\nHost: evil", "@evil", "x?y=z", "x#y", "//evil/x", "456721/delivery"]
)
async def test_free_text_stays_one_piece_of_the_path(site: Site, who: str) -> None:
    reply, kept = await site.asked(site.wish("free", {"who": who}))

    assert reply.outcome in (ToolOutcome.FAILED, ToolOutcome.INVALID_ARGUMENTS)
    assert reply.reason == "HTTP status 404" or reply.attempts == 0, reply
    assert who not in kept[0].arguments_redacted_json + kept[0].reason


async def test_a_result_that_is_too_large_or_of_another_form_is_kept_out(site: Site) -> None:
    large, kept_large = await site.asked(site.wish("small"))
    other, kept_other = await site.asked(site.wish("strict"))

    for reply, kept in ((large, kept_large), (other, kept_other)):
        assert (reply.outcome, reply.result_json, reply.attempts) == (ToolOutcome.INVALID_RESULT, "", 1), reply
        assert [(row.decision, row.outcome) for row in kept] == [("allowed", "invalid-result")]
        assert "delivery" not in reply.reason


async def test_a_slow_tool_is_left_at_its_timeout(site: Site) -> None:
    reply, kept = await site.asked(site.wish("slow"))

    assert (reply.outcome, reply.attempts) == (ToolOutcome.TIMED_OUT, 1)
    assert [row.outcome for row in kept] == ["timed-out"]
    assert 150 <= kept[0].duration_ms < 1500  # the backend answers after 1500 ms


@pytest.mark.parametrize(("tool", "attempts"), [("busy", 3), ("busy-once", 1)])
async def test_only_an_idempotent_tool_is_tried_again_and_each_attempt_is_on_record(
    site: Site, tool: str, attempts: int
) -> None:
    before = requests(site.busy)

    reply, kept = await site.asked(site.wish(tool))

    assert (reply.outcome, reply.attempts) == (ToolOutcome.FAILED, attempts)
    assert [(row.attempt, row.outcome, row.reason) for row in kept] == [
        (number, "failed", "HTTP status 503") for number in range(1, attempts + 1)
    ]
    assert requests(site.busy) == before + attempts


async def test_arguments_are_redacted_in_every_record(site: Site) -> None:
    reply, kept = await site.asked(site.wish("find", {"number": "456721"}))

    assert reply.outcome is ToolOutcome.OK
    assert json.loads(kept[0].arguments_redacted_json) == {"number": "[6 characters]"}
