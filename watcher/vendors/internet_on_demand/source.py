"""Internet On-Demand connections as subjects: fields `status` and `bandwidth_mbps`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import structlog

from watcher import model, ports
from watcher.vendors.internet_on_demand.client import (
    Connection,
    InternetOnDemandClient,
    Inventory,
    lacks_unit,
)

MOST_UNKNOWN_STATUSES = 100  # remembered, so that each is logged once
# What the vendor is known to send; `Change pending` becomes change_pending.
STATUSES = ("active", "provisioning", "suspended", "terminated", "change_pending")

log = structlog.get_logger()


class InternetOnDemandSource:
    """One customer's connections. Raises what its client raises; it has no details."""

    def __init__(self, name: str, client: InternetOnDemandClient) -> None:
        self.name = name
        self._client = client
        self._unknown_statuses: set[str] = set()
        self._nameless = 0

    async def poll(self) -> model.Snapshot:
        """Fetch all connections."""
        inventory = await self._client.all()
        if inventory.unreadable and not inventory.connections:
            raise model.TemporaryError(
                f"none of the {inventory.unreadable} connections in the answer has an id"
            )
        if inventory.unreadable != self._nameless:
            self._nameless = inventory.unreadable
            log.warning("connections without id", source=self.name, count=self._nameless)
        return model.Snapshot(
            readings={connection.id: connection for connection in inventory.connections},
            translate=self._translate,
            complete=inventory.complete and not inventory.unreadable,
            remarks=_remarks(inventory),
        )

    def resume(self, subjects: Iterable[model.Subject]) -> None:
        """Do nothing: each poll returns everything."""

    async def details(self, subject: str) -> model.Details:
        """Refuse: the list has everything."""
        raise model.PermanentError(
            f"{subject} has no details: the list of connections has everything"
        )

    async def history(
        self, subject: str, start: datetime, end: datetime
    ) -> tuple[model.AlarmRecord, ...]:
        """Refuse: nobody records what a connection was."""
        raise model.PermanentError(f"{subject} has no alarm record between {start} and {end}")

    def _translate(self, identity: str, reading: object) -> model.Observed:
        if not isinstance(reading, Connection):
            raise TypeError(f"{reading!r} is not a connection")
        return model.Observed(
            key=f"{self.name}/{identity}",
            fields={
                "status": self._normalised(reading.status),
                "bandwidth_mbps": reading.bandwidth_mbps,
            },
            labels={"location": reading.location} if reading.location else {},
        )

    def _normalised(self, word: str) -> str:
        status = "_".join(word.casefold().split())
        if status in STATUSES:
            return status
        if (
            status
            and status not in self._unknown_statuses
            and len(self._unknown_statuses) < MOST_UNKNOWN_STATUSES
        ):
            self._unknown_statuses.add(status)
            log.warning("unknown status", source=self.name, status=word, read_as=model.UNKNOWN)
        return model.UNKNOWN


def _remarks(inventory: Inventory) -> tuple[str, ...]:
    remarks = []
    if not inventory.complete:
        remarks.append(
            "the answer has further pages that were not read: connections may be missing"
        )
    if inventory.unreadable:
        remarks.append(f"{inventory.unreadable} connections have no id and are left out")
    unknown = [c.bandwidth for c in inventory.connections if c.bandwidth_mbps is None]
    bare = [words for words in unknown if lacks_unit(words)]
    odd = [words for words in unknown if words and not lacks_unit(words)]
    if bare:
        remarks.append(
            f"the bandwidth of {len(bare)} connections has no unit: check `bandwidth_unit`"
        )
    if odd:
        remarks.append(
            f"the bandwidth of {len(odd)} connections is unclear and counts as unknown,"
            f" as in {odd[0]!r}"
        )
    if "" in unknown:
        remarks.append(f"{unknown.count('')} connections come without a bandwidth")
    return tuple(remarks)


_PENDING = frozenset({"change pending", "provisioning"})


class InternetOnDemandBandwidth:
    """Orders with one source's client; `per_day` changes of a `customer` are accepted a day."""

    def __init__(self, client: InternetOnDemandClient, *, customer: str, per_day: int) -> None:
        self.customer = customer
        self.per_day = per_day
        self._client = client

    async def fetch(self, connection: str) -> ports.Provision:
        """Fetch one connection; whatever is not done yet counts as pending."""
        current = await self._client.connection(connection)
        pending = current.status.casefold().replace("_", " ") in _PENDING
        return ports.Provision(
            mbps=current.bandwidth_mbps, words=current.bandwidth, pending=pending
        )

    async def order(
        self, connection: str, *, mbps: float, at_most: float, reference: str, words: str = ""
    ) -> ports.PlacedOrder:
        """Order a bandwidth, once. Raises PermanentError above the limit, or what the client does.

        The vendor accepts whole Mbit/s, and its own words.
        """
        if mbps > at_most:
            raise model.PermanentError(
                f"{model.format_mbps(mbps)} is above the limit of {model.format_mbps(at_most)}:"
                " nothing was requested"
            )
        order = await self._client.set_bandwidth(connection, mbps, reference=reference, words=words)
        return ports.PlacedOrder(number=order.id, price=order.price)
