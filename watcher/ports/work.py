"""What jobs need of the store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from watcher import model


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change of bandwidth and how far it is: durable, so that it is ordered once (law 5).

    `sent_at` is the intent: from then on it may have been ordered. `taken`: the vendor said so.
    `tries` counts the times that it was put off, `told` is what people know of it.
    """

    wanted: model.BandwidthNeeded
    tries: int = 0
    sent_at: datetime | None = None
    taken: bool = False
    told: tuple[model.RemedyStatus, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Work beside the writer that one daemon at a time may do.

    `kind` is details (`key`: the subject), history (the subject; `record` is what is to be read),
    diagnose (the run), alternatives (INCIDENT/ADDRESS), or bandwidth (the order; `change` is what
    is to be done).
    """

    kind: str
    key: str
    incident: str = ""
    service_id: str = ""
    record: model.HistoryNeeded | None = None
    attempts: int = 0
    token: int = 0
    due: datetime
    change: Change | None = None


class Start(StrEnum):
    """Whether a change of bandwidth may leave now."""

    BEGUN = "begun"
    LOST = "lost"  # somebody else has taken the job over
    OVER = "over"  # the incident is
    USED_UP = "used up"  # the vendor takes no more changes today


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """What one diagnostics run brought: the PDF's bytes, a PNG of its first page, the raw JSON."""

    run: str
    pdf: bytes = b""
    preview: bytes = b""
    raw: bytes = b""


class Workshop(Protocol):
    """What jobs need of the store."""

    async def claim_jobs(
        self, *, kind: str, now: datetime, lease: timedelta, limit: int
    ) -> list[Job]:
        """Take jobs of one kind that are due and that nobody holds, oldest first.

        The kinds are claimed apart so that details never wait behind others. `attempts` of what
        comes back counts this claim.
        """

    async def finish_job(
        self, job: Job, *, at: datetime, command: model.Command, paper: Paper | None = None
    ) -> bool:
        """Put the result into the inbox, keep the paper and drop the job, in one transaction.

        False when the job's lease was lost to somebody else: nothing was written.
        """

    async def postpone_job(self, job: Job, *, due: datetime) -> None:
        """Give a job back, to be done later."""

    async def start_run(
        self, job: Job, *, now: datetime, cooldown: timedelta, per_incident: int, per_hour: int
    ) -> str:
        """Reserve one diagnostics run; empty when it may start.

        Otherwise say in words which budget, cooldown or run in flight forbids it (law 7).
        """

    async def start_change(
        self, job: Job, change: Change, *, now: datetime, customer: str, per_day: int
    ) -> Start:
        """Write the intent of a change down, and count it, if it may leave now."""

    async def keep_change(
        self, job: Job, change: Change, *, now: datetime, due: datetime, news: model.Command | None
    ) -> bool:
        """Keep how far a change is, hand in its news, and give the job back until `due`.

        False when the job's lease was lost to somebody else: nothing was written.
        """
