"""What the loop has to know of a kind of job: how many at once, for how long, and the outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import field
from datetime import datetime, timedelta

from watcher import model, ports
from watcher.dataclass import dataclass

MAX_ATTEMPTS = 2  # of work that a daemon died of


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A job has ended: its result, and the report files that it brought."""

    command: model.Command
    report_files: ports.ReportFiles | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Continue:
    """A change of bandwidth continues at `due`; `news` is what there is to report of it."""

    change: ports.BandwidthChange
    due: datetime
    news: model.Command | None = None


Outcome = Done | Continue
Run = Callable[[ports.Job], Awaitable[Outcome]]


@dataclass(slots=True, kw_only=True)
class Pool:
    """At most `size` jobs of one kind at once, each for at most `timeout`.

    A stop waits for `grace` until a job under way has ended by itself.
    """

    kind: str
    timeout: timedelta
    size: int
    run: Run
    grace: timedelta = timedelta(0)
    running: set[asyncio.Task[None]] = field(default_factory=set)
