"""Service Diagnostics to run for an incident.

Law: a diagnosis that failed is not repeated; one that a daemon died of is, once.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

from watcher import model, ports
from watcher.clock import Clock, Wakeup
from watcher.jobs.work import MAX_ATTEMPTS, Done, Pool
from watcher.vendors.diagnostics import settings

DRAW_WITHIN = timedelta(seconds=30)  # beyond the vendor's timeout, for the PDF's picture


class Diagnoses:
    """Runs them, within the budgets of `keys`; `examiner` is None where there is none."""

    def __init__(
        self,
        *,
        workshop: ports.JobQueue,
        inbox: ports.Inbox,
        examiner: ports.DiagnosticsRunner | None,
        keys: settings.Diagnostics,
        clock: Clock,
        inbox_wakeup: Wakeup,
    ) -> None:
        self._workshop = workshop
        self._inbox = inbox
        self._examiner = examiner
        self._keys = keys
        self._clock = clock
        self._inbox_wakeup = inbox_wakeup
        self._within = keys.timeout + DRAW_WITHIN

    def pool(self) -> Pool:
        """Say how the loop is to run this kind."""
        return Pool(
            kind="diagnose", within=self._within, size=self._keys.parallel, work=self._diagnose
        )

    async def _diagnose(self, job: ports.Job) -> Done:
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
            return self._ended(begun, model.DiagnosisStatus.SKIPPED, why)
        if job.attempts > MAX_ATTEMPTS:
            why = f"it was interrupted {MAX_ATTEMPTS} times and is not tried again"
            return self._ended(begun, model.DiagnosisStatus.FAILED, why)
        refusal = await self._workshop.start_run(
            job,
            now=begun.started_at,
            cooldown=self._keys.cooldown,
            per_incident=self._keys.runs_per_incident,
            per_hour=self._keys.runs_per_hour,
        )
        if refusal:
            return self._ended(begun, model.DiagnosisStatus.SKIPPED, refusal)
        await self._inbox.submit(
            f"diagnosing/{begun.run}", model.Diagnosed(diagnosis=begun), begun.started_at
        )
        self._inbox_wakeup.set()
        return await self._examine(self._examiner, begun)

    async def _examine(self, examiner: ports.DiagnosticsRunner, begun: model.Diagnosis) -> Done:
        try:
            async with asyncio.timeout(self._within.total_seconds()):
                found = await examiner.examine(run=begun.run, service_id=begun.service_id)
        except TimeoutError:
            why = f"it did not end within {self._within.total_seconds():g} s"
            return self._ended(begun, model.DiagnosisStatus.FAILED, why)
        except model.WatcherError as error:
            return self._ended(begun, model.DiagnosisStatus.FAILED, str(error))
        begun = replace(
            begun,
            disposition=found.disposition,
            findings=found.findings,
            actions=found.actions,
            report=found.report,
        )
        return self._ended(begun, found.status, found.message, found.report_files)

    def _ended(
        self,
        begun: model.Diagnosis,
        status: model.DiagnosisStatus,
        message: str,
        report_files: ports.ReportFiles | None = None,
    ) -> Done:
        ended = replace(begun, status=status, message=message, finished_at=self._clock.now())
        return Done(command=model.Diagnosed(diagnosis=ended), report_files=report_files)
