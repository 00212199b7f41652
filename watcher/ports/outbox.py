"""What delivery, and the writer, need of the outbox: the receipts of all receivers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from msgspec import Struct

from watcher import model


class PendingDelivery(Struct, frozen=True, kw_only=True):
    """A claimed receipt of a receiver that has not been notified of everything.

    `view` is the incident as it was at the claim; None: there is none any more. `intended_at`, on
    the monotonic clock, is when the receipt's intent was about to be written with the claim: of an
    act that nobody can have begun. None: an intent is one of an earlier delivery.
    """

    receipt: model.Receipt
    token: int
    owed_since: datetime | None = None
    view: model.IncidentView | None = None
    intended_at: float | None = None


class Claim(Struct, frozen=True, kw_only=True):
    """What to claim in the transaction of a commit: one delivery to each of some receivers.

    `intents` names the first act for an incident at each of them, "" for one without intents;
    `asked_at` is the time on the monotonic clock.
    """

    intents: Mapping[str, str]
    now: datetime
    lease: timedelta
    asked_at: float


class Outbox(Protocol):
    """The pending deliveries. A claim that was lost raises PermanentError."""

    async def is_pending(self, receiver: str) -> bool:
        """Return whether a receiver has to be notified of anything, due or not."""

    async def claim(
        self, *, now: datetime, receivers: Sequence[str], lease: timedelta, limit: int
    ) -> list[PendingDelivery]:
        """Claim receipts that lag behind their incident and are due, oldest first."""

    async def save_receipt(self, receipt: model.Receipt, token: int) -> None:
        """Write down what the receiver has been notified of so far, under this claim."""

    async def release(
        self,
        receipt: model.Receipt,
        token: int,
        *,
        again_at: datetime | None,
        delivered: model.Notification | None = None,
    ) -> None:
        """Write the receipt and end the claim; try again at `again_at` if it is given.

        What was `delivered` is kept with it, for as long as its incident.
        """
