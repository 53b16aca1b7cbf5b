"""The adapter that offers what a Prometheus knows as external metrics, beside a test plane."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import yaml
from tests.cluster.metrics import Prometheus, registered
from tests.cluster.plane import Plane, binaries, ended, started

from voiceplane.cli.ports import free_ports


@contextlib.asynccontextmanager
async def running_adapter(
    plane: Plane, folder: Path, prometheus: Prometheus, *, rules: list[dict[str, Any]]
) -> AsyncIterator[None]:
    """Run prometheus-adapter with these external rules until the block ends."""
    found = await binaries("prometheus-adapter")
    serving = await registered(plane, folder, next(free_ports()))
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump({"externalRules": rules}))
    flags = (
        *(f"--prometheus-url={prometheus.address}", f"--config={config}"),
        *("--metrics-relist-interval=2s", "--metrics-max-age=10s"),
    )
    log = folder / "prometheus-adapter.log"
    process = await started(found / "prometheus-adapter", *flags, *serving, log=log, environment=plane.environment())
    try:
        yield
    finally:
        await ended(process)
