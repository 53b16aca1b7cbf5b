"""How a region is reached: as this pod, by a kubeconfig Secret, or by a ClusterProfile's credential plugin."""

import asyncio
import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from voiceplane.contract.region import ClusterProfile, KubeConfig, VoiceRegionSpec
from voiceplane_operator import errors
from voiceplane_operator.api import clients
from voiceplane_operator.api.cluster import Cluster
from voiceplane_operator.regions import plugins
from voiceplane_operator.regions.plugins import Provider, Providers

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Access:
    """Where credentials come from."""

    hub: Cluster
    namespace: str  # of the operator: its kubeconfig Secrets
    kubeconfig: str = ""  # of the hub itself, when not running in a pod
    providers: Path | None = None  # JSON: the credential plugins that ClusterProfiles may name, and no others

    async def open(self, spec: VoiceRegionSpec) -> Cluster:
        """Open a client of the region; ClusterError says what is missing."""
        if spec.kube_config is not None:
            return await self._by_secret(spec.kube_config)
        if spec.cluster_profile is not None:
            return await self._by_profile(spec.cluster_profile)
        return await hub_cluster(self.kubeconfig)

    async def _by_secret(self, reference: KubeConfig) -> Cluster:
        where = f"Secret {self.namespace}/{reference.name}"
        try:
            secret = await self.hub.get("Secret", reference.name, self.namespace)
        except errors.NotThereError as error:
            raise errors.AccessDeniedError(f"{where} does not exist: create it with a kubeconfig") from error
        encoded = (secret.get("data") or {}).get(reference.key)
        if encoded is None:
            raise errors.AccessDeniedError(f"{where} has no key {reference.key!r}")
        try:
            content = yaml.safe_load(base64.b64decode(encoded, validate=True).decode())
        except (ValueError, yaml.YAMLError) as error:
            raise errors.AccessDeniedError(f"{where}, key {reference.key}: not a kubeconfig") from error
        if not isinstance(content, dict) or "clusters" not in content:
            raise errors.AccessDeniedError(f"{where}, key {reference.key}: not a kubeconfig")
        _refuse_plugins(content, where)
        return await clients.from_kubeconfig(content)

    async def _by_profile(self, reference: ClusterProfile) -> Cluster:
        where = f"ClusterProfile {reference.namespace}/{reference.name}"
        try:
            profile = await self.hub.get("ClusterProfile", reference.name, reference.namespace)
        except errors.NotThereError as error:
            raise errors.AccessDeniedError(f"{where} does not exist") from error
        provider, endpoint = chosen(profile.get("status") or {}, self._providers(), where)
        given = await plugins.credential(provider, endpoint)
        content = _profile_config(endpoint, given.token)
        opened = await clients.from_kubeconfig(content, certificate=given.certificate, key=given.key)
        opened.renew_at = asyncio.get_running_loop().time() + given.renew_in_s
        return opened

    def _providers(self) -> Providers:
        if self.providers is None:
            return Providers()
        try:
            return Providers.model_validate_json(self.providers.read_text())  # read anew: a mounted file changes
        except OSError as error:
            raise errors.AccessDeniedError(f"{self.providers}: {error.strerror}") from error
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "JSON"
            raise errors.AccessDeniedError(f"{self.providers}: {where}: {first['msg']}") from None


def chosen(status: Object, allowed: Providers, where: str) -> tuple[Provider, Object]:
    """Return the first allowed provider that a ClusterProfile offers, and the cluster as that one names it."""
    offered = [*(status.get("credentialProviders") or ()), *(status.get("accessProviders") or ())]  # the later wins
    named = {one.get("name"): one.get("cluster") or {} for one in offered}
    for provider in allowed.providers:
        if provider.name in named:
            return provider, _endpoint(named[provider.name], where)
    names = ", ".join(sorted(one.name for one in allowed.providers)) or "none"
    raise errors.AccessDeniedError(f"{where} offers no credential provider that is allowed here ({names})")


def _endpoint(endpoint: Object, where: str) -> Object:
    if not endpoint.get("server"):
        raise errors.AccessDeniedError(f"{where}: it names no server")
    if endpoint.get("certificate-authority"):
        raise errors.AccessDeniedError(f"{where}: use certificate-authority-data, not a path")
    return endpoint


async def hub_cluster(kubeconfig: str) -> Cluster:
    """Open a client of the operator's own cluster."""
    return await clients.from_file(kubeconfig) if kubeconfig else clients.from_service_account()


def _refuse_plugins(content: Object, where: str) -> None:
    """Refuse what would run a program or read a file here: to write a Secret is not to run code in the operator."""
    for entry in content.get("users") or ():
        user = entry.get("user") or {}
        for key in ("exec", "auth-provider", "tokenFile", "client-certificate", "client-key"):
            if key in user:
                raise errors.AccessDeniedError(
                    f"{where}: users[].user.{key} is not allowed: give a token or data fields"
                )
    for entry in content.get("clusters") or ():
        if "certificate-authority" in (entry.get("cluster") or {}):
            raise errors.AccessDeniedError(f"{where}: use certificate-authority-data, not a path")


def _profile_config(endpoint: Object, token: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "region", "cluster": endpoint}],
        "users": [{"name": "region", "user": {"token": token} if token else {}}],
        "contexts": [{"name": "region", "context": {"cluster": "region", "user": "region"}}],
        "current-context": "region",
    }
