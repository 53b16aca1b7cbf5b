"""The OpenTelemetry Collector's configuration of a region: OTLP in, personal data out of it, then on."""

import yaml

from voiceplane.contract.region import VoiceRegionSpec
from voiceplane_operator.manifests import common
from voiceplane_operator.manifests.common import COLLECTOR, Object

NAME = COLLECTOR  # its ConfigMap has the name of its Deployment
FILE = "collector.yaml"
# Any key with a pii segment, and digits that look like a card: both are gone before anything leaves the region.
PII_KEY = r"(^|.*[._])pii([._].*|$)"
CARD = r"(?:\d[ -]?){13,19}"


def manifest(spec: VoiceRegionSpec, hub: str, region: str) -> Object:
    """Return the ConfigMap that the region's collector mounts."""
    endpoint = spec.telemetry.endpoint or spec.records
    config = {
        "receivers": {
            "otlp": {"protocols": {"grpc": {"endpoint": "0.0.0.0:4317"}, "http": {"endpoint": "0.0.0.0:4318"}}}
        },
        "processors": {
            "memory_limiter": {"check_interval": "1s", "limit_percentage": 80, "spike_limit_percentage": 20},
            "redaction": {
                "allow_all_keys": True,
                "blocked_key_patterns": [PII_KEY],
                "blocked_values": [CARD],
                "summary": "silent",
            },
            "batch": {"timeout": "1s", "send_batch_size": 1024},
        },
        "exporters": {"otlp": {"endpoint": endpoint, "tls": _tls(spec)}},
        "service": {
            "pipelines": {
                "traces": {
                    "receivers": ["otlp"],
                    "processors": ["memory_limiter", "redaction", "batch"],
                    "exporters": ["otlp"],
                }
            }
        },
    }
    meta = common.of_region(spec, hub, region, NAME, "collector")
    data = {FILE: yaml.safe_dump(config, sort_keys=False, width=120)}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}


def _tls(spec: VoiceRegionSpec) -> Object:
    """Return how the Collector proves itself: to the records as the region does, elsewhere not at all."""
    if spec.telemetry.endpoint is None and spec.records_tls is not None:
        files = {"ca_file": "ca.crt", "cert_file": "tls.crt", "key_file": "tls.key"}
        return {key: f"{common.RECORDS_TLS}/{file}" for key, file in files.items()} | {"reload_interval": "1m"}
    return {"insecure": not spec.telemetry.tls}
