"""The live loop of the work beside the writer: details to fetch, diagnostics to run.

Law: a job's result goes into the inbox in the transaction that drops the job. Details never wait
behind diagnoses. A diagnosis that failed is not repeated; one that a daemon died of is, once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

import structlog

from watcher import clock as time
from watcher import model, ports
from watcher.response import settings

log = structlog.get_logger()

LOOK_SECONDS = 1.0  # a ring is a hint; the store is looked at this often without one
DETAILS_WITHIN = timedelta(seconds=5)  # a reservation's details gate paging for no longer (law 6)
DETAILS_AT_ONCE = 8
QUALIFY_WITHIN = timedelta(minutes=3)  # the vendor's own systems may have to be asked thrice
DRAW_WITHIN = timedelta(seconds=30)  # beyond the vendor's timeout, for the PDF's picture
LEASE_MARGIN = timedelta(seconds=10)  # for the commit of the result
MAX_ATTEMPTS = 2
GIVE_BACK_SECONDS = 3.0  # a stop does not wait longer for the store

Work = Callable[[ports.Job], Awaitable[tuple[model.Command, ports.Paper | None]]]


@dataclass(slots=True, kw_only=True)
class _Pool:
    """So many jobs of one kind at once, each for at most `within`."""

    kind: str
    within: timedelta
    size: int
    work: Work
    running: set[asyncio.Task[None]] = field(default_factory=set)


class Jobs:
    """Claims jobs and does them. `bell` is rung when there may be some, `inbox_bell` by us."""

    def __init__(
        self,
        *,
        workshop: ports.Workshop,
        inbox: ports.Inbox,
        sources: Mapping[str, ports.Source],
        examiner: ports.Examiner | None,
        qualifier: ports.Qualifier | None,
        keys: settings.Diagnostics,
        clock: time.Clock,
        bell: time.Bell,
        inbox_bell: time.Bell,
    ) -> None:
        self.turned_at = clock.monotonic()
        self._workshop = workshop
        self._inbox = inbox
        self._sources = sources
        self._examiner = examiner
        self._qualifier = qualifier
        self._keys = keys
        self._clock = clock
        self._bell = bell
        self._inbox_bell = inbox_bell
        self._pools = (
            _Pool(kind="details", within=DETAILS_WITHIN, size=DETAILS_AT_ONCE, work=self._detail),
            _Pool(
                kind="diagnose",
                within=keys.timeout + DRAW_WITHIN,
                size=keys.parallel,
                work=self._diagnose,
            ),
            _Pool(kind="alternatives", within=QUALIFY_WITHIN, size=1, work=self._qualify),
        )

    async def run(self) -> None:
        """Do jobs for ever; when cancelled, give back what is unfinished.

        Raises what the store raises.
        """
        async with asyncio.TaskGroup() as group:
            while True:
                self.turned_at = self._clock.monotonic()
                for pool in self._pools:
                    await self._fill(pool, group)
                await self._bell.wait(LOOK_SECONDS)

    async def _fill(self, pool: _Pool, group: asyncio.TaskGroup) -> None:
        free = pool.size - len(pool.running)
        if not free:
            return
        jobs = await self._workshop.claim_jobs(
            kind=pool.kind, now=self._clock.now(), lease=pool.within + LEASE_MARGIN, limit=free
        )
        for job in jobs:
            task = group.create_task(self._do(pool, job), name=f"{job.kind} {job.key}")
            pool.running.add(task)
            task.add_done_callback(pool.running.discard)
            task.add_done_callback(lambda _: self._bell.ring())

    async def _do(self, pool: _Pool, job: ports.Job) -> None:
        try:
            command, paper = await pool.work(job)
            kept = await self._workshop.finish_job(
                job, at=self._clock.now(), command=command, paper=paper
            )
        except asyncio.CancelledError:
            await self._give_back(job)
            raise
        if kept:
            self._inbox_bell.ring()
        else:
            log.warning("job was taken over by another daemon", kind=job.kind, key=job.key)

    async def _give_back(self, job: ports.Job) -> None:
        """Let another daemon, or our next start, have an unfinished job at once."""
        try:
            async with asyncio.timeout(GIVE_BACK_SECONDS):
                await self._workshop.postpone_job(job, due=self._clock.now())
        except (TimeoutError, model.TemporaryError) as error:
            log.warning("job waits until its lease ends", key=job.key, error=str(error))

    async def _detail(self, job: ports.Job) -> tuple[model.Command, None]:
        """Fetch one subject's details; whatever fails is said in the answer."""
        name = job.key.partition("/")[0]
        source = self._sources.get(name)
        if source is None:
            return _no_details(job, f"there is no source {name!r} in the config any more"), None
        try:
            async with asyncio.timeout(DETAILS_WITHIN.total_seconds()):
                details = await source.details(job.key)
        except TimeoutError:
            seconds = f"{DETAILS_WITHIN.total_seconds():g}"
            return _no_details(job, f"{name} gave no details within {seconds} s"), None
        except (model.TemporaryError, model.PermanentError) as error:
            return _no_details(job, str(error)), None
        return model.DetailsRead(subject=job.key, details=details), None

    async def _diagnose(self, job: ports.Job) -> tuple[model.Command, ports.Paper | None]:
        """Run the vendor's triage once, if the budgets allow it."""
        begun = model.Diagnosis(
            run=job.key,
            incident=job.incident,
            service_id=job.service_id,
            status=model.DiagnosisStatus.RUNNING,
            started_at=self._clock.now(),
        )
        if self._examiner is None:
            why = "there is no [diagnostics] section in the config"
            return self._ended(begun, model.DiagnosisStatus.SKIPPED, why), None
        if job.attempts > MAX_ATTEMPTS:
            why = f"it was interrupted {MAX_ATTEMPTS} times and is not tried again"
            return self._ended(begun, model.DiagnosisStatus.FAILED, why), None
        refusal = await self._workshop.start_run(
            job,
            now=begun.started_at,
            cooldown=self._keys.cooldown,
            per_incident=self._keys.runs_per_incident,
            per_hour=self._keys.runs_per_hour,
        )
        if refusal:
            return self._ended(begun, model.DiagnosisStatus.SKIPPED, refusal), None
        await self._inbox.submit(
            f"diagnosing/{begun.run}", model.Diagnosed(diagnosis=begun), begun.started_at
        )
        self._inbox_bell.ring()
        return await self._examine(self._examiner, begun)

    async def _examine(
        self, examiner: ports.Examiner, begun: model.Diagnosis
    ) -> tuple[model.Command, ports.Paper | None]:
        within = self._keys.timeout + DRAW_WITHIN
        try:
            async with asyncio.timeout(within.total_seconds()):
                found = await examiner.examine(run=begun.run, service_id=begun.service_id)
        except TimeoutError:
            why = f"it did not end within {within.total_seconds():g} s"
            return self._ended(begun, model.DiagnosisStatus.FAILED, why), None
        except (model.TemporaryError, model.PermanentError) as error:
            return self._ended(begun, model.DiagnosisStatus.FAILED, str(error)), None
        begun = replace(
            begun,
            disposition=found.disposition,
            findings=found.findings,
            actions=found.actions,
            report=found.report,
        )
        return self._ended(begun, found.status, found.message), found.paper

    async def _qualify(self, job: ports.Job) -> tuple[model.Command, None]:
        """Ask what could be ordered as a backup; whatever fails is said in the answer."""
        address = job.key.partition("/")[2]
        found = await self._backups(job, address)
        return model.AlternativesRead(
            incident=job.incident, address=address, offers=found.offers, why=found.why
        ), None

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

    def _ended(
        self, begun: model.Diagnosis, status: model.DiagnosisStatus, message: str
    ) -> model.Diagnosed:
        ended = replace(begun, status=status, message=message, finished_at=self._clock.now())
        return model.Diagnosed(diagnosis=ended)


def _no_details(job: ports.Job, error: str) -> model.DetailsRead:
    return model.DetailsRead(subject=job.key, details=None, error=error)
