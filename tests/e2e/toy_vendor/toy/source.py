"""Lighthouses as subjects: field `state`, and the label `coast`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from watcher import model
from watcher.http import exchange
from watcher.vendors.http.api import VendorApi

STATES = ("lit", "dim", "dark")


class ToySource:
    """All lighthouses of one coast."""

    def __init__(self, name: str, api: VendorApi) -> None:
        self.name = name
        self._api = api

    async def poll(self) -> model.Snapshot:
        """Fetch every lamp."""
        reply = await self._api.get("/lamps")
        return model.Snapshot(readings=exchange.parse_object(reply), translate=self._translate)

    def _translate(self, lamp: str, reading: object) -> model.Observed:
        state = reading if reading in STATES else model.UNKNOWN
        return model.Observed(key=f"{self.name}/{lamp}", fields={"state": state})

    def resume(self, subjects: Iterable[model.Subject]) -> None:
        """Do nothing: each poll returns all lamps."""

    async def details(self, subject: str) -> model.Details:
        """Refuse: a lamp has none."""
        raise model.PermanentError(f"{subject} has no details")

    async def history(
        self, subject: str, start: datetime, end: datetime
    ) -> tuple[model.AlarmRecord, ...]:
        """Refuse: nobody keeps a record."""
        raise model.PermanentError(f"{subject} has no alarm record between {start} and {end}")
