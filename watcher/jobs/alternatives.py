"""What could be ordered as a backup, to be asked for once for an incident.

Law: whatever fails is said in the answer; nothing is ordered.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from watcher import model, ports
from watcher.jobs.work import MAX_ATTEMPTS, Done, Pool

QUALIFY_WITHIN = timedelta(minutes=3)  # the vendor's own systems may have to be asked thrice


class Alternatives:
    """Asks; `qualifier` is None where there is none."""

    def __init__(self, qualifier: ports.Qualifier | None) -> None:
        self._qualifier = qualifier

    def pool(self) -> Pool:
        """Say how the loop is to run this kind."""
        return Pool(kind="alternatives", within=QUALIFY_WITHIN, size=1, work=self._qualify)

    async def _qualify(self, job: ports.Job) -> Done:
        address = job.key.partition("/")[2]
        found = await self._backups(job, address)
        return Done(
            command=model.AlternativesRead(
                incident=job.incident, address=address, offers=found.offers, why=found.why
            )
        )

    async def _backups(self, job: ports.Job, address: str) -> ports.Backups:
        if self._qualifier is None:
            return ports.Backups(why="there is no [preorder] section in the config")
        if job.attempts > MAX_ATTEMPTS:
            why = f"it was interrupted {MAX_ATTEMPTS} times and is not asked again"
            return ports.Backups(why=why)
        try:
            async with asyncio.timeout(QUALIFY_WITHIN.total_seconds()):
                return await self._qualifier.qualify(address)
        except TimeoutError:
            within = model.format_duration(QUALIFY_WITHIN)
            return ports.Backups(why=f"PX PreOrder gave no answer within {within}")
        except (model.TemporaryError, model.PermanentError) as error:
            return ports.Backups(why=str(error))
