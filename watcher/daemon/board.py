"""The board and the ledger that it shows: loaded by a daemon that has one, and by no other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack

from watcher import engine
from watcher.clock import Clock
from watcher.daemon import availability
from watcher.metrics import Metrics
from watcher.operations.status import StatusReporter
from watcher.operations.works import ReadSubjects
from watcher.store.store import Store
from watcher.web import server
from watcher.web.settings import Web


async def open_board(
    settings: Web,
    *,
    stack: AsyncExitStack,
    group: asyncio.TaskGroup,
    store: Store,
    rules: Callable[[], engine.Ruleset],
    reporter: StatusReporter,
    stuck: Callable[[], str],
    ready: Callable[[], bool],
    subjects_of: ReadSubjects,
    metrics: Metrics,
    clock: Clock,
) -> list[asyncio.Task[None]]:
    """Serve the board until `stack` is closed; return the tasks beside it."""
    records = availability.LedgerReader(store=store, rules=rules, clock=clock)
    await stack.enter_async_context(
        server.serve(
            settings,
            stuck=stuck,
            ready=ready,
            reporter=reporter,
            reader=store.queries,
            listings=store.listings,
            rules=rules,
            read_ledger=records.month,
            read_ledger_between=records.between,
            subjects_of=subjects_of,
            clock=clock,
        )
    )
    if not settings.availability_every:
        return []
    measuring = availability.keep_measured(
        records.month,
        store.queries.sources,
        metrics=metrics,
        clock=clock,
        every=settings.availability_every,
    )
    return [group.create_task(measuring, name="availability")]
