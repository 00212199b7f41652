"""Reads the ledger of a month, or of any time, from the journal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from typing import Protocol

from watcher import engine, model, ports
from watcher.ledger import document, history, ledger
from watcher.ledger.period import Period
from watcher.ledger.works import AnnouncedWorks


class JournalReader(Protocol):
    """What the ledger needs of the store."""

    def records(self, since: datetime) -> AsyncIterator[ports.Recorded]:
        """Yield the records from the last checkpoint before `since` on, in their order."""


async def read(
    journal: JournalReader,
    sources: Iterable[model.SourceHealth],
    ticketed: Iterable[tuple[str, model.Incident]],
    ruleset: engine.Ruleset,
    period: Period,
    *,
    now: datetime,
    works: Iterable[model.Work] = (),
) -> document.LedgerDocument:
    """Return the ledger of a month, up to now where it is not over.

    `sources` are as they were seen last: what came after that is unknown. `ticketed` are subjects
    with an incident that the carrier has a ticket about, `works` what carriers had announced.
    Raises PermanentError for a month that has not begun, TemporaryError when the database fails.
    """
    if period.start >= now:
        raise model.PermanentError(f"{period.name} has not begun yet")
    folded = await _fold(journal, sources, period.start)
    until = min(period.end, now)
    planned = AnnouncedWorks(works, ruleset.works)
    return await asyncio.to_thread(_build, folded, ruleset, period, until, tuple(ticketed), planned)


async def read_between(
    journal: JournalReader,
    sources: Iterable[model.SourceHealth],
    ruleset: engine.Ruleset,
    start: datetime,
    end: datetime,
    *,
    works: Iterable[model.Work] = (),
) -> ledger.Ledger:
    """Return the ledger from `start` to `end`, which is not later than now.

    Raises TemporaryError when the database fails.
    """
    folded = await _fold(journal, sources, start)
    planned = AnnouncedWorks(works, ruleset.works)
    return await asyncio.to_thread(ledger.build, folded, ruleset, start, end, planned=planned)


async def _fold(
    journal: JournalReader, sources: Iterable[model.SourceHealth], since: datetime
) -> history.History:
    folded = history.History()
    async for record in journal.records(since):
        folded.add(record)
    folded.close(sources)
    return folded


def _build(  # noqa: PLR0917 -- one caller, for another thread
    folded: history.History,
    ruleset: engine.Ruleset,
    period: Period,
    until: datetime,
    ticketed: Sequence[tuple[str, model.Incident]],
    planned: AnnouncedWorks,
) -> document.LedgerDocument:
    built = ledger.build(folded, ruleset, period.start, until, planned=planned)
    return document.document(built, period, ticketed=ticketed)
