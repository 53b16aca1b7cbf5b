"""The test node does with pods what a kubelet does, as far as the end-to-end test relies on it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from tests.cluster import rootless
from tests.cluster.node import Node, NodeOptions, running_node
from tests.cluster.plane import Plane, PlaneOptions, running_plane

pytestmark = [pytest.mark.timeout(900), pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Plane, Node]]:
    if why := await rootless.denied():
        pytest.skip(f"no networks can be made here, see tests/cluster/rootless.py: {why}")
    folder = tmp_path_factory.mktemp("cluster")
    image = folder / "image"
    image.mkdir()
    (image / "model").write_text("weights")
    options = NodeOptions(image_binds=((image, "/var/cache/voiceplane"),))
    async with (
        running_plane(folder / "plane", PlaneOptions()) as plane,
        running_node(plane, folder / "node", options) as node,
    ):
        yield plane, node


async def eventually(
    plane: Plane, kind: str, name: str, true: Callable[[dict[str, Any]], bool], seconds: float = 90
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(int(seconds / 0.2)):
        text = await plane.kubectl("get", kind, name, "-o", "json", check=False)
        found = json.loads(text) if text else {}
        with contextlib.suppress(KeyError, IndexError, TypeError):
            if true(found):
                return found
        await asyncio.sleep(0.2)
    raise AssertionError(f"{kind} {name} did not get there: {json.dumps(found.get('status', found), indent=1)}")


def conditions(pod: dict[str, Any]) -> dict[str, str]:
    return {each["type"]: each["status"] for each in pod["status"]["conditions"]}


SERVER = """
apiVersion: v1
kind: ConfigMap
metadata: {name: page}
data: {index.html: "hello from the pod"}
---
apiVersion: v1
kind: Secret
metadata: {name: key}
stringData: {key: s3cret}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1  # as process 1 it ignores SIGTERM
      initContainers:
        - {name: copy, image: none, command: [sh, -c, "cp /etc/voiceplane/page/* /site/ && echo $(KEY) > /site/key"],
           env: [{name: KEY, valueFrom: {secretKeyRef: {name: key, key: key}}}],
           volumeMounts: [{name: page, mountPath: /etc/voiceplane/page}, {name: site, mountPath: /site}]}
      containers:
        - name: web
          image: none
          command: [python, -m, http.server, "8080", --bind, $(POD_IP), --directory, /site]
          env: [{name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]
          ports: [{name: http, containerPort: 8080}]
          readinessProbe: {httpGet: {path: /key, port: http}, periodSeconds: 1}
          volumeMounts:
            - {name: site, mountPath: /site, readOnly: true}
            - {name: kept, mountPath: /var/cache/voiceplane/kept}  # the image has no such folder, and is read-only
          securityContext: {readOnlyRootFilesystem: true}
      volumes: [{name: page, configMap: {name: page}}, {name: site, emptyDir: {}}, {name: kept, emptyDir: {}}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
---
apiVersion: v1
kind: Service
metadata: {name: web-pods}
spec: {clusterIP: None, selector: {app: web}, ports: [{port: 8080}]}
"""

ASKER = """
apiVersion: batch/v1
kind: Job
metadata: {name: ask}
spec:
  backoffLimit: 3
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: ask
          image: none
          command: [python, -c]
          args:
            - |
              import socket, urllib.request as u
              assert u.urlopen("http://web/", timeout=5).read() == b"hello from the pod"
              assert u.urlopen("http://web.default.svc/key", timeout=5).read() == b"s3cret\\n"
              assert len(socket.getaddrinfo("web-pods.default.svc.cluster.local", 8080, type=socket.SOCK_STREAM)) == 2
              try:
                  socket.getaddrinfo("example.com", 80); raise SystemExit("a name outside the cluster")
              except socket.gaierror:
                  pass
              assert open("/var/cache/voiceplane/model").read() == "weights"
"""


async def test_pods_get_their_inputs_and_reach_each_other_by_the_names_of_services(cluster: tuple[Plane, Node]) -> None:
    plane, node = cluster
    await plane.kubectl("apply", "-f", "-", stdin=SERVER)
    await eventually(plane, "deployment", "web", lambda d: d["status"].get("readyReplicas") == 2)
    pods = json.loads(await plane.kubectl("get", "pods", "-l", "app=web", "-o", "json"))["items"]
    assert len({pod["status"]["podIP"] for pod in pods}) == 2
    assert all(conditions(pod)["Ready"] == "True" and pod["status"]["phase"] == "Running" for pod in pods)
    await plane.kubectl("apply", "-f", "-", stdin=ASKER)
    await eventually(plane, "job", "ask", lambda job: job["status"].get("succeeded") == 1)
    await plane.kubectl("delete", "deployment/web", "job/ask", "--timeout=40s", "--cascade=foreground")
    assert "web" not in await plane.kubectl("get", "pods", "-o", "name")


async def test_a_pod_asks_the_api_server_with_the_token_of_its_service_account(cluster: tuple[Plane, Node]) -> None:
    plane, _ = cluster
    ask = (
        "import json,os,ssl,urllib.request as u; d='/var/run/secrets/kubernetes.io/serviceaccount/';"
        "r=u.Request(f\"https://{os.environ['KUBERNETES_SERVICE_HOST']}/api/v1/namespaces/default/pods\","
        "headers={'Authorization':'Bearer '+open(d+'token').read()});"
        "c=ssl.create_default_context(cafile=d+'ca.crt');\ntry: u.urlopen(r,context=c,timeout=5)\n"
        "except u.HTTPError as e: raise SystemExit(0 if e.code==403 and 'default:default' in e.read().decode() else 1)"
    )
    container = {"name": "ask", "image": "none", "command": ["python", "-c", ask]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "token"}}
    pod["spec"] = {"restartPolicy": "Never", "containers": [container]}
    await plane.kubectl("apply", "-f", "-", stdin=json.dumps(pod))
    await eventually(plane, "pod", "token", lambda p: p["status"]["phase"] == "Succeeded")


async def test_a_failing_container_backs_off_and_says_how_it_ended(cluster: tuple[Plane, Node]) -> None:
    plane, _ = cluster
    container = {"name": "fail", "image": "none", "command": ["sh", "-c", "echo trouble; exit 7"]}
    container["terminationMessagePolicy"] = "FallbackToLogsOnError"
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "fail"}, "spec": {"containers": [container]}}
    await plane.kubectl("apply", "-f", "-", stdin=json.dumps(pod))
    found = await eventually(plane, "pod", "fail", lambda p: p["status"]["containerStatuses"][0]["restartCount"] >= 2)
    status = found["status"]["containerStatuses"][0]
    assert status["lastState"]["terminated"]["exitCode"] == 7
    assert status["lastState"]["terminated"]["message"].endswith("trouble\n")
    assert "trouble" in await plane.kubectl("logs", "fail", "--tail=1")
    assert conditions(found)["Ready"] == "False"
    await plane.kubectl("delete", "pod", "fail", "--timeout=20s")


STUBBORN = "trap 'echo asked to end; sleep {seconds}; exit 0' TERM; while true; do sleep 0.1; done"


@pytest.mark.parametrize(("seconds", "grace", "killed"), [(0.5, 20, False), (60, 2, True)])
async def test_a_deleted_pod_has_its_grace_and_no_more(
    cluster: tuple[Plane, Node], seconds: float, grace: int, killed: bool
) -> None:
    plane, node = cluster
    name = f"stubborn-{grace}"
    container = {"name": "main", "image": "none", "command": ["sh", "-c", STUBBORN.format(seconds=seconds)]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}}
    pod["spec"] = {"terminationGracePeriodSeconds": grace, "containers": [container]}
    await plane.kubectl("apply", "-f", "-", stdin=json.dumps(pod))
    found = await eventually(plane, "pod", name, lambda p: conditions(p)["Ready"] == "True")
    log = node.folder / "pods" / found["metadata"]["uid"] / "main.log"
    began = asyncio.get_running_loop().time()
    await plane.kubectl("delete", "pod", name, "--timeout=30s")
    took_s = asyncio.get_running_loop().time() - began
    assert "asked to end" in log.read_text()
    assert (took_s >= grace) == killed


async def test_a_failed_liveness_probe_restarts_the_container(cluster: tuple[Plane, Node]) -> None:
    plane, _ = cluster
    probe = {"exec": {"command": ["test", "!", "-e", "/tmp/broken"]}, "periodSeconds": 1, "failureThreshold": 1}
    container = {"name": "main", "image": "none", "livenessProbe": probe}
    container["command"] = [
        "sh",
        "-c",
        "trap 'exit 1' TERM; sleep 2; touch /tmp/broken; while true; do sleep 0.1; done",
    ]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "sick"}, "spec": {"containers": [container]}}
    await plane.kubectl("apply", "-f", "-", stdin=json.dumps(pod))
    found = await eventually(plane, "pod", "sick", lambda p: p["status"]["containerStatuses"][0]["restartCount"] >= 1)
    assert "liveness probe failed" in json.dumps(found["status"])
    await plane.kubectl("delete", "pod", "sick", "--timeout=30s", "--grace-period=1")


async def test_a_pod_that_ended_says_nothing_of_a_later_one_of_its_name(cluster: tuple[Plane, Node]) -> None:
    plane, _ = cluster
    for seconds in (0, 30):
        container = {"name": "main", "image": "none", "command": ["sleep", str(seconds)]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "again"}}
        pod["spec"] = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [container]}
        await plane.kubectl("apply", "-f", "-", stdin=json.dumps(pod))
        await eventually(plane, "pod", "again", lambda p: p["status"]["phase"] in ("Succeeded", "Running"))
        if seconds == 0:
            await eventually(plane, "pod", "again", lambda p: p["status"]["phase"] == "Succeeded")
            await plane.kubectl("delete", "pod", "again")
    await asyncio.sleep(1)
    assert (await eventually(plane, "pod", "again", lambda p: True))["status"]["phase"] == "Running"
    await plane.kubectl("delete", "pod", "again", "--timeout=20s")
