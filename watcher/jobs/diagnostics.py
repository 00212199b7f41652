"""Jobs that run Service Diagnostics for an incident, within its budgets.

A run that failed is not repeated; one that was interrupted with its daemon is, once.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from msgspec.structs import replace

from watcher import model, ports
from watcher.clock import Clock, Wakeup
from watcher.jobs.work import MAX_ATTEMPTS, Done, Pool
from watcher.vendors.diagnostics import settings

PREVIEW_TIMEOUT = timedelta(seconds=30)  # beyond the vendor's timeout, for the PDF's picture


class DiagnosisJobs:
    """Runs them, within the limits of `config`; `runner` is None without [diagnostics]."""

    def __init__(
        self,
        *,
        queue: ports.JobQueue,
        inbox: ports.Inbox,
        runner: ports.DiagnosticsRunner | None,
        config: settings.Diagnostics,
        clock: Clock,
        inbox_wakeup: Wakeup,
    ) -> None:
        self._queue = queue
        self._inbox = inbox
        self._runner = runner
        self._config = config
        self._clock = clock
        self._inbox_wakeup = inbox_wakeup
        self._timeout = config.timeout + PREVIEW_TIMEOUT

    def pool(self) -> Pool:
        """Return how the loop runs this kind."""
        return Pool(
            kind="diagnose", timeout=self._timeout, size=self._config.parallel, run=self._diagnose
        )

    async def _diagnose(self, job: ports.Job) -> Done:
        """Run the vendor's triage once, if the budgets allow it."""
        diagnosis = model.Diagnosis(
            run=job.key,
            incident=job.incident,
            service_id=job.service_id,
            status=model.DiagnosisStatus.RUNNING,
            started_at=self._clock.now(),
        )
        if self._runner is None:
            why = "there is no [diagnostics] section in the config"
            return self._finished(diagnosis, model.DiagnosisStatus.SKIPPED, why)
        if job.attempts > MAX_ATTEMPTS:
            why = f"it was interrupted {MAX_ATTEMPTS} times and is not retried"
            return self._finished(diagnosis, model.DiagnosisStatus.FAILED, why)
        refusal = await self._queue.start_run(
            job,
            now=diagnosis.started_at,
            cooldown=self._config.cooldown,
            per_incident=self._config.runs_per_incident,
            per_hour=self._config.runs_per_hour,
        )
        if refusal:
            return self._finished(diagnosis, model.DiagnosisStatus.SKIPPED, refusal)
        await self._inbox.submit(
            f"diagnosing/{diagnosis.run}",
            model.Diagnosed(diagnosis=diagnosis),
            diagnosis.started_at,
        )
        self._inbox_wakeup.set()
        return await self._run(self._runner, diagnosis)

    async def _run(self, runner: ports.DiagnosticsRunner, diagnosis: model.Diagnosis) -> Done:
        try:
            async with asyncio.timeout(self._timeout.total_seconds()):
                result = await runner.diagnose(run=diagnosis.run, service_id=diagnosis.service_id)
        except TimeoutError:
            why = f"it did not finish within {self._timeout.total_seconds():g} s"
            return self._finished(diagnosis, model.DiagnosisStatus.FAILED, why)
        except model.WatcherError as error:
            return self._finished(diagnosis, model.DiagnosisStatus.FAILED, str(error))
        diagnosis = replace(
            diagnosis,
            disposition=result.disposition,
            findings=result.findings,
            actions=result.actions,
            report=result.report,
        )
        return self._finished(diagnosis, result.status, result.message, result.report_files)

    def _finished(
        self,
        diagnosis: model.Diagnosis,
        status: model.DiagnosisStatus,
        message: str,
        report_files: ports.ReportFiles | None = None,
    ) -> Done:
        finished = replace(diagnosis, status=status, message=message, finished_at=self._clock.now())
        return Done(command=model.Diagnosed(diagnosis=finished), report_files=report_files)
