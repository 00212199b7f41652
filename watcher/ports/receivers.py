"""What the delivery loop needs of the store, and of a receiver."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from watcher import model
from watcher.ports.store import ReportFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingDelivery:
    """A claimed pair of incident and receiver that has not been told everything."""

    receipt: model.Receipt
    token: int


class Outbox(Protocol):
    """What the delivery loop needs of the store."""

    async def claim(
        self, *, now: datetime, receivers: Sequence[str], lease: timedelta, limit: int
    ) -> list[PendingDelivery]:
        """Claim pairs whose receipt lags behind the incident and is due, oldest first."""

    async def incident_view(self, incident: str) -> model.IncidentView | None:
        """Read an incident with its alerts, timeline and subjects; None when there is no such."""

    async def save_receipt(self, receipt: model.Receipt, token: int) -> None:
        """Keep what was told so far. Raises PermanentError when the claim was lost."""

    async def settle(
        self, receipt: model.Receipt, token: int, *, again_at: datetime | None
    ) -> None:
        """Keep the receipt and give the claim back; look again at `again_at` if it is given."""

    async def report_files(self, run: str) -> ReportFiles | None:
        """Read what one diagnostics run brought."""

    async def all_alerts(self, incident: str) -> tuple[model.IncidentAlert, ...]:
        """Read all alerts of an incident, however many."""

    async def series(
        self, subject: str, metric: str, start: datetime, end: datetime
    ) -> tuple[model.Sample, ...]:
        """Read what was measured, both ends included, by direction and time."""


class DeliverySession(Protocol):
    """What a receiver is given beside the dossier: papers to read, and a way to keep receipts."""

    async def report_files(self, run: str) -> ReportFiles | None:
        """Read what one diagnostics run brought."""

    async def all_alerts(self, incident: str) -> tuple[model.IncidentAlert, ...]:
        """Read all alerts of an incident, however many."""

    async def series(
        self, subject: str, metric: str, start: datetime, end: datetime
    ) -> tuple[model.Sample, ...]:
        """Read what was measured, both ends included, by direction and time."""

    async def save(self, receipt: model.Receipt) -> None:
        """Commit a receipt now: the intent before an act, its result after it (law 5)."""


class Receiver(Protocol):
    """Where an incident is told."""

    name: str

    async def deliver(
        self, view: model.IncidentView, receipt: model.Receipt, delivery: DeliverySession
    ) -> model.Receipt:
        """Tell everything between the receipt and the dossier, act by act; return the new receipt.

        Raises TemporaryError or PermanentError; what was saved before then stays told.
        """
