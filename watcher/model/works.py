"""Planned works: what carriers announce, what is known of a maintenance, what it excuses."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

_UNREAD = datetime(1970, 1, 1, tzinfo=UTC)


class WorkStatus(StrEnum):
    """Where a maintenance stands, in the words of NANOG's BCOP; `words` are those for people."""

    TENTATIVE = "tentative"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"
    IN_PROCESS = "in-process"
    COMPLETED = "completed"
    RESCHEDULED = "re-scheduled"

    @property
    def words(self) -> str:
        """Return what it is called in a sentence."""
        return {"in-process": "under way", "re-scheduled": "moved"}.get(self.value, self.value)


class WorkImpact(StrEnum):
    """What a circuit is announced to suffer; `rank` orders them."""

    NO_IMPACT = "no-impact"
    REDUCED_REDUNDANCY = "reduced-redundancy"
    DEGRADED = "degraded"
    OUTAGE = "outage"

    @property
    def rank(self) -> int:
        """0 for no impact up to 3 for an outage."""
        return list(WorkImpact).index(self)


class AffectedCircuit(Struct, frozen=True, kw_only=True, gc=False):
    """A circuit by the carrier's id, and what it is announced to suffer."""

    id: str
    impact: WorkImpact


class WorkWindow(Struct, frozen=True, kw_only=True, gc=False):
    """When works are announced for, in UTC; `begin` is before `end`."""

    begin: datetime
    end: datetime


class Notice(Struct, frozen=True, kw_only=True, gc=False):
    """What one message said about one maintenance, all its windows together.

    `provider` is casefolded. `sequence` and `stamp` are the carrier's own, and say which of two
    notices is the newer one. `origin` is where it was read: `mail MESSAGE-ID`, `file NAME` or
    `standard input`.
    """

    provider: str
    id: str
    status: WorkStatus
    windows: tuple[WorkWindow, ...]
    circuits: tuple[AffectedCircuit, ...]
    sequence: int | None = None
    stamp: datetime | None = None
    summary: str = ""
    account: str = ""
    origin: str = ""
    received_at: datetime

    @property
    def key(self) -> str:
        """The maintenance that it is about: `PROVIDER/ID`."""
        return f"{self.provider}/{self.id}"

    @property
    def said_at(self) -> tuple[datetime, datetime]:
        """When it was written, and read; a stamp that lies ahead counts as of its reading."""
        return min(self.stamp or self.received_at, self.received_at), self.received_at

    @property
    def digest(self) -> str:
        """A digest of what it says, wherever and whenever it was read."""
        content = replace(self, origin="", received_at=_UNREAD)
        return hashlib.sha256(repr(content).encode()).hexdigest()


class Work(Struct, frozen=True, kw_only=True, gc=False):
    """What is known of a maintenance now: the newest notice, and what people said.

    `history` are the notices before the newest one, the oldest first. `moved_from` are windows that
    were announced and do not count any more, and `completed_at` is when its completion was read.
    `asked` are unknown circuits that people were asked about, `announced` what they have heard.
    """

    notice: Notice
    confirmed_by: str = ""
    dismissed_by: str = ""
    moved_from: tuple[WorkWindow, ...] = ()
    asked: tuple[str, ...] = ()
    announced: tuple[str, ...] = ()
    history: tuple[Notice, ...] = ()
    completed_at: datetime | None = None

    @property
    def key(self) -> str:
        """The maintenance: `PROVIDER/ID`."""
        return self.notice.key

    @property
    def notices(self) -> tuple[Notice, ...]:
        """Every notice of it that is kept, the newest last."""
        return (*self.history, self.notice)

    @property
    def windows(self) -> tuple[WorkWindow, ...]:
        """The windows that count now; none of a work that is cancelled or dismissed."""
        if self.dismissed_by or self.notice.status is WorkStatus.CANCELLED:
            return ()
        windows = self.notice.windows
        if self.notice.status is WorkStatus.RESCHEDULED:
            windows = tuple(window for window in windows if window not in self.moved_from)
        over = self.completed_at
        if over is None:
            return windows
        return tuple(
            replace(window, end=min(window.end, over)) for window in windows if window.begin < over
        )

    @property
    def end(self) -> datetime | None:
        """When the last window that counts is over; None where none counts."""
        return max((window.end for window in self.windows), default=None)


class CountedWork(Work, frozen=True, kw_only=True, gc=False):
    """Works beside the carrier's other works about the same windows, for those who read of them.

    `counting` are the windows that no others speak for; `is_spoken_for` says that none is left.
    `others` are the works that it is a part or the whole of. Made for display, and never stored.
    """

    counting: tuple[WorkWindow, ...]
    is_spoken_for: bool = False
    others: tuple[Work, ...] = ()

    @property
    def windows(self) -> tuple[WorkWindow, ...]:
        """The windows that count now and that no others speak for."""
        return self.counting


class Planned(Struct, frozen=True, kw_only=True, gc=False):
    """The planned work that a fault belongs to: nobody is called from `begin` to `end`."""

    provider: str
    id: str
    begin: datetime
    end: datetime
    impact: WorkImpact

    @property
    def key(self) -> str:
        """The maintenance: `PROVIDER/ID`."""
        return f"{self.provider}/{self.id}"
