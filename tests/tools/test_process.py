"""The tool gateway as the call loop and its operator see it: real processes, real gRPC, real backends."""

import asyncio
import json
import re
import urllib.request
from pathlib import Path

import pytest
from tests.tools import processes
from tests.tools.processes import audits, launch, started, wish
from tests.waiting import until_told

from voiceplane.contract.dialogue import ToolOutcome, ToolsUnavailableError
from voiceplane.records.client import read_trace
from voiceplane.runtime import grpc_server, telemetry
from voiceplane.tools.client import open_client


def page(port: int, path: str = "") -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=5) as response:
        return bytes(response.read())


def counters(port: int) -> dict[str, int]:
    return {str(name): int(value) for name, value in json.loads(page(port)).items()}


async def until_asked(port: int, count: int = 1) -> None:
    async def reached() -> bool:
        return (await asyncio.to_thread(counters, port))["requests"] >= count

    await until_told(reached)


async def test_a_parcel_is_found_and_the_attempt_is_on_record(tmp_path: Path) -> None:
    async with processes.backends(tmp_path) as (records, parcels):
        ports = (records.ports["grpc"], parcels.ports["http"])
        async with (
            processes.tools(tmp_path, *ports) as tools,
            open_client(f"127.0.0.1:{tools.ports['grpc']}") as client,
        ):
            assert await grpc_server.healthy(f"127.0.0.1:{tools.ports['grpc']}")
            found = wish("parcel-status", '{"parcel_number": "456721"}')
            unknown = wish("parcel-status", '{"parcel_number": "000000"}')
            refused = wish("reschedule", '{"parcel_number": "456721"}', intent="opening-hours")

            replies = [await client.invoke(request) for request in (found, unknown, refused)]

            kept = [(await audits(tmp_path, request.call_id, 1))[0] for request in (found, unknown, refused)]
            metrics = (await asyncio.to_thread(page, tools.ports["metrics"], "metrics")).decode()
            status, logged = await tools.terminate()

    assert [reply.outcome.value for reply in replies] == ["ok", "failed", "refused"], replies
    assert json.loads(replies[0].result_json)["status"] == "out for delivery"
    assert replies[1].reason == "HTTP status 404"
    assert [(row.decision, row.outcome, row.attempt) for row in kept] == [
        ("allowed", "ok", 1),
        ("allowed", "failed", 1),
        ("refused", "refused", 0),
    ]
    assert json.loads(kept[0].arguments_redacted_json) == {"parcel_number": "[6 characters]"}
    assert kept[0].turn_index == 3 and kept[0].intent == "track-parcel" and len(kept[0].policy_digest) == 64
    assert kept[0].duration_ms > 0 and kept[2].reason == "not-for-this-intent"
    assert 'gen_ai_execute_tool_duration_seconds_count{outcome="ok"} 1.0' in metrics
    assert status == 0 and "456721" not in logged


async def test_a_tool_runs_and_readiness_says_why_its_record_waits_when_the_region_cannot_prove_itself(
    tmp_path: Path,
) -> None:
    async with processes.backends(tmp_path) as (records, parcels):
        ports = (records.ports["grpc"], parcels.ports["http"])
        (tmp_path / "proof").mkdir()  # the Secret is not there
        async with (
            processes.tools(tmp_path, *ports, "--records-tls", str(tmp_path / "proof")) as tools,
            open_client(f"127.0.0.1:{tools.ports['grpc']}") as client,
        ):
            metrics = tools.ports["metrics"]
            assert await asyncio.to_thread(page, metrics, "readyz") == b"ok\n"
            reply = await client.invoke(wish("parcel-status", '{"parcel_number": "456721"}'))

            async def told() -> bool:
                return b"has no ca.crt" in await asyncio.to_thread(page, metrics, "readyz")

            await until_told(told)
            assert (await asyncio.to_thread(page, metrics, "readyz")).startswith(b"ok; ")
    assert reply.outcome is ToolOutcome.OK


async def test_a_gateway_killed_in_the_middle_is_asked_again_and_the_change_happens_once(tmp_path: Path) -> None:
    async with processes.backends(tmp_path, "--delay-ms", "1500") as (records, parcels):
        backend = parcels.ports["http"]
        ports = (records.ports["grpc"], backend)
        async with processes.tools(tmp_path, *ports) as first:
            port = first.ports["grpc"]
            async with open_client(f"127.0.0.1:{port}") as client:
                request = wish("reschedule", '{"parcel_number": "456721", "day": "2026-11-30"}')
                asking = asyncio.create_task(client.invoke(request))
                await until_asked(backend)
                await first.kill()
                async with processes.tools(tmp_path, *ports, port=port):
                    reply = await asking
                    kept = await audits(tmp_path, request.call_id, 2)
        done = counters(backend)

    assert reply.outcome is ToolOutcome.OK
    assert json.loads(reply.result_json)["changes"] == "1"
    assert done["requests"] == 2 and done["changes"] == 1
    assert sorted(row.outcome for row in kept) == ["failed", "ok"]
    assert "stopped before the result was known" in next(row.reason for row in kept if row.outcome == "failed")
    assert json.loads(kept[0].arguments_redacted_json)["day"] == "2026-11-30"


async def test_a_tool_that_must_run_once_is_not_repeated_after_a_kill(tmp_path: Path) -> None:
    agent = tmp_path / "once.yaml"
    text = processes.PARCEL_DESK.read_text()
    before, _, after = text.partition("- name: reschedule\n")
    agent.write_text(before + "- name: reschedule\n" + after.replace("idempotent: true", "idempotent: false", 1))
    async with processes.backends(tmp_path, "--delay-ms", "1000") as (records, parcels):
        backend = parcels.ports["http"]
        ports = (records.ports["grpc"], backend)
        async with processes.tools(tmp_path, *ports, agent=agent) as first:
            port = first.ports["grpc"]
            async with open_client(f"127.0.0.1:{port}") as client:
                request = wish("reschedule", '{"parcel_number": "456721", "day": "2026-11-30"}', agent=agent)
                asking = asyncio.create_task(client.invoke(request))
                await until_asked(backend)
                await first.kill()
                async with processes.tools(tmp_path, *ports, agent=agent, port=port):
                    reply = await asking
                    kept = await audits(tmp_path, request.call_id, 2)
        done = counters(backend)

    assert reply.outcome is ToolOutcome.FAILED and reply.reason == "an earlier attempt may have run"
    assert done["requests"] == 1
    assert sorted(row.decision for row in kept) == ["allowed", "refused"]


async def test_sigterm_lets_an_attempt_in_flight_finish(tmp_path: Path) -> None:
    async with processes.backends(tmp_path, "--delay-ms", "1000") as (records, parcels):
        ports = (records.ports["grpc"], parcels.ports["http"])
        async with processes.tools(tmp_path, *ports) as tools:
            async with open_client(f"127.0.0.1:{tools.ports['grpc']}") as client:
                request = wish("parcel-status", '{"parcel_number": "731004"}')
                asking = asyncio.create_task(client.invoke(request))
                await until_asked(parcels.ports["http"])
                status, logged = await tools.terminate()
                reply = await asking
        kept = await audits(tmp_path, request.call_id, 1)

    assert reply.outcome is ToolOutcome.OK and status == 0, logged
    assert [row.outcome for row in kept] == ["ok"]
    assert "ResourceWarning" not in logged


async def test_audit_records_wait_on_disk_while_records_is_away(tmp_path: Path) -> None:
    async with processes.records(tmp_path) as records:
        records_port = records.ports["grpc"]
    async with processes.parcels("--fail-first", "1") as parcels:
        ports = (records_port, parcels.ports["http"])
        async with processes.tools(tmp_path, *ports) as tools:
            async with open_client(f"127.0.0.1:{tools.ports['grpc']}") as client:
                request = wish("parcel-status", '{"parcel_number": "900127"}')
                reply = await client.invoke(request)
            await tools.kill()
        async with processes.records(tmp_path, records_port), processes.tools(tmp_path, *ports):
            kept = await audits(tmp_path, request.call_id, 2)

    assert reply.outcome is ToolOutcome.OK and reply.attempts == 2
    assert [(row.attempt, row.outcome, row.reason) for row in kept] == [(1, "failed", "HTTP status 503"), (2, "ok", "")]


async def test_a_tool_behind_mcp_is_one_trace_with_its_call(tmp_path: Path) -> None:
    agent = tmp_path / "mcp.yaml"
    text = processes.PARCEL_DESK.read_text()
    agent.write_text(
        re.sub(
            r"http: \{method: GET, .*\}\n",
            "mcp: {url: http://mcp.support.svc/mcp, tool: track, readOnly: true}\n",
            text.replace("result: {type: object, required: [status, eta],", "result: {type: object,"),
        )
    )
    mcp_server = str(Path(__file__).parent / "mcp_server.py")
    telemetry.configure("test", otlp_endpoint=None)
    async with processes.records(tmp_path) as records, started(mcp_server) as mcp:
        async with processes.tools(
            tmp_path, records.ports["grpc"], 1, agent=agent, mcp_port=mcp.ports["http"]
        ) as tools:
            async with open_client(f"127.0.0.1:{tools.ports['grpc']}") as client:
                request = wish("parcel-status", '{"parcel_number": "456721"}', agent=agent)
                with telemetry.start_call_span(request.call_id, {}):
                    reply = await client.invoke(request)
            await tools.terminate()
        spans = await read_trace(f"127.0.0.1:{records.ports['grpc']}", request.call_id)

    result = json.loads(reply.result_json)
    assert (reply.outcome, result["number"]) == (ToolOutcome.OK, "456721"), reply
    assert result["traceparent"].split("-")[1] == request.call_id
    (span,) = [span for span in spans if span.name == "execute_tool parcel-status"]
    assert span.attributes["gen_ai.tool.name"] == "parcel-status" and span.service == "tools"
    assert span.attributes["gen_ai.operation.name"] == "execute_tool"
    assert "456721" not in str([dict(span.attributes) for span in spans])


async def test_no_gateway_at_all_is_a_clear_error() -> None:
    async with open_client("127.0.0.1:1") as client:
        with pytest.raises(ToolsUnavailableError, match=r"UNAVAILABLE|DEADLINE_EXCEEDED"):
            await client.invoke(wish("parcel-status", "{}"), within_s=0.5)


@pytest.mark.parametrize(
    ("replaced", "by", "says"),
    [
        ("result: {type: object,", 'result: {$ref: "http://evil.example/schema",', "may only point into the schema"),
        ("kind: VoiceAgent", "kind: VoiceAgentt", "kind"),
    ],
)
async def test_an_agent_that_no_tool_may_use_stops_the_start(tmp_path: Path, replaced: str, by: str, says: str) -> None:
    agent = tmp_path / "agent.yaml"
    agent.write_text(processes.PARCEL_DESK.read_text().replace(replaced, by, 1))

    status, errors = await _ended("--agent", str(agent), "--records", "127.0.0.1:1", "--spool", str(tmp_path / "spool"))

    assert status == 1
    assert re.search(f"tools cannot start: .*{says}", errors, re.DOTALL), errors


async def test_a_host_alias_that_is_none_is_explained(tmp_path: Path) -> None:
    status, errors = await _ended(
        *("--agent", str(processes.PARCEL_DESK), "--records", "127.0.0.1:1", "--host-alias", "parcels.svc"),
    )

    assert status == 2 and "is not NAME=HOST:PORT" in errors


async def _ended(*options: str) -> tuple[int, str]:
    process = await launch("-m", "voiceplane.tools", "serve", *options)
    try:
        async with asyncio.timeout(30):
            _, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode is not None
    return process.returncode, errors.decode()
