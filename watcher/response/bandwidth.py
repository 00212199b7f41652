"""An Internet On-Demand connection's bandwidth, looked at and ordered for a remedy.

Law: nothing above the rule's limit passes this door.
"""

from __future__ import annotations

from watcher import model, ports
from watcher.vendors import internet_on_demand as iod

_PENDING = frozenset({"change pending", "provisioning"})


class BandwidthOrderer:
    """Orders with one source's client; `per_day` changes of a `customer` are taken."""

    def __init__(self, client: iod.Client, *, customer: str, per_day: int) -> None:
        self.customer = customer
        self.per_day = per_day
        self._client = client

    async def look(self, connection: str) -> ports.Provision:
        """Read one connection; whatever is not done yet counts as pending."""
        found = await self._client.one(connection)
        pending = found.status.casefold().replace("_", " ") in _PENDING
        return ports.Provision(mbps=found.bandwidth_mbps, pending=pending)

    async def order(
        self, connection: str, *, mbps: float, at_most: float, reference: str
    ) -> ports.Ordered:
        """Order a bandwidth, once. Raises PermanentError above the limit, or what the client does.

        The vendors take whole Mbit/s.
        """
        if mbps > at_most:
            raise model.PermanentError(
                f"{model.format_mbps(mbps)} is above the limit of {model.format_mbps(at_most)}:"
                " nothing was requested"
            )
        if mbps != int(mbps):
            raise model.PermanentError(
                f"{model.format_mbps(mbps)} cannot be ordered: nothing was requested"
            )
        order = await self._client.set_bandwidth(connection, int(mbps), reference=reference)
        return ports.Ordered(number=order.id, price=order.price)
