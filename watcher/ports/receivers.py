"""What the delivery loop needs of a receiver, and gives it."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol, runtime_checkable

from msgspec import Struct

from watcher import model
from watcher.ports.store import DetailReader


class DeliverySession(DetailReader, Protocol):
    """What a receiver is given for one delivery, beside the incident view.

    `intended_at` is that of the PendingDelivery.
    """

    intended_at: float | None

    async def save(self, receipt: model.Receipt) -> None:
        """Commit a receipt now: the intent before an act, its result after it (law 5)."""


@runtime_checkable
class Remarking(Protocol):
    """A receiver that knows what does not arrive although its deliveries succeed."""

    def remarks(self) -> tuple[str, ...]:
        """Return it as sentences for `watcher status`."""


class CutOff(Struct, frozen=True):
    """Since when a receiver has no connection, and why."""

    since: datetime
    error: str


@runtime_checkable
class Connected(Protocol):
    """A receiver with a connection of its own, which may be lost while nothing is pending."""

    def cut_off(self) -> CutOff | None:
        """Return since when there is no connection; None where there is one, or none yet."""


@runtime_checkable
class Intending(Protocol):
    """A receiver that writes an intent before an act; the first one may come with the claim."""

    first_intent: str


@runtime_checkable
class Trying(Protocol):
    """A receiver that can show, without notifying anybody, whether it can deliver."""

    async def try_out(self) -> bool:
        """Return whether a delivery would succeed, as far as that shows.

        Raises PermanentError where a person has to fix something first, TemporaryError where it
        does not show now.
        """


class Receiver(Protocol):
    """Where people or programs are notified."""

    name: str

    async def deliver(
        self, view: model.IncidentView, receipt: model.Receipt, delivery: DeliverySession
    ) -> model.Receipt:
        """Deliver everything between the receipt and the view, act by act; return the new receipt.

        Raises TemporaryError or PermanentError; what was saved before then counts as delivered.
        """
