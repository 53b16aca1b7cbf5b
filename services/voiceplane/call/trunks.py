"""The file of the agent's trunks, followed while the gateway runs: a trunk that changes needs no new gateway."""

import asyncio
import ipaddress
import logging
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from voiceplane.contract.trunk import Trunks
from voiceplane.sip.trunks import Trunk, Ways, plain

log = logging.getLogger(__name__)
LOOK_S = 5.0  # a kubelet takes up to a minute to write a changed ConfigMap


def read(path: Path) -> Ways:
    """Read the file; ValueError when it is not one, OSError when it is not there."""
    try:
        told = Trunks.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise ValueError(f"{path} does not hold the trunks of an agent: {error.error_count()} mistakes") from error
    return Ways(
        tuple(
            Trunk(
                tuple(ipaddress.ip_network(source, strict=False) for source in one.sources),
                frozenset(plain(number) for number in one.numbers),
                one.identity.trust,
            )
            for one in told.trunks
        ),
        told.closed,
    )


async def follow(path: Path, ways: Ways, changed: Callable[[Ways], None], *, every_s: float = LOOK_S) -> None:
    """Tell of each change of the file, until cancelled. What cannot be read changes nothing."""
    while True:
        await asyncio.sleep(every_s)
        try:
            found = await asyncio.to_thread(read, path)
        except (OSError, ValueError) as error:
            log.warning("the trunks could not be read", extra={"reason": type(error).__name__})
            continue
        if found != ways:
            ways = found
            log.info("the trunks changed", extra={"trunks": len(ways.trunks), "closed": ways.closed})
            changed(ways)
