"""The control plane of the tests is a real one: it schedules nothing without a node, but it does the rest."""

import asyncio
import json
import os
from pathlib import Path

import pytest
from tests.cluster.plane import PlaneOptions, running_plane

pytestmark = pytest.mark.timeout(900)  # the first run on a machine builds the binaries


async def test_a_deployment_gets_its_pods_and_the_scheduler_says_that_no_node_takes_them(tmp_path: Path) -> None:
    async with running_plane(tmp_path) as plane:
        assert "v1.36" in await plane.kubectl("version")
        await plane.kubectl("create", "deployment", "echo", "--image=none")
        for _ in range(150):
            pods = json.loads(await plane.kubectl("get", "pods", "-l", "app=echo", "-o", "json"))["items"]
            if pods and pods[0].get("status", {}).get("conditions"):
                break
            await asyncio.sleep(0.2)
        assert pods[0]["status"]["conditions"][0]["reason"] == "Unschedulable"
        pids = dict(plane.pids)
    for name, pid in pids.items():
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        assert name in {"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"}


async def test_planes_side_by_side_know_nothing_of_each_other(tmp_path: Path) -> None:
    bare = PlaneOptions(controllers=False)
    async with (
        running_plane(tmp_path / "hub", bare) as hub,
        running_plane(tmp_path / "one", bare) as one,
        running_plane(tmp_path / "two", bare) as two,
    ):
        await one.kubectl("create", "namespace", "only-here")
        assert "only-here" in await one.kubectl("get", "namespaces", "-o", "name")
        for other in (hub, two):
            assert "only-here" not in await other.kubectl("get", "namespaces", "-o", "name")
