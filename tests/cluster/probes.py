"""Probes of the test node: exec, httpGet, tcpSocket and grpc, with the kubelet's delays, periods and thresholds."""

import asyncio
import contextlib
import ssl
from dataclasses import dataclass
from typing import Any

import aiohttp
import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tests.cluster.api import Object
from tests.cluster.container import Container


@dataclass(slots=True)
class ProbeCount:
    """Results in a row, against the thresholds of a probe."""

    probe: Object
    passing: bool
    successes: int = 0
    failures: int = 0

    def take(self, success: bool) -> bool:
        """Count one result; return whether the verdict changed."""
        before = self.passing
        if success:
            self.successes, self.failures = self.successes + 1, 0
            self.passing = self.passing or self.successes >= int(self.probe.get("successThreshold", 1))
        else:
            self.successes, self.failures = 0, self.failures + 1
            if self.failures >= int(self.probe.get("failureThreshold", 3)):
                self.passing = False
        return self.passing != before

    @property
    def exhausted(self) -> bool:
        """Say whether it failed as often as it may."""
        return self.failures >= int(self.probe.get("failureThreshold", 3))


def port_of(container: Object, port: object) -> int:
    """Return a port's number: named ports stand in the container."""
    if isinstance(port, int) or str(port).isdecimal():
        return int(str(port))
    named = {each.get("name"): each["containerPort"] for each in container.get("ports") or []}
    return int(named[str(port)])


async def ask(probe: Object, spec: Object, container: Container, address: str) -> tuple[bool, str]:
    """Ask once; return whether it succeeded and what it said."""
    timeout_s = float(probe.get("timeoutSeconds", 1))
    try:
        if "exec" in probe:
            status, out = await container.execute(probe["exec"]["command"], timeout_s=timeout_s)
            return status == 0, out[-300:]
        async with asyncio.timeout(timeout_s):
            if "httpGet" in probe:
                return await _http(probe["httpGet"], spec, address)
            if "tcpSocket" in probe:
                return await _tcp(probe["tcpSocket"].get("host") or address, port_of(spec, probe["tcpSocket"]["port"]))
            return await _grpc(f"{address}:{probe['grpc']['port']}", probe["grpc"].get("service") or "")
    except TimeoutError:
        return False, f"no answer in {timeout_s:.0f} s"
    except (OSError, aiohttp.ClientError, grpc.aio.AioRpcError) as error:
        return False, f"{type(error).__name__}: {error}"[:300]


async def _http(get: Object, spec: Object, address: str) -> tuple[bool, str]:
    scheme = get.get("scheme", "HTTP").lower()
    url = f"{scheme}://{get.get('host') or address}:{port_of(spec, get['port'])}{get.get('path', '/')}"
    headers = {each["name"]: each["value"] for each in get.get("httpHeaders") or []}
    unverified = ssl._create_unverified_context() if scheme == "https" else False  # as the kubelet
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.get(url, ssl=unverified, allow_redirects=False) as response,
    ):
        return 200 <= response.status < 400, f"{response.status} {(await response.text(errors='replace'))[:200]}"


async def _tcp(host: str, port: int) -> tuple[bool, str]:
    _, writer = await asyncio.open_connection(host, port)
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True, ""


async def _grpc(target: str, service: str) -> tuple[bool, str]:
    async with grpc.aio.insecure_channel(target) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        answer = await stub.Check(health_pb2.HealthCheckRequest(service=service))
    name = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
    return answer.status == health_pb2.HealthCheckResponse.SERVING, name
