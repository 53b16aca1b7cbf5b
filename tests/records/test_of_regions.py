"""Records between clusters: real servers and clients, real certificates, and what can be wrong with them."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from tests.records import samples
from tests.records.authority import HUB, Authority, authority, region

from voiceplane.contract.dialogue import ToolRequest
from voiceplane.contract.ids import CallId
from voiceplane.records import client, convert, of_regions
from voiceplane.records.ingest import SpanIngest
from voiceplane.records.store import Store, open_store
from voiceplane.rpc.v1 import records_pb2 as pb
from voiceplane.rpc.v1 import records_pb2_grpc
from voiceplane.runtime import grpc_server, tls, tls_problem
from voiceplane.runtime.clock import SystemClock
from voiceplane.runtime.outbox import OutboxLimits
from voiceplane.tools.audit import open_sink
from voiceplane.tools.ports import Audit

QUICK = OutboxLimits(send_s=2.0, first_retry_s=0.02, last_retry_s=0.1, drain_s=1.0)
CALL = pb.AppendRequest(call=convert.call_message(samples.call()))


@dataclass(frozen=True)
class Hub:
    target: str
    store: Store
    ours: Authority
    folder: Path  # of the records process's certificate


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    ours = authority(tmp_path / "ours")
    folder = ours.signs(tmp_path / "hub", HUB)
    async with open_store(f"sqlite:///{tmp_path}/r.db") as store, serving(store, folder) as server:
        yield Hub(f"127.0.0.1:{server.port}", store, ours, folder)


@contextlib.asynccontextmanager
async def serving(store: Store, folder: Path) -> AsyncIterator[grpc_server.Server]:
    ingest = SpanIngest(store, SystemClock())
    async with grpc_server.serve_proved(
        lambda server: of_regions.register(server, store, ingest),
        host="127.0.0.1",
        port=0,
        credentials=tls.server_credentials(folder),
    ) as server:
        yield server


async def appended(hub: Hub, folder: Path, request: pb.AppendRequest = CALL, *, target: str = "") -> Any:
    async with tls.channels(target or hub.target, folder) as channel:
        stub: Any = records_pb2_grpc.RecordsStub(await channel())
        return await stub.Append(request, timeout=5)


async def refused(asking: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await asking
    return raised.value


async def test_a_record_is_kept_as_one_of_the_region_that_proved_itself(hub: Hub, tmp_path: Path) -> None:
    folder = hub.ours.signs(tmp_path / "frankfurt", region("frankfurt"))
    async with client.open_client(hub.target, tmp_path / "spool", certificates=folder, limits=QUICK) as sender:
        sender.append(replace(samples.call(), region="elsewhere"))  # its word does not count
        sender.append(samples.audit())
        await _until(lambda: not sender.waiting)
    assert await hub.store.calls() == (replace(samples.call(), region="frankfurt"),)
    assert await hub.store.audits(samples.CALL_ID) == (replace(samples.audit(), region="frankfurt"),)
    assert await tls_problem.why(hub.target, folder) == ""


async def test_audits_of_tools_are_the_regions_too(hub: Hub, tmp_path: Path) -> None:
    folder = hub.ours.signs(tmp_path / "frankfurt", region("frankfurt"))
    asked = ToolRequest(CallId(samples.CALL_ID), "support/desk", "r", 2, "look", "look-up", "{}", "key")
    done = Audit("a-1", asked, "allowed", "ok", "", 1, 2.5, samples.START, {}, "d" * 64, False)
    async with open_sink(hub.target, tmp_path / "spool", folder) as sink:
        await sink.begin(done)
        await sink.finish(done)
    assert [(row.id, row.region) for row in await hub.store.audits(samples.CALL_ID)] == [("a-1", "frankfurt")]


async def test_the_process_opens_a_port_for_regions_beside_the_one_of_its_cluster(tmp_path: Path) -> None:
    ours = authority(tmp_path / "ours")
    folder, proof = ours.signs(tmp_path / "hub", HUB), ours.signs(tmp_path / "frankfurt", region("frankfurt"))
    async with process(tmp_path, folder) as started:
        assert started.stdout is not None
        async with asyncio.timeout(30):
            line = (await started.stdout.readline()).decode()
        ports = dict(word.split("=") for word in line.split()[1:])
        assert await tls_problem.why(f"127.0.0.1:{ports['tls']}", proof) == ""
        assert "speaks no TLS" in await tls_problem.why(f"127.0.0.1:{ports['grpc']}", proof)
    (folder / "ca.crt").unlink()
    async with process(tmp_path, folder) as started:
        async with asyncio.timeout(30):
            _, stderr = await started.communicate()
        assert (started.returncode, stderr.decode().splitlines()[-1]) == (
            1,
            f"records cannot start: {folder} has no ca.crt: its Secret needs tls.crt, tls.key and ca.crt",
        )


@contextlib.asynccontextmanager
async def process(folder: Path, certificates: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    command = (sys.executable, "-m", "voiceplane.records", "serve", "--tls", str(certificates))
    piped = asyncio.subprocess.PIPE
    started = await asyncio.create_subprocess_exec(
        *command, "--database-url", f"sqlite:///{folder}/p.db", stdout=piped, stderr=piped
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.communicate()


async def test_who_proves_nothing_is_not_heard(hub: Hub) -> None:
    proofless = grpc.ssl_channel_credentials((hub.folder / "ca.crt").read_bytes())  # noqa: ASYNC240
    for channel in (grpc_server.channel(hub.target), grpc_server.proved_channel(hub.target, proofless)):
        async with channel:
            stub: Any = records_pb2_grpc.RecordsStub(channel)
            assert (await refused(stub.Append(CALL, timeout=5))).code() is grpc.StatusCode.UNAVAILABLE
    assert await hub.store.calls() == ()


@pytest.mark.parametrize("wrong", ["authority of the region", "authority of the hub", "expired", "hub expired", "name"])
async def test_a_certificate_that_is_wrong_lets_nothing_through_and_is_told_in_words(
    hub: Hub, tmp_path: Path, wrong: str
) -> None:
    other, target = authority(tmp_path / "other"), hub.target
    folder = hub.ours.signs(tmp_path / "frankfurt", region("frankfurt"), days=-1 if wrong == "expired" else 2)
    told = "our certificate has expired"
    if wrong == "authority of the region":
        other.signs(folder, region("frankfurt"))
        (folder / "ca.crt").write_bytes((hub.folder / "ca.crt").read_bytes())
        told = "our certificate is not of the authority in ca.crt"
    elif wrong == "authority of the hub":
        other.signs(folder, region("frankfurt"))
        told = f"the certificate of {target} is not of the authority in ca.crt"
    elif wrong == "hub expired":
        hub.ours.signs(hub.folder, HUB, days=-1)
        told = f"the certificate of {target} has expired"
    elif wrong == "name":
        hub.ours.signs(hub.folder, "DNS:records.elsewhere")
        told = f"the certificate of {target} is for another name: its subjectAltName has no 127.0.0.1"
    assert (await refused(appended(hub, folder))).code() is grpc.StatusCode.UNAVAILABLE
    assert await hub.store.calls() == ()
    assert await tls_problem.why(target, folder) == told
    async with client.open_client(target, tmp_path / "spool", certificates=folder, limits=QUICK) as sender:
        sender.append(samples.call())
        await _until(lambda: sender.problem == told)
        assert sender.waiting


@pytest.mark.parametrize("names", ["DNS:frankfurt", f"{region('a')},{region('b')}", region("Not_A_Name")])
async def test_a_certificate_of_no_single_region_writes_nothing(hub: Hub, tmp_path: Path, names: str) -> None:
    folder = hub.ours.signs(tmp_path / "nobody", names)
    error = await refused(appended(hub, folder))
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED
    told = await tls_problem.why(hub.target, folder)
    assert told == f"our certificate names no region: {tls.NAMELESS}" and told[3:] == (error.details() or "")[3:]
    async with tls.channels(hub.target, folder) as channel:
        traces: Any = trace_service_pb2_grpc.TraceServiceStub(await channel())  # type: ignore[no-untyped-call]
        error = await refused(traces.Export(trace_service_pb2.ExportTraceServiceRequest(), timeout=5))
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_a_region_reads_nothing_and_writes_over_nothing_of_another(hub: Hub, tmp_path: Path) -> None:
    one, two = (hub.ours.signs(tmp_path / name, region(name)) for name in ("frankfurt", "tokyo"))
    audit = pb.AppendRequest(audit=convert.audit_message(samples.audit()))
    for request in (CALL, audit):
        await appended(hub, one, request)
        await appended(hub, one, request)  # again is no harm
    for request in (CALL, audit, pb.AppendRequest(audit=convert.audit_message(samples.audit("a-2")))):
        error = await refused(appended(hub, two, request))
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT  # set aside, so that the next ones go on
        assert "of another region" in (error.details() or "")
    assert [call.region for call in await hub.store.calls()] == ["frankfurt"]
    assert [row.id for row in await hub.store.audits(samples.CALL_ID)] == ["a-1"]
    async with tls.channels(hub.target, one) as channel:
        stub: Any = records_pb2_grpc.RecordsStub(await channel())
        for reading in (
            stub.GetCall(pb.GetCallRequest(call_id="latest"), timeout=5),
            stub.ListCallRecords(pb.ListCallRecordsRequest(), timeout=5),
            stub.GetTrace(pb.GetTraceRequest(call_id="latest"), timeout=5),
        ):
            assert (await refused(reading)).code() is grpc.StatusCode.PERMISSION_DENIED


async def test_certificates_of_another_authority_are_taken_up_by_both_sides_without_a_restart(
    hub: Hub, tmp_path: Path
) -> None:
    folder = tmp_path / "frankfurt"
    async with client.open_client(hub.target, tmp_path / "spool", certificates=folder, limits=QUICK) as sender:
        sender.append(samples.call())
        await _until(lambda: "has no ca.crt" in (sender.problem or ""))  # the Secret comes later than the pod
        for number, signer in enumerate((hub.ours, authority(tmp_path / "next"))):
            (hub.folder / "tls.crt").write_text("half")  # while it is being written the former one goes on
            signer.signs(hub.folder, HUB)
            signer.signs(folder, region("frankfurt"))
            sender.append(samples.audit(f"a-{number}", at=samples.START + number))
            await _until(lambda: not sender.waiting)
            assert sender.problem is None
    assert [row.id for row in await hub.store.audits(samples.CALL_ID)] == ["a-0", "a-1"]


async def test_a_process_with_a_certificate_that_is_not_its_keys_does_not_begin(hub: Hub, tmp_path: Path) -> None:
    mixed = hub.ours.signs(tmp_path / "mixed", HUB)
    (mixed / "tls.key").write_bytes((hub.folder / "tls.key").read_bytes())
    with pytest.raises(tls.TlsFilesError, match="tls.key is not its key"):
        tls.server_credentials(mixed)


async def _until(true: Any) -> None:
    async with asyncio.timeout(15):
        while not true():  # noqa: ASYNC110 - delivery has no event for senders
            await asyncio.sleep(0.01)
