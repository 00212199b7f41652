"""Fixtures of the tests of jobs."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from watcher import jobs, model, ports
from watcher.clock import Wakeup
from watcher.vendors.diagnostics.settings import Diagnostics

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


class FakeClock:
    """A clock that moves only when a test moves it."""

    def __init__(self) -> None:
        self.time = NOW

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return (self.time - NOW).total_seconds()


@dataclass
class InMemoryJobs:
    """A job queue and an inbox in memory; `budget` is what `start_run` answers."""

    jobs: dict[tuple[str, str], ports.Job] = field(default_factory=dict)
    leases: dict[tuple[str, str], datetime] = field(default_factory=dict)
    commands: dict[str, model.Command] = field(default_factory=dict)
    report_files: dict[str, ports.ReportFiles] = field(default_factory=dict)
    budget: str = ""
    starts: list[tuple[str, timedelta, int, int]] = field(default_factory=list)
    fault: Exception | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, job: ports.Job) -> None:
        self.jobs[job.kind, job.key] = job

    async def claim(
        self, *, kind: str, now: datetime, lease: timedelta, limit: int
    ) -> list[ports.Job]:
        if self.fault:
            raise self.fault
        free = [
            key
            for key, job in self.jobs.items()
            if job.kind == kind and job.due <= now and self.leases.get(key, now) <= now
        ]
        for key in free[:limit]:
            job = self.jobs[key]
            self.jobs[key] = replace(job, attempts=job.attempts + 1, token=job.token + 1)
            self.leases[key] = now + lease
        return [self.jobs[key] for key in free[:limit]]

    async def finish(
        self,
        job: ports.Job,
        *,
        at: datetime,
        command: model.Command,
        report_files: ports.ReportFiles | None = None,
    ) -> bool:
        if not self._held(job):
            return False
        del self.jobs[job.kind, job.key], self.leases[job.kind, job.key]
        if report_files:
            self.report_files[report_files.run] = report_files
        return await self.submit(f"{job.kind}/{job.key}", command, at)

    async def postpone(self, job: ports.Job, *, due: datetime) -> None:
        if self._held(job):
            self.jobs[job.kind, job.key] = replace(job, due=due)
            del self.leases[job.kind, job.key]

    async def start_run(
        self,
        job: ports.Job,
        *,
        now: datetime,
        cooldown: timedelta,
        per_incident: int,
        per_hour: int,
    ) -> str:
        self.starts.append((job.key, cooldown, per_incident, per_hour))
        return self.budget

    async def submit(self, key: str, command: model.Command, at: datetime) -> bool:
        if key in self.commands:
            return False
        self.commands[key] = command
        self.changed.set()
        return True

    async def until(self, *keys: str) -> None:
        """Wait until these commands are in the inbox."""
        async with asyncio.timeout(5):
            while not all(key in self.commands for key in keys):
                self.changed.clear()
                await self.changed.wait()

    def _held(self, job: ports.Job) -> bool:
        kept = self.jobs.get((job.kind, job.key))
        return kept is not None and kept.token == job.token


class FakeSource:
    """A source whose details are what `answer` returns or raises."""

    name = "vyvx"

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer: model.Details | Exception | None = model.Details(labels={"name": "Final"})
        self.record: tuple[model.AlarmRecord, ...] | Exception | None = (
            model.AlarmRecord(state="offline"),
        )
        self.reads: list[tuple[str, datetime, datetime]] = []

    async def poll(self) -> model.Snapshot:
        raise AssertionError("jobs do not poll")

    async def details(self, subject: str) -> model.Details:
        self.asked.append(subject)
        if self.answer is None:
            await asyncio.Event().wait()
        if isinstance(self.answer, model.Details):
            return self.answer
        raise self.answer or AssertionError

    async def history(
        self, subject: str, start: datetime, end: datetime
    ) -> tuple[model.AlarmRecord, ...]:
        self.reads.append((subject, start, end))
        if self.record is None:
            await asyncio.Event().wait()
        if isinstance(self.record, tuple):
            return self.record
        raise self.record or AssertionError


class FakeDiagnosticsRunner:
    """Returns a result or raises `answer`, once `gate` is open."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.runs: list[str] = []
        self.at_once = self.most_at_once = 0
        self.answer: Exception | None = None

    async def diagnose(self, *, run: str, service_id: str) -> ports.DiagnosticsResult:
        self.runs.append(run)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.gate.wait()
        finally:
            self.at_once -= 1
        if self.answer:
            raise self.answer
        return ports.DiagnosticsResult(
            status=model.DiagnosisStatus.DONE,
            disposition=f"{service_id} has lost power",
            findings=("Power: Failed",),
            actions=("Call the site",),
            report=model.Report(run=run, filename="r.pdf", size=4, sha256="00"),
            report_files=ports.ReportFiles(run=run, pdf=b"%PDF"),
        )


@dataclass
class JobsWorld:
    """The loop with everything around it in memory; jobs that it starts end with the test."""

    store: InMemoryJobs = field(default_factory=InMemoryJobs)
    source: FakeSource = field(default_factory=FakeSource)
    diagnostics_runner: FakeDiagnosticsRunner = field(default_factory=FakeDiagnosticsRunner)
    clock: FakeClock = field(default_factory=FakeClock)
    inbox_wakeup: Wakeup = field(default_factory=Wakeup)
    started: list[asyncio.Task[None]] = field(default_factory=list)

    def details(self, key: str = "vyvx/1") -> None:
        self.store.add(ports.Job(kind="details", key=key, due=NOW))

    def history(self, key: str = "vyvx/1") -> None:
        needed = model.HistoryNeeded(subject=key, start=NOW - timedelta(minutes=15), end=NOW)
        self.store.add(ports.Job(kind="history", key=key, due=NOW, record=needed))

    def diagnose(self, run: str = "run-1", attempts: int = 0) -> None:
        self.store.add(
            ports.Job(
                kind="diagnose",
                key=run,
                incident="inc-1",
                service_id="SVC1",
                attempts=attempts,
                due=NOW,
            )
        )

    def loop(self, **changes: object) -> jobs.Jobs:
        given: dict[str, object] = {
            "queue": self.store,
            "inbox": self.store,
            "sources": {"vyvx": self.source},
            "diagnostics_runner": self.diagnostics_runner,
            "backup_finder": None,
            "bandwidth_changers": {},
            "diagnostics": Diagnostics(),
            "clock": self.clock,
            "wakeup": Wakeup(),
            "inbox_wakeup": self.inbox_wakeup,
        }
        return jobs.Jobs(**{**given, **changes})

    def start(self, loop: jobs.Jobs | None = None, **changes: object) -> asyncio.Task[None]:
        self.started.append(asyncio.create_task((loop or self.loop(**changes)).run()))
        return self.started[-1]


@pytest.fixture
async def world():
    built = JobsWorld()
    yield built
    for task in built.started:
        task.cancel()
    await asyncio.gather(*built.started, return_exceptions=True)
