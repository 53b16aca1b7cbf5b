"""The operator's options: flags, each also an environment variable VOICEPLANE_<FLAG>."""

import argparse
import os
import socket
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """How this replica runs."""

    kubeconfig: str
    namespace: str
    identity: str
    hub: str
    host: str
    metrics_port: int
    workers: int
    resync_s: float
    calls_every_s: float
    watch_silence_s: float
    lease_name: str
    lease: bool
    providers: Path | None
    log_level: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `run`."""
    own = f"{socket.gethostname()}_{os.getpid()}"
    _add(parser, "--kubeconfig", "", "kubeconfig of the hub; without it, the pod's service account")
    _add(
        parser,
        "--namespace",
        os.environ.get("POD_NAMESPACE", "voiceplane-system"),
        "of its Lease and kubeconfig Secrets",
    )
    _add(parser, "--identity", os.environ.get("POD_NAME", own), "of this replica, in the Lease")
    _add(parser, "--hub", "hub", "label on everything made; two hubs with one name would prune each other's work")
    _add(parser, "--host", "127.0.0.1", "address of /healthz, /readyz and /metrics")
    _add(parser, "--metrics-port", "8080", "its port; 0 for any")
    _add(parser, "--workers", "16", "objects reconciled at once")
    _add(parser, "--resync", "300", "seconds after which everything is looked at again")
    _add(parser, "--calls-every", "15", "seconds between counts of live calls; 0 for never")
    _add(parser, "--watch-silence", "90", "seconds without a word after which a watch is begun anew")
    _add(parser, "--lease-name", "voiceplane-operator", "name of the Lease")
    _add(parser, "--credential-providers", "", "JSON file of the plugins that ClusterProfiles may use")
    _add(parser, "--log-level", "INFO", "DEBUG, INFO, WARNING or ERROR")
    parser.add_argument("--no-lease", action="store_true", help="lead at once; for a single replica in tests")


def _add(parser: argparse.ArgumentParser, flag: str, default: str, meaning: str) -> None:
    name = "VOICEPLANE_" + flag.strip("-").replace("-", "_").upper()
    parser.add_argument(flag, default=os.environ.get(name, default), help=f"{meaning} ({name})")


def read(options: argparse.Namespace) -> Settings:
    """Turn parsed options into settings; ValueError for what is no number."""
    return Settings(
        kubeconfig=options.kubeconfig,
        namespace=options.namespace,
        identity=options.identity,
        hub=options.hub,
        host=options.host,
        metrics_port=int(options.metrics_port),
        workers=max(1, int(options.workers)),
        resync_s=float(options.resync),
        calls_every_s=float(options.calls_every),
        watch_silence_s=float(options.watch_silence),
        lease_name=options.lease_name,
        lease=not options.no_lease,
        providers=Path(options.credential_providers) if options.credential_providers else None,
        log_level=options.log_level,
    )
