"""What a vendor recorded of one subject: nobody waits for it, so few are read at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import structlog

from watcher import model, ports
from watcher.jobs.work import Done, Pool

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
        name = job.key.partition("/")[0]
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
