"""Reads the ledger of a month, or of any time, from the journal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from watcher import engine, model, off_loop, ports
from watcher.ledger import document, history, ledger
from watcher.ledger.period import Period
from watcher.ledger.works import AnnouncedWorks

Summary = TypeVar("Summary")


class JournalReader(Protocol):
    """What the ledger needs of the store."""

    async def feed(self, since: datetime, take: Callable[[ports.Recorded], None]) -> None:
        """Let `take` have the records from the last checkpoint before `since` on, in their order.

        It may be called in another thread.
        """


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
    until = min(period.end, now)
    planned = AnnouncedWorks(works, ruleset.works)
    with off_loop.uncollected():
        folded = [await _fold(journal, sources, period.start)]
        return await off_loop.run(  # what is popped there is freed there, which takes long as well
            lambda: _build(folded.pop(), ruleset, period, until, tuple(ticketed), planned)
        )


async def read_between(
    journal: JournalReader,
    sources: Iterable[model.SourceHealth],
    ruleset: engine.Ruleset,
    start: datetime,
    end: datetime,
    *,
    summarise: Callable[[ledger.Ledger], Summary],
    works: Iterable[model.Work] = (),
) -> Summary:
    """Return what `summarise` makes, in a thread, of the ledger from `start` to `end`.

    `end` is not later than now. Raises TemporaryError when the database fails.
    """
    planned = AnnouncedWorks(works, ruleset.works)
    with off_loop.uncollected():
        folded = [await _fold(journal, sources, start)]
        return await off_loop.run(
            lambda: summarise(ledger.build(folded.pop(), ruleset, start, end, planned=planned))
        )


async def _fold(
    journal: JournalReader, sources: Iterable[model.SourceHealth], since: datetime
) -> history.History:
    folded = history.History()
    await journal.feed(since, folded.add)
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
