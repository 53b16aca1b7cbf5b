"""How a region's records go to the hub: in plain text inside a cluster only, and so its spans."""

import pytest
from pydantic import ValidationError

from voiceplane.contract.region import VoiceRegionSpec

FAR = {"mode": "cloud", "location": "DE", "kubeConfig": {"name": "far"}}
OUTSIDE = "records.voiceplane.example:9443"


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"records": "records.hub.svc.clusterset.local:9002"},
        {"records": OUTSIDE, "recordsTls": {}},
        {"recordsTls": {}, "telemetry": {"collector": False, "endpoint": "otel.example:4317"}},
        {"records": OUTSIDE, "kubeConfig": None, "inCluster": {}},
    ],
)
def test_records_may_go_to_a_service_or_with_a_proof(more: dict[str, object]) -> None:
    VoiceRegionSpec.model_validate({**FAR, **more})


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"records": OUTSIDE}, "name recordsTls"),
        ({"records": "records.svc.example:9443"}, "name recordsTls"),
        ({"records": "evil.example:9443", "telemetry": {"endpoint": "otel.svc:4317"}}, "name recordsTls"),
        ({"records": OUTSIDE, "recordsTls": {}, "telemetry": {"collector": False}}, "name telemetry.endpoint"),
    ],
)
def test_records_of_another_cluster_without_a_proof_are_refused(more: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        VoiceRegionSpec.model_validate({**FAR, **more})
