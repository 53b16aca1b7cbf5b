"""Leadership by a Lease of our own: one replica works, the others wait; one that loses it ends at once.

The holder renews every RENEW_S and stops working when it could not for RENEW_DEADLINE_S; another takes over only when
it has seen no renewal for LEASE_S by its own clock, so clocks that differ do no harm.
"""

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from typing import Any

from voiceplane_operator import errors
from voiceplane_operator.api.cluster import Cluster
from voiceplane_operator.moments import now_precisely

log = logging.getLogger(__name__)
LEASE_S, RENEW_DEADLINE_S, RENEW_S = 15.0, 10.0, 2.0
Object = dict[str, Any]


@dataclass(slots=True)
class Leader:
    """One replica's part in the election."""

    cluster: Cluster
    namespace: str
    name: str
    identity: str
    renewed: float = 0.0  # loop seconds

    def leads(self) -> bool:
        """Say whether the lease was renewed in time: nobody else can have taken it yet."""
        return asyncio.get_running_loop().time() - self.renewed < RENEW_DEADLINE_S

    async def acquire(self) -> None:
        """Wait until this replica leads."""
        seen: tuple[str, str] = ("", "")
        since = asyncio.get_running_loop().time()
        while True:
            now = asyncio.get_running_loop().time()
            try:
                lease = await self._read()
                spec = lease["spec"] if lease is not None else {}
                mark = (spec.get("holderIdentity") or "", spec.get("renewTime") or "")
                if mark != seen:
                    seen, since = mark, now
                if mark[0] in ("", self.identity) or now - since > LEASE_S:
                    await self._take(lease)
                    self.renewed = asyncio.get_running_loop().time()
                    Cluster.may_write = staticmethod(self.leads)
                    log.info("leading", extra={"identity": self.identity})
                    return
            except errors.ConflictError:
                pass  # another was faster
            except errors.ClusterError as error:
                log.warning("the lease cannot be had", extra={"reason": str(error)})
            await asyncio.sleep(RENEW_S)

    async def keep(self) -> None:
        """Renew until cancelled; LeaseLostError when another leads or the API server does not answer for too long."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(RENEW_S)
            try:
                async with asyncio.timeout(max(0.1, self.renewed + RENEW_DEADLINE_S - loop.time())):
                    lease = await self._read()
                    if lease is None or lease["spec"].get("holderIdentity") != self.identity:
                        raise errors.LeaseLostError("another replica leads now")
                    await self._take(lease)
                self.renewed = loop.time()
            except (errors.ClusterError, TimeoutError) as error:
                if loop.time() - self.renewed >= RENEW_DEADLINE_S:
                    raise errors.LeaseLostError(f"not renewed for {RENEW_DEADLINE_S:g} s: {error}") from error

    async def release(self) -> None:
        """Give the lease back, so that the next one need not wait."""
        with contextlib.suppress(errors.ClusterError):
            lease = await self._read()
            if lease is not None and lease["spec"].get("holderIdentity") == self.identity:
                lease["spec"]["holderIdentity"] = ""
                await self.cluster.replace("Lease", self.name, self.namespace, lease)

    async def _read(self) -> Object | None:
        try:
            return await self.cluster.get("Lease", self.name, self.namespace)
        except errors.NotThereError:
            return None

    async def _take(self, lease: Object | None) -> None:
        now = now_precisely()
        spec: Object = {"holderIdentity": self.identity, "leaseDurationSeconds": int(LEASE_S), "renewTime": now}
        if lease is None:
            body: Object = {
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {"name": self.name, "namespace": self.namespace},
                "spec": {**spec, "acquireTime": now, "leaseTransitions": 0},
            }
            await self.cluster.create("Lease", self.namespace, body)
            return
        old = lease.get("spec") or {}
        if old.get("holderIdentity") != self.identity:
            spec |= {"acquireTime": now, "leaseTransitions": int(old.get("leaseTransitions") or 0) + 1}
        await self.cluster.replace("Lease", self.name, self.namespace, {**lease, "spec": {**old, **spec}})
