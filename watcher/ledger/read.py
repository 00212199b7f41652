"""Reads the ledger of a month, or of any time, from the journal."""

from __future__ import annotations

from collections.abc import Callable, Iterable
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
    pairs = tuple(ticketed)
    return await read_between(
        journal,
        sources,
        ruleset,
        period.start,
        min(period.end, now),
        summarise=lambda built: document.document(built, period, ticketed=pairs),
        works=works,
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
            lambda: _summarise(folded, ruleset, start, end, summarise, planned)
        )


async def _fold(
    journal: JournalReader, sources: Iterable[model.SourceHealth], since: datetime
) -> history.History:
    folded = history.History()
    await journal.feed(since, folded.add)
    folded.close(sources)
    return folded


def _summarise(  # noqa: PLR0917  # one caller, for another thread
    folded: list[history.History],
    ruleset: engine.Ruleset,
    start: datetime,
    end: datetime,
    summarise: Callable[[ledger.Ledger], Summary],
    planned: AnnouncedWorks,
) -> Summary:
    """Return the summary of what was folded, which is freed here."""
    past = folded.pop()
    built = ledger.build(past, ruleset, start, end, planned=planned)
    pasts = list(past.circuits.values())
    past.circuits.clear()
    off_loop.free(pasts)
    summary = summarise(built)
    circuits = list(built.circuits)
    del built
    off_loop.free(circuits)
    return summary
