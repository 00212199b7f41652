"""Details to fetch: what the vendor says of one subject when it is asked for it alone.

Law: whatever fails is said in the answer, because paging waits for it (law 6).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import structlog

from watcher import model, ports
from watcher.jobs.work import MAX_ATTEMPTS, Done, Pool

DETAILS_WITHIN = timedelta(seconds=5)  # a reservation's details gate paging for no longer
DETAILS_AT_ONCE = 8


class Details:
    """Fetches them."""

    def __init__(self, sources: Mapping[str, ports.Source]) -> None:
        self._sources = sources

    def pool(self) -> Pool:
        """Say how the loop is to run this kind."""
        return Pool(kind="details", within=DETAILS_WITHIN, size=DETAILS_AT_ONCE, work=self._fetch)

    async def _fetch(self, job: ports.Job) -> Done:
        """Fetch one subject's details."""
        name = model.source_of(job.key)
        source = self._sources.get(name)
        if source is None:
            return _none(job, f"there is no source {name!r} in the config any more")
        try:
            async with asyncio.timeout(DETAILS_WITHIN.total_seconds()):
                details = await source.details(job.key)
        except TimeoutError:
            seconds = f"{DETAILS_WITHIN.total_seconds():g}"
            return _none(job, f"{name} gave no details within {seconds} s")
        except model.WatcherError as error:
            return _none(job, str(error))
        return Done(command=model.DetailsRead(subject=job.key, details=details))


def _none(job: ports.Job, error: str) -> Done:
    return Done(command=model.DetailsRead(subject=job.key, details=None, error=error))


WITHIN = timedelta(seconds=60)
AT_ONCE = 2  # details are asked for with the same account, and people wait for those

log = structlog.get_logger()


class Histories:
    """Reads records from the sources."""

    def __init__(self, sources: Mapping[str, ports.Source]) -> None:
        self._sources = sources
        self._unread: set[str] = set()  # sources whose last record could not be read

    def pool(self) -> Pool:
        """Say how the loop is to run this kind."""
        return Pool(kind="history", within=WITHIN, size=AT_ONCE, work=self._work)

    async def _work(self, job: ports.Job) -> Done:
        """Read one record; whatever fails is said in the answer."""
        assert job.record is not None  # noqa: S101  # every job of this kind has one
        read = model.HistoryRead(subject=job.key, start=job.record.start, end=job.record.end)
        name = model.source_of(job.key)
        source = self._sources.get(name)
        if source is None:
            why = f"there is no source {name!r} in the config any more"
            return Done(command=replace(read, error=why, permanent=True))
        try:
            async with asyncio.timeout(WITHIN.total_seconds()):
                read = replace(read, alarms=await source.history(job.key, read.start, read.end))
        except TimeoutError:
            read = replace(read, error=f"{name} gave no record within {WITHIN.total_seconds():g} s")
        except model.TemporaryError as error:
            read = replace(read, error=str(error))
        except model.PermanentError as error:
            read = replace(read, error=str(error), permanent=True)
        self._say(name, read)
        return Done(command=read)

    def _say(self, source: str, read: model.HistoryRead) -> None:
        """Log the first failure, and the first success after it."""
        if read.error and source not in self._unread:
            log.warning("record not read", source=source, subject=read.subject, error=read.error)
            self._unread.add(source)
        elif not read.error and source in self._unread:
            log.info("records are read again", source=source)
            self._unread.remove(source)


QUALIFY_WITHIN = timedelta(minutes=3)  # the vendor's own systems may have to be asked thrice


class Alternatives:
    """Asks; `qualifier` is None where there is none."""

    def __init__(self, qualifier: ports.BackupFinder | None) -> None:
        self._qualifier = qualifier

    def pool(self) -> Pool:
        """Say how the loop is to run this kind."""
        return Pool(kind="alternatives", within=QUALIFY_WITHIN, size=1, work=self._qualify)

    async def _qualify(self, job: ports.Job) -> Done:
        address = model.id_of(job.key)
        found = await self._backups(job, address)
        return Done(
            command=model.AlternativesRead(
                incident=job.incident, address=address, offers=found.offers, why=found.why
            )
        )

    async def _backups(self, job: ports.Job, address: str) -> ports.BackupOptions:
        if self._qualifier is None:
            return ports.BackupOptions(why="there is no [preorder] section in the config")
        if job.attempts > MAX_ATTEMPTS:
            why = f"it was interrupted {MAX_ATTEMPTS} times and is not asked again"
            return ports.BackupOptions(why=why)
        try:
            async with asyncio.timeout(QUALIFY_WITHIN.total_seconds()):
                return await self._qualifier.qualify(address)
        except TimeoutError:
            within = model.format_duration(QUALIFY_WITHIN)
            return ports.BackupOptions(why=f"PX PreOrder gave no answer within {within}")
        except model.WatcherError as error:
            return ports.BackupOptions(why=str(error))
