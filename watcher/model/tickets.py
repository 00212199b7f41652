"""The carrier's own ticket about an incident."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct


class TicketState(StrEnum):
    """Where a ticket stands, in the words of Mplify 124.1 (Trouble Ticket)."""

    ACKNOWLEDGED = "acknowledged"
    IN_PROGRESS = "inProgress"
    PENDING = "pending"  # on its customer: the carrier's clock stands still
    RESOLVED = "resolved"
    CLOSED = "closed"


class Ticket(Struct, frozen=True, kw_only=True, gc=False):
    """A ticket by the carrier's number; who recorded it, and when its state was last set.

    `url` may be empty.
    """

    number: str
    state: TicketState = TicketState.ACKNOWLEDGED
    url: str = ""
    by: str
    at: datetime
