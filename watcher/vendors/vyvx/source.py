"""Vyvx reservations as subjects: fields `state` and `ingress_state`, labels from the details."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import structlog
from msgspec.structs import replace

from watcher import model, text
from watcher.vendors.vyvx.client import VyvxClient
from watcher.vendors.vyvx.statuses import Service, Statuses

STATES = ("online", "impaired", "degraded", "offline")  # from good to bad
MOST_UNKNOWN_STATES = 100  # remembered, so that each is logged once

log = structlog.get_logger()


class VyvxSource:
    """One feed of reservations. Raises what its client raises.

    Readings are the vendor's structs, and equal `fields` mappings are one object: 100,000
    services have at most 25 pairs of states.
    """

    def __init__(
        self,
        name: str,
        client: VyvxClient,
        *,
        clock_tolerance: timedelta = timedelta(minutes=10),
    ) -> None:
        self.name = name
        self._client = client
        self._clock_tolerance = clock_tolerance
        self._future: dict[str, int] = {}  # by reservation: times from the future in its record
        self._future_since_poll = 0
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

        future, self._future_since_poll = self._future_since_poll, 0
        self._future = {i: n for i, n in self._future.items() if i in statuses.services}
        return model.Snapshot(
            readings=statuses.services,
            translate=translate,
            unreadable=statuses.unreadable,
            vendor_time=statuses.time,
            remarks=(*_remarks(statuses), *((_remark(self._future),) if self._future else ())),
            future=future,
        )

    def resume(self, subjects: Iterable[model.Subject]) -> None:
        """Do nothing: each poll returns everything."""

    async def details(self, subject: str) -> model.Details:
        """Fetch one reservation's name, route, notes and bookings."""
        return await self._client.details(model.id_of(subject))

    async def history(
        self, subject: str, start: datetime, end: datetime
    ) -> tuple[model.AlarmRecord, ...]:
        """Fetch the alarms that Lumen recorded of one reservation up to now, which is `end`.

        One that begins in the future is left out; one that only ends there has not ended.
        """
        reservation = model.id_of(subject)
        alarms = await self._client.history(reservation, start, end)
        past, future = without_future(alarms, end + self._clock_tolerance)
        self._future_since_poll += future
        if future:
            self._future[reservation] = future
        else:
            self._future.pop(reservation, None)
        return past

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


def without_future(
    alarms: Iterable[model.AlarmRecord], latest: datetime
) -> tuple[tuple[model.AlarmRecord, ...], int]:
    """Return alarms without the times after `latest`, and how many of those there were."""
    past: list[model.AlarmRecord] = []
    future = 0
    for alarm in alarms:
        starts = alarm.start is not None and alarm.start > latest
        ends = alarm.end is not None and alarm.end > latest
        future += starts or ends
        if not starts:
            past.append(replace(alarm, end=None) if ends else alarm)
    return tuple(past), future


def _remark(future: Mapping[str, int]) -> str:
    return (
        f"{sum(future.values())} alarms in the records of {', '.join(sorted(future)[:3])} have"
        " times from the future, which are left out: check both clocks"
    )


def _remarks(statuses: Statuses) -> tuple[str, ...]:
    count = len(statuses.unreadable)
    if not count:
        return ()
    return (f"{count} services cannot be read and stay as they were: {statuses.unreadable[0]!r}",)
