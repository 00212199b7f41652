"""What may remedy an incident: a change of an Internet On-Demand connection's bandwidth."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from watcher.model.subjects import id_of


class RemedyStatus(StrEnum):
    """How far a remedy is; while it is being reverted, how far that is."""

    PROPOSED = "proposed"  # it waits for a person
    APPROVED = "approved"  # it is going to be requested
    WAITING = "waiting"  # the vendor cannot accept it now: it is requested again later
    REQUESTED = "requested"  # the vendor has accepted the order
    PENDING = "pending"  # the vendor shows a change under way
    UNKNOWN = "unknown"  # it may have been ordered: it is searched for, and never sent again
    STUCK = "stuck"  # it is late, and checked less often
    APPLIED = "applied"  # the vendor shows the bandwidth
    REVERTED = "reverted"  # the vendor shows the bandwidth from before again
    REFUSED = "refused"  # by a person
    WITHDRAWN = "withdrawn"  # the incident was over before it was requested
    UNTOUCHED = "untouched"  # there was nothing to change, or nothing that may be changed
    FAILED = "failed"  # the vendor, or a limit, said no


_UNDER_WAY = frozenset(
    {
        RemedyStatus.APPROVED,
        RemedyStatus.WAITING,
        RemedyStatus.REQUESTED,
        RemedyStatus.PENDING,
        RemedyStatus.UNKNOWN,
        RemedyStatus.STUCK,
    }
)


class Remedy(Struct, frozen=True, kw_only=True, gc=False):
    """One incident's change of bandwidth, in Mbit/s.

    `connection` is a subject's key, empty where none is known. `from_mbps` is what it had when the
    change was proposed, `had` the same in the vendor's own words when it was ordered. `order` is
    our name of the change that was requested last, not the vendor's. `reverting`: the change is
    being reverted, or was. `message` says why. `ended_at` is when the remedy reached its final
    status.
    """

    connection: str
    status: RemedyStatus
    from_mbps: float | None = None
    to_mbps: float
    max_mbps: float
    revert: bool = False  # once the incident is over
    approved_by: str = ""  # empty: nobody yet, or the rule asks nobody
    order: str = ""
    had: str = ""
    reverting: bool = False
    message: str = ""
    proposed_at: datetime
    ended_at: datetime | None = None

    @property
    def is_under_way(self) -> bool:
        """Whether a job is at work on it, so that news will come, however late."""
        return self.ended_at is None and self.status in _UNDER_WAY

    @property
    def is_in_force(self) -> bool:
        """Whether the connection has, or may have, another bandwidth because of it for a while."""
        return self.ended_at is None and self.status is not RemedyStatus.PROPOSED

    @property
    def id(self) -> str:
        """The connection's id at the vendor."""
        return id_of(self.connection)

    def approval(self, incident: str) -> str:
        """Return the command that approves it; empty unless it waits for that."""
        waits = self.status is RemedyStatus.PROPOSED
        return f"watcher remedy approve {incident}" if waits else ""

    def objection(self) -> str:
        """Return why it cannot be approved or refused; empty while it waits for that."""
        match self.status:
            case RemedyStatus.PROPOSED:
                return ""
            case RemedyStatus.REFUSED | RemedyStatus.WITHDRAWN | RemedyStatus.UNTOUCHED:
                return f"nothing is left to approve or refuse: {self.message}"
            case _ if self.approved_by:
                return f"already approved by {self.approved_by}"
            case _:
                return "the rule needs no approval: the change goes ahead by itself"
