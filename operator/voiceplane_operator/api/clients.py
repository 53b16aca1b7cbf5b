"""Open clients of API servers: by a kubeconfig, a certificate, a file, or as the pod that this process runs in."""

import os
import tempfile
from pathlib import Path
from typing import Any

import yaml
from kubernetes.aio import client, config

from voiceplane_operator import errors
from voiceplane_operator.api.cluster import CONCURRENT, Cluster

Object = dict[str, Any]
UNUSABLE = (config.ConfigException, yaml.YAMLError, ValueError, KeyError, TypeError, AttributeError, OSError)
PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


async def from_kubeconfig(content: Object, *, certificate: str = "", key: str = "") -> Cluster:
    """Open a client by a kubeconfig's content and perhaps a certificate (PEM); AccessDeniedError when not usable."""
    settings = _settings()
    try:
        await config.load_kube_config_from_dict(  # type: ignore[no-untyped-call]
            content, client_configuration=settings
        )
        return Cluster(_with_certificate(settings, certificate, key) if certificate else client.ApiClient(settings))
    except UNUSABLE as error:
        raise errors.AccessDeniedError(f"the kubeconfig cannot be used: {error}") from error


def _with_certificate(settings: client.Configuration, certificate: str, key: str) -> client.ApiClient:
    """Return a client that has read its certificate: TLS takes files only, and only once."""
    with tempfile.TemporaryDirectory() as folder:
        settings.cert_file, settings.key_file = f"{folder}/certificate", f"{folder}/key"
        Path(settings.cert_file).write_text(certificate)
        Path(settings.key_file).write_text(key)
        return client.ApiClient(settings)


async def from_file(path: str) -> Cluster:
    """Open a client by a kubeconfig file, or several with a colon between; AccessDeniedError when not usable."""
    if not _exists(path):
        raise errors.AccessDeniedError(f"the kubeconfig {path} does not exist")
    settings = _settings()
    try:
        await config.load_kube_config(  # type: ignore[no-untyped-call]
            config_file=path, client_configuration=settings, persist_config=False
        )
        return Cluster(client.ApiClient(settings))
    except UNUSABLE as error:
        raise errors.AccessDeniedError(f"the kubeconfig {path} cannot be used: {error}") from error


def _exists(path: str) -> bool:
    return any(Path(one).expanduser().exists() for one in path.split(os.pathsep) if one)


def from_service_account() -> Cluster:
    """Open a client as the pod that this process runs in; its token is read anew before it expires."""
    settings = _settings()
    config.load_incluster_config(  # type: ignore[no-untyped-call]
        client_configuration=settings
    )
    return Cluster(client.ApiClient(settings))


def _settings() -> client.Configuration:
    settings = client.Configuration()
    settings.connection_pool_maxsize = 2 * CONCURRENT  # watches stay open beside the requests
    settings.retries = None
    # Reading the environment's proxies and .netrc takes a thread and several files for each request: a quarter of all
    # the operator's time. Credentials never come from .netrc; proxies are looked for only where there are any.
    settings.client_session_kwargs = {"trust_env": any(os.environ.get(name) for name in PROXIES)}
    return settings
