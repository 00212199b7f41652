"""Vyvx reservations as subjects: fields `state` and `ingress_state`, labels from the details."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

import structlog

from watcher import model, text
from watcher.vendors.vyvx.client import Service, Statuses, VyvxClient

STATES = ("online", "impaired", "degraded", "offline")  # from good to bad
MOST_UNKNOWN_STATES = 100  # remembered, so that each is logged once

log = structlog.get_logger()


class VyvxSource:
    """One feed of reservations. Raises what its client raises.

    Readings are the vendor's structs, and equal `fields` mappings are one object: 100,000
    services have at most 25 pairs of states.
    """

    def __init__(self, name: str, client: VyvxClient) -> None:
        self.name = name
        self._client = client
        self._fields: dict[tuple[str, str], Mapping[str, model.Scalar]] = {}
        self._unknown_states: set[str] = set()

    async def poll(self) -> model.Snapshot:
        """Fetch the status of all active reservations."""
        return self.snapshot(await self._client.statuses())

    def snapshot(self, statuses: Statuses) -> model.Snapshot:
        """Return a status reply as a snapshot, without touching each service."""

        def translate(service: str, reading: object) -> model.Observed:
            if not isinstance(reading, Service):
                raise TypeError(f"{reading!r} is not a reading of Vyvx")
            return model.Observed(
                key=f"{self.name}/{service}",
                fields=self._shared_fields(reading),
                vendor_time=statuses.time,
            )

        return model.Snapshot(
            readings=statuses.services,
            translate=translate,
            unreadable=statuses.unreadable,
            vendor_time=statuses.time,
        )

    def resume(self, subjects: Iterable[model.Subject]) -> None:
        """Do nothing: each poll returns everything."""

    async def details(self, subject: str) -> model.Details:
        """Fetch one reservation's name, route, notes and bookings."""
        return await self._client.details(model.id_of(subject))

    async def history(
        self, subject: str, start: datetime, end: datetime
    ) -> tuple[model.AlarmRecord, ...]:
        """Fetch the alarms that Lumen recorded of one reservation."""
        return await self._client.history(model.id_of(subject), start, end)

    def _shared_fields(self, reading: Service) -> Mapping[str, model.Scalar]:
        state, ingress = self._normalised(reading.state), self._normalised(reading.ingress_state)
        fields = self._fields.get((state, ingress))
        if fields is None:
            fields = {"state": state, "ingress_state": ingress}
            self._fields[state, ingress] = fields
        return fields

    def _normalised(self, word: str | None) -> str:
        state = (word or model.UNKNOWN).strip().casefold()
        if state in STATES or state == model.UNKNOWN:
            return state
        state = text.clean(state, 60)
        if state not in self._unknown_states and len(self._unknown_states) < MOST_UNKNOWN_STATES:
            self._unknown_states.add(state)
            log.warning("unknown state", source=self.name, state=state, read_as=model.UNKNOWN)
        return model.UNKNOWN
