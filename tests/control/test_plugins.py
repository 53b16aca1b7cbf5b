"""Credential plugins as real programs: what they are told, what they give, and what they do instead."""

import asyncio
import json
import math
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.waiting import until

from voiceplane.contract.region import VoiceRegionSpec
from voiceplane_operator import errors
from voiceplane_operator.regions import credentials, plugins
from voiceplane_operator.regions.plugins import Provider, Providers

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]
V1 = "client.authentication.k8s.io/v1"
SECRET = "never-shown"
CLUSTER = {
    "server": "https://far.example:6443",
    "certificate-authority-data": "Q0E=",
    "tls-server-name": "far",
    "extensions": [
        {"name": plugins.EXTENSION, "extension": {"clusterName": "far", "region": "eu-west-1"}},
        {"name": plugins.MORE_ARGUMENTS, "extension": ["--cluster", "far"]},
        {"name": plugins.MORE_ENVIRONMENT, "extension": {"WHERE": "profile", "MORE": "yes"}},
    ],
}


def provider(tmp_path: Path, script: str, *, policies: dict[str, str] | None = None, info: bool = True) -> Provider:
    """Write a program and name it as the operator's file does."""
    path = tmp_path / "plugin"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    config = {
        "apiVersion": V1,
        "command": str(path),
        "args": ["get-token"],
        "env": [{"name": "WHERE", "value": "file"}],
        "provideClusterInfo": info,
        "installHint": "build it into the image",
    }
    return Provider.model_validate({"name": "one", "execConfig": config, **(policies or {})})


def answer(**status: Any) -> str:
    """Return a line of shell that prints an ExecCredential."""
    return f"echo '{json.dumps({'apiVersion': V1, 'kind': 'ExecCredential', 'status': status})}'"


def in_seconds(seconds: float) -> str:
    """Return a moment as Kubernetes writes it."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


async def told(tmp_path: Path, one: Provider) -> Any:
    """Return what a plugin that writes it down was told: information, arguments, environment."""
    await plugins.credential(one, CLUSTER)
    lines = (tmp_path / "told").read_text().splitlines()
    return json.loads(lines[0]), lines[1], lines[2:]


def writing(tmp_path: Path) -> str:
    """Return a script that writes down what it is told, and answers."""
    return f"""{{ echo "$KUBERNETES_EXEC_INFO"; echo "$@"; echo "$WHERE"; echo "$MORE"; }} > {tmp_path}/told
{answer(token=SECRET)}"""


async def test_a_plugin_is_told_of_the_cluster_as_client_go_tells_it(tmp_path: Path) -> None:
    info, arguments, environment = await told(tmp_path, provider(tmp_path, writing(tmp_path)))
    expected = {
        **{key: CLUSTER[key] for key in ("server", "certificate-authority-data", "tls-server-name")},
        "config": {"clusterName": "far", "region": "eu-west-1"},
    }
    assert info == {
        "apiVersion": V1,
        "kind": "ExecCredential",
        "spec": {"interactive": False, "cluster": expected},
    }
    assert arguments == "get-token" and environment == ["file", ""], "a profile adds nothing unless it may"


async def test_a_plugin_that_does_not_ask_for_the_cluster_is_not_told(tmp_path: Path) -> None:
    info, _, _ = await told(tmp_path, provider(tmp_path, writing(tmp_path), info=False))
    assert info["spec"] == {"interactive": False}


@pytest.mark.parametrize(("policy", "where"), [("AppendIfNotExists", "file"), ("Replace", "profile")])
async def test_a_profile_adds_to_the_command_as_the_file_allows(tmp_path: Path, policy: str, where: str) -> None:
    policies = {"profileSourcedCLIArgsPolicy": "Append", "profileSourcedEnvVarsPolicy": policy}
    one = provider(tmp_path, writing(tmp_path), policies=policies)
    _, arguments, environment = await told(tmp_path, one)
    assert arguments == "get-token --cluster far" and environment == [where, "yes"]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"token": SECRET}, (SECRET, "", "")),
        ({"clientCertificateData": "C", "clientKeyData": "K"}, ("", "C", "K")),
    ],
)
async def test_what_a_plugin_gives_is_taken_and_never_shown(
    tmp_path: Path, status: dict[str, str], expected: tuple[str, str, str]
) -> None:
    given = await plugins.credential(provider(tmp_path, answer(**status)), CLUSTER)
    assert (given.token, given.certificate, given.key) == expected
    assert given.renew_in_s == math.inf and SECRET not in repr(given)


async def test_a_credential_is_renewed_before_it_ends(tmp_path: Path) -> None:
    one = provider(tmp_path, answer(token=SECRET, expirationTimestamp=in_seconds(1000)))
    given = await plugins.credential(one, CLUSTER)
    assert 700 < given.renew_in_s < 900


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (f"echo {SECRET}; exit 3", "status 3"),
        (f"echo {SECRET}", "no ExecCredential"),
        ("true", "no ExecCredential"),
        ("echo '[]'", "no ExecCredential"),
        (answer(token=[SECRET]), r"status\.token"),
        (answer(token=SECRET, expirationTimestamp="soon"), "expirationTimestamp"),
        (answer(token=SECRET, expirationTimestamp="2020-01-01T00:00:00Z"), "expired at 2020"),
        (answer(token=SECRET).replace("/v1", "/v1beta1"), "another apiVersion"),
        (answer(), "neither"),
        (answer(clientCertificateData=SECRET), "without its key"),
        (f"head -c 2000000 /dev/zero | tr '\\0' x; echo {SECRET}", "more than"),
        ("exec 2>&1; cat /nowhere-at-all", "status 1"),
    ],
)
async def test_a_plugin_that_gives_no_credential_is_told_without_its_words(
    tmp_path: Path, script: str, said: str
) -> None:
    with pytest.raises(errors.PluginFailedError, match=said) as caught:
        await plugins.credential(provider(tmp_path, script), CLUSTER)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("command", ["/nowhere/plugin", "/etc", "no-such-plugin"])
async def test_a_plugin_that_is_not_there_is_told_with_its_hint(tmp_path: Path, command: str) -> None:
    one = provider(tmp_path, "true")
    missing = one.model_copy(update={"plugin": one.plugin.model_copy(update={"command": command})})
    with pytest.raises(errors.PluginMissingError, match="build it into the image"):
        await plugins.credential(missing, CLUSTER)


def gone(pid: int) -> bool:
    """Say whether a process has ended; one that nobody has waited for has."""
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return True


@pytest.mark.parametrize("last", ["sleep 600", "exit 0"])  # it hangs; it ends, and a child of it holds its output
async def test_a_plugin_that_hangs_is_killed_with_its_children(tmp_path: Path, last: str) -> None:
    script = f"sleep 600 & echo $! > {tmp_path}/child; echo $$ > {tmp_path}/own; {last}"
    with pytest.raises(errors.PluginFailedError, match="did not end in 1 s"):
        await plugins.credential(provider(tmp_path, script), CLUSTER, within_s=1.0)
    pids = [int((tmp_path / name).read_text()) for name in ("child", "own")]
    await until(lambda: all(map(gone, pids)))


async def test_a_plugin_goes_with_the_task_that_asked(tmp_path: Path) -> None:
    one = provider(tmp_path, f"echo $$ > {tmp_path}/own; exec sleep 600")
    asking = asyncio.create_task(plugins.credential(one, CLUSTER))
    await until(lambda: (tmp_path / "own").exists() and (tmp_path / "own").read_text().strip())
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert gone(int((tmp_path / "own").read_text()))


class _Hub:
    """A hub that has one ClusterProfile."""

    def __init__(self, status: Any) -> None:
        self.status = status

    async def get(self, *_: object) -> Any:
        return {"status": self.status}


async def opening(tmp_path: Path, file: str, status: Any) -> None:
    """Try to open a region by a ClusterProfile."""
    path = tmp_path / "providers.json"
    path.write_text(file)
    spec = {"mode": "cloud", "location": "US", "clusterProfile": {"name": "far", "namespace": "fleet"}}
    access = credentials.Access(_Hub(status), "voiceplane-system", providers=path)  # type: ignore[arg-type]
    await access.open(VoiceRegionSpec.model_validate(spec))


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("{", "JSON"),
        ('{"providers": [{"name": "one"}]}', "providers.0.execConfig"),
        ('{"providers": [{"name": "one", "execConfig": {"apiVersion": "v9", "command": "a"}}]}', "apiVersion"),
        ('{"providers": [], "provider": 1}', "provider"),
    ],
)
async def test_a_file_of_plugins_that_cannot_be_meant_is_told_by_place(tmp_path: Path, file: str, said: str) -> None:
    with pytest.raises(errors.AccessDeniedError, match=said):
        await opening(tmp_path, file, {})


@pytest.mark.parametrize(
    ("cluster", "said"),
    [({}, "no server"), ({"server": "https://a", "certificate-authority": "/etc/passwd"}, "not a path")],
)
async def test_a_profile_that_names_no_usable_cluster_is_told(
    tmp_path: Path, cluster: dict[str, str], said: str
) -> None:
    file = Providers(providers=(provider(tmp_path, answer(token=SECRET)),)).model_dump_json(by_alias=True)
    with pytest.raises(errors.AccessDeniedError, match=said):
        await opening(tmp_path, file, {"accessProviders": [{"name": "one", "cluster": cluster}]})


async def test_the_first_allowed_provider_is_chosen_by_its_newer_name(tmp_path: Path) -> None:
    allowed = Providers(providers=(provider(tmp_path, "true"),))
    old, new = ({"name": "one", "cluster": {"server": f"https://{name}"}} for name in ("old", "new"))
    other = {"name": "other", "cluster": {"server": "https://other"}}
    status = {"accessProviders": [other, new], "credentialProviders": [old]}
    found, endpoint = credentials.chosen(status, allowed, "ClusterProfile a/b")
    assert found.name == "one" and endpoint == {"server": "https://new"}
    assert os.environ.get("KUBERNETES_EXEC_INFO") is None
