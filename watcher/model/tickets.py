"""The carrier's own ticket about an incident."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from watcher.dataclass import dataclass


class TicketState(StrEnum):
    """Where a ticket stands, in the words of Mplify 124.1 (Trouble Ticket)."""

    ACKNOWLEDGED = "acknowledged"
    IN_PROGRESS = "inProgress"
    PENDING = "pending"  # on its customer: the carrier's clock stands still
    RESOLVED = "resolved"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A ticket by the carrier's number; who recorded it, and when its state was last set.

    `url` may be empty.
    """

    number: str
    state: TicketState = TicketState.ACKNOWLEDGED
    url: str = ""
    by: str
    at: datetime
