"""Run a credential plugin as client-go does: KUBERNETES_EXEC_INFO in, an ExecCredential out. Read by credentials.

A plugin has so much time and no more: what hangs is killed together with what it started. Nothing that it prints
comes into an error: it may be a secret.
"""

import asyncio
import contextlib
import json
import logging
import math
import os
import signal
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from voiceplane_operator import errors

log = logging.getLogger(__name__)
EXTENSION = "client.authentication.k8s.io/exec"  # of a cluster: its `config` for the plugin
MORE_ARGUMENTS = "clusterprofiles.multicluster.x-k8s.io/exec/additional-args"
MORE_ENVIRONMENT = "clusterprofiles.multicluster.x-k8s.io/exec/additional-envs"
DEADLINE_S = 20.0
GRACE_S = 2.0  # to be gone after SIGKILL
MOST_OUTPUT = 1024 * 1024  # a credential is a thousandth of that
SHARE_BEFORE_END = 0.2  # of its life: so long before its end a credential is renewed
TOLD = (
    *("server", "tls-server-name", "insecure-skip-tls-verify"),
    *("certificate-authority-data", "proxy-url", "disable-compression"),
)
Object = dict[str, Any]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)


class Variable(_Strict):
    """One variable of a plugin's environment."""

    name: str
    value: str


class ExecConfig(_Strict):
    """How to run a plugin, as a kubeconfig has it."""

    command: str = Field(min_length=1)
    args: tuple[str, ...] = ()
    env: tuple[Variable, ...] = ()
    api_version: Literal["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"] = Field(
        alias="apiVersion"
    )
    install_hint: str = Field("", alias="installHint")
    provide_cluster_info: bool = Field(False, alias="provideClusterInfo")
    interactive_mode: Literal["Never", "IfAvailable"] = Field("Never", alias="interactiveMode")


class Provider(_Strict):
    """A plugin that ClusterProfiles may name, and what a profile may add to its command."""

    name: str
    plugin: ExecConfig = Field(alias="execConfig")
    arguments: Literal["Append", "Ignore"] = Field("Ignore", alias="profileSourcedCLIArgsPolicy")
    environment: Literal["AppendIfNotExists", "Replace", "Ignore"] = Field(
        "Ignore", alias="profileSourcedEnvVarsPolicy"
    )


class Providers(_Strict):
    """The file of --credential-providers, in the format of the cluster-inventory API."""

    providers: tuple[Provider, ...] = ()


class _Status(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    token: str = ""
    certificate: str = Field("", alias="clientCertificateData")
    key: str = Field("", alias="clientKeyData")
    expires: AwareDatetime | None = Field(None, alias="expirationTimestamp")


class _Answer(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    api_version: str = Field(alias="apiVersion")
    kind: Literal["ExecCredential"]
    status: _Status


@dataclass(frozen=True, slots=True)
class Credential:
    """What a plugin gave: a token, or a certificate with its key (PEM)."""

    token: str = field(default="", repr=False)
    certificate: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    renew_in_s: float = math.inf


async def credential(provider: Provider, endpoint: Object, *, within_s: float = DEADLINE_S) -> Credential:
    """Ask a plugin for a credential of a cluster; PluginFailedError tells what it did instead."""
    plugin = provider.plugin
    extensions = {one["name"]: one.get("extension") for one in endpoint.get("extensions") or ()}
    try:
        command = [plugin.command, *plugin.args, *_arguments(provider, extensions)]
        environment = os.environ | _environment(provider, extensions)
    except (ValueError, TypeError) as error:
        raise errors.PluginFailedError(f"plugin {provider.name}: {error}") from error
    environment["KUBERNETES_EXEC_INFO"] = json.dumps(exec_info(plugin, endpoint, extensions.get(EXTENSION)))
    try:
        output = await _output(provider.name, command, environment, within_s=within_s)
    except (FileNotFoundError, PermissionError, NotADirectoryError) as error:
        hint = f": {plugin.install_hint}" if plugin.install_hint else ""
        told = f"plugin {provider.name}: {plugin.command} is not in the operator's image, or cannot be run{hint}"
        raise errors.PluginMissingError(told) from error
    except OSError as error:
        raise errors.PluginFailedError(f"plugin {provider.name}: it cannot be run: {error.strerror}") from error
    return parse(provider, output, datetime.now(UTC))


def exec_info(plugin: ExecConfig, endpoint: Object, config: Any) -> Object:
    """Return what a plugin is told in KUBERNETES_EXEC_INFO."""
    spec: Object = {"interactive": False}
    if plugin.provide_cluster_info:
        cluster = {key: endpoint[key] for key in TOLD if endpoint.get(key)}
        spec["cluster"] = cluster if config is None else {**cluster, "config": config}
    return {"apiVersion": plugin.api_version, "kind": "ExecCredential", "spec": spec}


def parse(provider: Provider, output: bytes, now: datetime) -> Credential:
    """Read what a plugin printed."""
    where = f"plugin {provider.name}"
    try:
        answer = _Answer.model_validate_json(output)
    except ValidationError as error:
        wrong = ", ".join(sorted({".".join(map(str, one["loc"])) or "JSON" for one in error.errors()}))
        raise errors.PluginFailedError(f"{where}: what it printed is no ExecCredential (wrong: {wrong})") from None
    if answer.api_version != provider.plugin.api_version:
        raise errors.PluginFailedError(f"{where}: it answers in another apiVersion than its execConfig asks for")
    status = answer.status
    if bool(status.certificate) != bool(status.key):
        raise errors.PluginFailedError(f"{where}: it gave a certificate without its key, or a key without one")
    if not status.token and not status.certificate:
        raise errors.PluginFailedError(f"{where}: it gave neither a token nor a certificate")
    renew_in_s = math.inf
    if status.expires is not None:
        lasts_s = (status.expires - now).total_seconds()
        if lasts_s <= 0:
            told = f"{where}: it gave a credential that expired at {status.expires:%Y-%m-%dT%H:%M:%SZ}"
            raise errors.PluginFailedError(told)
        renew_in_s = lasts_s * (1 - SHARE_BEFORE_END)
    return Credential(status.token, status.certificate, status.key, renew_in_s)


def _arguments(provider: Provider, extensions: Object) -> list[str]:
    given = extensions.get(MORE_ARGUMENTS)
    if given is None or provider.arguments == "Ignore":
        return []
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise ValueError(f"the profile's {MORE_ARGUMENTS} is no list of texts")
    return given


def _environment(provider: Provider, extensions: Object) -> dict[str, str]:
    own = {one.name: one.value for one in provider.plugin.env}
    given = extensions.get(MORE_ENVIRONMENT)
    if given is None or provider.environment == "Ignore":
        return own
    if not isinstance(given, dict) or not all(isinstance(one, str) for one in given.values()):
        raise ValueError(f"the profile's {MORE_ENVIRONMENT} is no map of texts")
    return own | given if provider.environment == "Replace" else given | own


async def _output(name: str, command: list[str], environment: dict[str, str], *, within_s: float) -> bytes:
    """Run a command in a process group of its own and return what it printed."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
        start_new_session=True,
    )
    assert process.stdout is not None and process.stderr is not None
    try:
        async with asyncio.timeout(within_s):
            printed, said = await asyncio.gather(_first(process.stdout), _first(process.stderr))
            code = await process.wait()
    except TimeoutError as error:
        await _kill(process)
        raise errors.PluginFailedError(f"plugin {name}: it did not end in {within_s:g} s and was killed") from error
    except BaseException:
        await _kill(process)
        raise
    if len(printed) > MOST_OUTPUT:
        raise errors.PluginFailedError(f"plugin {name}: it prints more than {MOST_OUTPUT} bytes")
    if code != 0:
        told = {"plugin": name, "code": code, "pii.said": said[-500:].decode(errors="replace")}
        log.warning("a credential plugin failed", extra=told)
        raise errors.PluginFailedError(f"plugin {name}: it ended with status {code}; the operator's log has its words")
    return printed


async def _first(stream: asyncio.StreamReader) -> bytes:
    """Read a stream to its end and keep its beginning: one that is not read would hold the plugin up."""
    kept = bytearray()
    while part := await stream.read(65536):
        kept += part[: MOST_OUTPUT + 1 - len(kept)]
    return bytes(kept)


async def _kill(process: asyncio.subprocess.Process) -> None:
    """Kill a plugin and what it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(GRACE_S):
            await process.wait()
