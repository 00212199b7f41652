"""Jobs that fetch something about one subject: details, the vendor's own record, backup options.

A failure is part of the result, because notifications wait for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta

import structlog
from msgspec.structs import replace

from watcher import model, ports
from watcher.jobs.work import MAX_ATTEMPTS, Done, Pool

DETAILS_TIMEOUT = timedelta(seconds=5)  # a reservation's details delay notifications no longer
DETAILS_AT_ONCE = 8
HISTORY_TIMEOUT = timedelta(seconds=60)
HISTORY_AT_ONCE = 2  # details are fetched with the same account, and people wait for those
BACKUP_TIMEOUT = timedelta(minutes=3)  # the vendor's own systems may have to be asked three times

log = structlog.get_logger()


class DetailsJobs:
    """Fetches the details of subjects."""

    def __init__(self, sources: Mapping[str, ports.Source]) -> None:
        self._sources = sources

    def pool(self) -> Pool:
        """Return how the loop runs this kind."""
        return Pool(kind="details", timeout=DETAILS_TIMEOUT, size=DETAILS_AT_ONCE, run=self._fetch)

    async def _fetch(self, job: ports.Job) -> Done:
        """Fetch one subject's details."""
        name = model.source_of(job.key)
        source = self._sources.get(name)
        if source is None:
            return _failed(job, f"source {name!r} is no longer configured")
        try:
            async with asyncio.timeout(DETAILS_TIMEOUT.total_seconds()):
                details = await source.details(job.key)
        except TimeoutError:
            seconds = f"{DETAILS_TIMEOUT.total_seconds():g}"
            return _failed(job, f"no details from {name} within {seconds} s")
        except model.WatcherError as error:
            return _failed(job, str(error))
        return Done(command=model.DetailsRead(subject=job.key, details=details))


def _failed(job: ports.Job, error: str) -> Done:
    return Done(command=model.DetailsRead(subject=job.key, details=None, error=error))


class HistoryJobs:
    """Fetches what the vendors recorded of subjects."""

    def __init__(self, sources: Mapping[str, ports.Source]) -> None:
        self._sources = sources
        self._failing: set[str] = set()  # sources whose last record could not be fetched

    def pool(self) -> Pool:
        """Return how the loop runs this kind."""
        return Pool(kind="history", timeout=HISTORY_TIMEOUT, size=HISTORY_AT_ONCE, run=self._fetch)

    async def _fetch(self, job: ports.Job) -> Done:
        """Fetch one record; a failure is part of the result."""
        assert job.record is not None  # noqa: S101  # every job of this kind has one
        read = model.HistoryRead(subject=job.key, start=job.record.start, end=job.record.end)
        name = model.source_of(job.key)
        source = self._sources.get(name)
        if source is None:
            why = f"source {name!r} is no longer configured"
            return Done(command=replace(read, error=why, permanent=True))
        try:
            async with asyncio.timeout(HISTORY_TIMEOUT.total_seconds()):
                read = replace(read, alarms=await source.history(job.key, read.start, read.end))
        except TimeoutError:
            read = replace(
                read, error=f"no record from {name} within {HISTORY_TIMEOUT.total_seconds():g} s"
            )
        except model.TemporaryError as error:
            read = replace(read, error=str(error))
        except model.PermanentError as error:
            read = replace(read, error=str(error), permanent=True)
        self._log_change(name, read)
        return Done(command=read)

    def _log_change(self, source: str, read: model.HistoryRead) -> None:
        """Log the first failure, and the first success after it."""
        if read.error and source not in self._failing:
            log.warning(
                "alarm record not fetched", source=source, subject=read.subject, error=read.error
            )
            self._failing.add(source)
        elif not read.error and source in self._failing:
            log.info("alarm records are fetched again", source=source)
            self._failing.remove(source)


class BackupJobs:
    """Finds what could be ordered as a backup; `finder` is None without a [preorder] section."""

    def __init__(self, finder: ports.BackupFinder | None) -> None:
        self._finder = finder

    def pool(self) -> Pool:
        """Return how the loop runs this kind."""
        return Pool(kind="alternatives", timeout=BACKUP_TIMEOUT, size=1, run=self._find)

    async def _find(self, job: ports.Job) -> Done:
        address = model.id_of(job.key)
        options = await self._options(job, address)
        return Done(
            command=model.AlternativesRead(
                incident=job.incident,
                address=address,
                offers=options.offers,
                why=options.why,
                note=options.note,
            )
        )

    async def _options(self, job: ports.Job, address: str) -> ports.BackupOptions:
        if self._finder is None:
            return ports.BackupOptions(why="there is no [preorder] section in the config")
        if job.attempts > MAX_ATTEMPTS:
            why = f"it was interrupted {MAX_ATTEMPTS} times and is not retried"
            return ports.BackupOptions(why=why)
        try:
            async with asyncio.timeout(BACKUP_TIMEOUT.total_seconds()):
                return await self._finder.find(address)
        except TimeoutError:
            within = model.format_duration(BACKUP_TIMEOUT)
            return ports.BackupOptions(why=f"PX PreOrder did not answer within {within}")
        except model.WatcherError as error:
            return ports.BackupOptions(why=str(error))
