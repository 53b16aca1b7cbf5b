"""Find an agent's SIP Service if no target is named, then become the test phone that calls it."""

import json
import os
import ssl
import sys
import urllib.request

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"


def agents() -> list[str]:
    """List the SIP Services of this namespace as SIP URIs."""
    api = f"https://{os.environ['KUBERNETES_SERVICE_HOST']}:{os.environ['KUBERNETES_SERVICE_PORT']}"
    path = f"/api/v1/namespaces/{os.environ['NAMESPACE']}/services?labelSelector=voiceplane.dev/agent"
    with open(f"{ACCOUNT}/token") as token:
        request = urllib.request.Request(api + path, headers={"Authorization": f"Bearer {token.read()}"})
    trust = ssl.create_default_context(cafile=f"{ACCOUNT}/ca.crt")
    with urllib.request.urlopen(request, context=trust, timeout=10) as answer:
        found = json.load(answer)["items"]
    return [
        f"sip:agent@{service['spec']['clusterIP']}:{port['port']}"
        for service in found
        for port in service["spec"]["ports"]
        if port["port"] in (5060, 5061) and port.get("protocol") == "UDP"
    ]


target = os.environ["TARGET"] or next(iter(agents()), "")
if not target:
    sys.exit("no agent has a SIP Service in this namespace: apply a VoiceAgent, or set test.target")
print("calling", target, flush=True)
os.execvp("voiceplane", ["voiceplane", "call", target])
