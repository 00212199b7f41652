"""Internet On-Demand connections as subjects: fields `status` and `bandwidth_mbps`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import structlog

from watcher import model
from watcher.vendors import internet_on_demand

MOST_ODD_WORDS = 100  # remembered, so that each is logged once
# What the vendors are known to say; `Change pending` becomes change_pending.
STATUSES = frozenset({"active", "provisioning", "suspended", "terminated", "change_pending"})

log = structlog.get_logger()


class InternetOnDemandSource:
    """One customer's connections. Raises what its client raises; it has no details."""

    def __init__(self, name: str, client: internet_on_demand.Client) -> None:
        self.name = name
        self._client = client
        self._odd_words: set[str] = set()
        self._nameless = 0

    async def poll(self) -> model.Snapshot:
        """Ask for all connections."""
        inventory = await self._client.all()
        if inventory.unreadable != self._nameless:
            self._nameless = inventory.unreadable
            log.warning("connections without id", source=self.name, count=self._nameless)
        return model.Snapshot(
            readings={each.id: each for each in inventory.connections},
            translate=self._translate,
            complete=inventory.complete and not inventory.unreadable,
            remarks=_remarks(inventory),
        )

    def resume(self, known: Iterable[model.Subject]) -> None:
        """Do nothing: each poll tells everything."""

    async def details(self, subject: str) -> model.Details:
        """Refuse: the list tells everything."""
        raise model.PermanentError(f"{subject} has no details: the list of connections tells all")

    async def history(
        self, subject: str, start: datetime, end: datetime
    ) -> tuple[model.Alarm, ...]:
        """Refuse: nobody records what a connection was."""
        raise model.PermanentError(f"{subject} has no alarm record between {start} and {end}")

    def _translate(self, identity: str, reading: object) -> model.Observed:
        if not isinstance(reading, internet_on_demand.Connection):
            raise TypeError(f"{reading!r} is no connection")
        return model.Observed(
            key=f"{self.name}/{identity}",
            fields={
                "status": self._known(reading.status),
                "bandwidth_mbps": reading.bandwidth_mbps,
            },
            labels={"location": reading.location} if reading.location else {},
        )

    def _known(self, word: str) -> str:
        status = "_".join(word.casefold().split())
        if status in STATUSES:
            return status
        if status and status not in self._odd_words and len(self._odd_words) < MOST_ODD_WORDS:
            self._odd_words.add(status)
            log.warning("unknown status", source=self.name, status=word, read_as=model.UNKNOWN)
        return model.UNKNOWN


def _remarks(inventory: internet_on_demand.Inventory) -> tuple[str, ...]:
    remarks = []
    if inventory.unreadable:
        remarks.append(f"{inventory.unreadable} connections have no id and are left out")
    unknown = [each.id for each in inventory.connections if each.bandwidth_mbps is None]
    if unknown:
        remarks.append(
            f"the bandwidth of {len(unknown)} connections has no unit: check `bandwidth_unit`"
        )
    return tuple(remarks)
