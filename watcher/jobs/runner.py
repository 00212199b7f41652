"""The loop itself: claims jobs, has them done, and hands their results in.

Law: what a job brings goes into the inbox in the transaction that drops the job, or keeps it. The
kinds are claimed apart, so that details never wait behind diagnoses.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta

import structlog

from watcher import model, ports
from watcher.clock import Clock, Wakeup
from watcher.jobs.bandwidth import Bandwidths
from watcher.jobs.diagnostics import Diagnoses
from watcher.jobs.fetch import Alternatives, Details, Histories
from watcher.jobs.work import Again, Done, Outcome, Pool
from watcher.vendors.diagnostics import settings

log = structlog.get_logger()

LOOK_SECONDS = 1.0  # a wakeup is a hint; the store is read this often without one
LEASE_MARGIN = timedelta(seconds=10)  # for the commit of the result
GIVE_BACK_SECONDS = 3.0  # a stop does not wait longer for the store


class Jobs:
    """Claims jobs and does them.

    `wakeup` says that there may be some; `inbox_wakeup` is set when a result is in the inbox.
    """

    def __init__(
        self,
        *,
        workshop: ports.JobQueue,
        inbox: ports.Inbox,
        sources: Mapping[str, ports.Source],
        examiner: ports.DiagnosticsRunner | None,
        qualifier: ports.BackupFinder | None,
        orderers: Mapping[str, ports.BandwidthChanger],
        keys: settings.Diagnostics,
        clock: Clock,
        wakeup: Wakeup,
        inbox_wakeup: Wakeup,
    ) -> None:
        self.last_pass_at = clock.monotonic()
        self._workshop = workshop
        self._clock = clock
        self._wakeup = wakeup
        self._inbox_wakeup = inbox_wakeup
        diagnoses = Diagnoses(
            workshop=workshop,
            inbox=inbox,
            examiner=examiner,
            keys=keys,
            clock=clock,
            inbox_wakeup=inbox_wakeup,
        )
        self._pools = (
            Details(sources).pool(),
            Histories(sources).pool(),
            diagnoses.pool(),
            Alternatives(qualifier).pool(),
            Bandwidths(workshop=workshop, orderers=orderers, clock=clock).pool(),
        )

    async def run(self) -> None:
        """Do jobs for ever; when cancelled, give back what is unfinished.

        Raises what the store raises.
        """
        async with asyncio.TaskGroup() as group:
            while True:
                self.last_pass_at = self._clock.monotonic()
                for pool in self._pools:
                    await self._fill(pool, group)
                await self._wakeup.wait(LOOK_SECONDS)

    async def _fill(self, pool: Pool, group: asyncio.TaskGroup) -> None:
        free = pool.size - len(pool.running)
        if not free:
            return
        jobs = await self._workshop.claim(
            kind=pool.kind, now=self._clock.now(), lease=pool.within + LEASE_MARGIN, limit=free
        )
        for job in jobs:
            task = group.create_task(self._do(pool, job), name=f"{job.kind} {job.key}")
            pool.running.add(task)
            task.add_done_callback(pool.running.discard)
            task.add_done_callback(lambda _: self._wakeup.set())

    async def _do(self, pool: Pool, job: ports.Job) -> None:
        working = asyncio.ensure_future(pool.work(job))
        try:
            kept = await self._hand_in(job, await asyncio.shield(working))
        except asyncio.CancelledError:
            await self._stop(pool, job, working)
            raise
        if kept:
            self._inbox_wakeup.set()
        else:
            log.warning("job was taken over by another daemon", kind=job.kind, key=job.key)

    async def _stop(self, pool: Pool, job: ports.Job, working: asyncio.Future[Outcome]) -> None:
        """Keep what an act in hand has come to, or give back what is unfinished."""
        await asyncio.wait([working], timeout=pool.patience.total_seconds())
        if not working.done():
            working.cancel()
            await asyncio.wait([working])
        try:
            async with asyncio.timeout(GIVE_BACK_SECONDS):
                if working.cancelled():
                    await self._workshop.postpone(job, due=self._clock.now())
                else:
                    await self._hand_in(job, working.result())
        except (TimeoutError, model.TemporaryError) as error:
            log.warning("job waits until its lease ends", key=job.key, error=str(error))

    async def _hand_in(self, job: ports.Job, outcome: Outcome) -> bool:
        now = self._clock.now()
        match outcome:
            case Done():
                return await self._workshop.finish(
                    job, at=now, command=outcome.command, report_files=outcome.report_files
                )
            case Again():
                return await self._workshop.save_change(
                    job, outcome.change, now=now, due=outcome.due, news=outcome.news
                )
