"""The loop itself: claims jobs, runs them and submits their results.

A result goes into the inbox in the transaction that drops the job, or keeps it. The kinds are
claimed separately, so that details never wait behind diagnoses.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta

import structlog

from watcher import model, ports
from watcher.clock import Clock, Wakeup
from watcher.jobs.bandwidth import BandwidthJobs
from watcher.jobs.diagnostics import DiagnosisJobs
from watcher.jobs.fetch import BackupJobs, DetailsJobs, HistoryJobs
from watcher.jobs.work import Continue, Done, Outcome, Pool
from watcher.vendors.diagnostics import settings

log = structlog.get_logger()

POLL_SECONDS = 1.0  # a wakeup is a hint; the store is read this often without one
LEASE_MARGIN = timedelta(seconds=10)  # for the commit of the result
RELEASE_SECONDS = 3.0  # a stop does not wait longer for the store


class Jobs:
    """Claims jobs and runs them.

    `wakeup` says that there may be some; `inbox_wakeup` is set when a result is in the inbox.
    """

    def __init__(
        self,
        *,
        queue: ports.JobQueue,
        inbox: ports.Inbox,
        sources: Mapping[str, ports.Source],
        diagnostics_runner: ports.DiagnosticsRunner | None,
        backup_finder: ports.BackupFinder | None,
        bandwidth_changers: Mapping[str, ports.BandwidthChanger],
        diagnostics: settings.Diagnostics,
        clock: Clock,
        wakeup: Wakeup,
        inbox_wakeup: Wakeup,
    ) -> None:
        self.last_pass_at = clock.monotonic()
        self._queue = queue
        self._clock = clock
        self._wakeup = wakeup
        self._inbox_wakeup = inbox_wakeup
        diagnoses = DiagnosisJobs(
            queue=queue,
            inbox=inbox,
            runner=diagnostics_runner,
            config=diagnostics,
            clock=clock,
            inbox_wakeup=inbox_wakeup,
        )
        self._pools = (
            DetailsJobs(sources).pool(),
            HistoryJobs(sources).pool(),
            diagnoses.pool(),
            BackupJobs(backup_finder).pool(),
            BandwidthJobs(queue=queue, changers=bandwidth_changers, clock=clock).pool(),
        )

    async def run(self) -> None:
        """Run jobs until cancelled; then release what is unfinished.

        Raises what the store raises.
        """
        async with asyncio.TaskGroup() as group:
            while True:
                self.last_pass_at = self._clock.monotonic()
                for pool in self._pools:
                    await self._fill(pool, group)
                await self._wakeup.wait(POLL_SECONDS)

    async def _fill(self, pool: Pool, group: asyncio.TaskGroup) -> None:
        free = pool.size - len(pool.running)
        if not free:
            return
        jobs = await self._queue.claim(
            kind=pool.kind, now=self._clock.now(), lease=pool.timeout + LEASE_MARGIN, limit=free
        )
        for job in jobs:
            task = group.create_task(self._run_job(pool, job), name=f"{job.kind} {job.key}")
            pool.running.add(task)
            task.add_done_callback(pool.running.discard)
            task.add_done_callback(lambda _: self._wakeup.set())

    async def _run_job(self, pool: Pool, job: ports.Job) -> None:
        running = asyncio.ensure_future(pool.run(job))
        try:
            kept = await self._submit(job, await asyncio.shield(running))
        except asyncio.CancelledError:
            await self._stop(pool, job, running)
            raise
        if kept:
            self._inbox_wakeup.set()
        else:
            log.warning("job was taken over by another daemon", kind=job.kind, key=job.key)

    async def _stop(self, pool: Pool, job: ports.Job, running: asyncio.Future[Outcome]) -> None:
        """Keep the result of a job that ends in time, or release what is unfinished."""
        await asyncio.wait([running], timeout=pool.grace.total_seconds())
        if not running.done():
            running.cancel()
            await asyncio.wait([running])
        try:
            async with asyncio.timeout(RELEASE_SECONDS):
                if running.cancelled():
                    await self._queue.postpone(job, due=self._clock.now())
                else:
                    await self._submit(job, running.result())
        except (TimeoutError, model.TemporaryError) as error:
            log.warning(
                "job not released, it waits for its lease to expire", key=job.key, error=str(error)
            )

    async def _submit(self, job: ports.Job, outcome: Outcome) -> bool:
        now = self._clock.now()
        match outcome:
            case Done():
                return await self._queue.finish(
                    job, at=now, command=outcome.command, report_files=outcome.report_files
                )
            case Continue():
                return await self._queue.save_change(
                    job, outcome.change, now=now, due=outcome.due, news=outcome.news
                )
