"""KEDA beside a test plane: its definitions alone, or its operator and its metrics server too."""

import asyncio
import json

from tests.cluster.plane import Plane, binaries

POLL_S = 0.3


async def install_kinds(plane: Plane) -> None:
    """Install KEDA's definitions, from the pinned module."""
    found = await binaries("keda-crds")
    crds = str((found / "keda-crds").resolve())  # kubectl follows no link to a folder
    await plane.kubectl("apply", "--server-side", "-f", crds)
    for _ in range(200):  # kubectl wait fails on a definition that has no condition at all yet
        if all(map(_established, json.loads(await plane.kubectl("get", "crds", "-o", "json"))["items"])):
            return
        await asyncio.sleep(POLL_S)
    raise AssertionError("KEDA's definitions are not established")


def _established(raw: dict[str, dict[str, list[dict[str, str]]]]) -> bool:
    conditions = raw.get("status", {}).get("conditions") or []
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)
