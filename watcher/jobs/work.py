"""What a kind of work is to the loop: how much of it at once, for how long, and how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from watcher import model, ports

MAX_ATTEMPTS = 2  # of work that a daemon died of


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A job has ended: its result, and the paper that it brought."""

    command: model.Command
    report_files: ports.ReportFiles | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """A change of bandwidth goes on at `due`: how far it is, and what there is to tell of it."""

    change: ports.BandwidthChange
    due: datetime
    news: model.Command | None = None


Outcome = Done | Again
Work = Callable[[ports.Job], Awaitable[Outcome]]


@dataclass(slots=True, kw_only=True)
class Pool:
    """So many jobs of one kind at once, each for at most `within`.

    A stop waits for `patience` until what is being done has ended by itself.
    """

    kind: str
    within: timedelta
    size: int
    work: Work
    patience: timedelta = timedelta(0)
    running: set[asyncio.Task[None]] = field(default_factory=set)
