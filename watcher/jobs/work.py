"""What the loop has to know of a kind of job: how many at once, for how long, and the outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from msgspec import Struct, field

from watcher import model, ports

MAX_ATTEMPTS = 2  # of work that a daemon died of


class Done(Struct, frozen=True, kw_only=True):
    """A job has ended: its result, and the report files that it brought."""

    command: model.Command
    report_files: ports.ReportFiles | None = None


class Continue(Struct, frozen=True, kw_only=True):
    """A change of bandwidth continues at `due`; `news` is what there is to report of it."""

    change: ports.BandwidthChange
    due: datetime
    news: model.Command | None = None


Outcome = Done | Continue
Run = Callable[[ports.Job], Awaitable[Outcome]]


class Pool(Struct, kw_only=True):
    """At most `size` jobs of one kind at once, each for at most `timeout`.

    A stop waits for `grace` until a job under way has ended by itself.
    """

    kind: str
    timeout: timedelta
    size: int
    run: Run
    grace: timedelta = timedelta(0)
    running: set[asyncio.Task[None]] = field(default_factory=set)
