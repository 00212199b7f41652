"""Details to fetch: what the vendor says of one subject when it is asked for it alone.

Law: whatever fails is said in the answer, because paging waits for it (law 6).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta

from watcher import model, ports
from watcher.jobs.work import Done, Pool

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
        name = job.key.partition("/")[0]
        source = self._sources.get(name)
        if source is None:
            return _none(job, f"there is no source {name!r} in the config any more")
        try:
            async with asyncio.timeout(DETAILS_WITHIN.total_seconds()):
                details = await source.details(job.key)
        except TimeoutError:
            seconds = f"{DETAILS_WITHIN.total_seconds():g}"
            return _none(job, f"{name} gave no details within {seconds} s")
        except (model.TemporaryError, model.PermanentError) as error:
            return _none(job, str(error))
        return Done(command=model.DetailsRead(subject=job.key, details=details))


def _none(job: ports.Job, error: str) -> Done:
    return Done(command=model.DetailsRead(subject=job.key, details=None, error=error))
