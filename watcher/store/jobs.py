"""The job queue: work that one daemon at a time claims, and what it is allowed to start.

Law: a job belongs to its last claim; an older claim's token writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    bindparam,
    delete,
    exists,
    func,
    select,
    tuple_,
    update,
)

from watcher import model, ports
from watcher.store import codec, commits, counters, tables
from watcher.store.database import Database, is_free, new_claim, next_claimable
from watcher.store.idle import IdleLooks

Noun = TypeVar("Noun", bound=msgspec.Struct)

_HOUR = timedelta(hours=1)
_DROP_HELD = delete(tables.jobs).where(
    tables.jobs.c.kind == bindparam("of_kind"),
    tables.jobs.c.key == bindparam("of_key"),
    tables.jobs.c.token == bindparam("of_token"),
)


class JobQueue:
    """Jobs, diagnostics runs and report files. Implements ports.JobQueue."""

    def __init__(self, database: Database, looks: IdleLooks) -> None:
        self._database = database
        self._looks = looks

    async def claim(
        self, *, kind: str, now: datetime, lease: timedelta, limit: int
    ) -> list[ports.Job]:
        """Claim the jobs that have been due the longest."""
        if await self._looks.spare(what := ("jobs", kind), now):
            return []
        jobs, dialect = tables.jobs, self._database.dialect
        token, stepped, writes = new_claim(), self._database.stepped, self._database.writes
        of_kind = jobs.c.kind == kind

        def claim(connection: Connection) -> tuple[Sequence[Row[Any]], datetime | None]:
            at = now + self._database.stepped - stepped
            free = is_free(jobs.c.lease_until, dialect.moment(at))
            rows = connection.execute(
                select(jobs)
                .where(of_kind, jobs.c.due <= at, free)
                .order_by(jobs.c.due, jobs.c.key)
                .limit(limit)
                .with_for_update(skip_locked=True)
            ).all()
            if rows:
                connection.execute(
                    update(jobs)
                    .where(tuple_(jobs.c.kind, jobs.c.key).in_([(r.kind, r.key) for r in rows]))
                    .values(
                        token=token,
                        holder=self._database.session,
                        lease_until=dialect.moment(at, lease),
                        attempts=jobs.c.attempts + 1,
                    )
                )
            if rows or dialect.shared:
                return rows, None
            later = next_claimable(jobs.c.due, jobs.c.lease_until, of_kind)
            return rows, connection.scalar(later)

        rows, until = await self._database.run_writing(claim, claims=True)
        if not rows:
            self._looks.found_nothing(
                what,
                writes=writes,
                may_be=lambda now: exists().where(of_kind, jobs.c.due <= now),
                until=until,
            )
        return [
            ports.Job(
                kind=row.kind,
                key=row.key,
                incident=row.incident,
                service_id=row.service_id,
                attempts=row.attempts + 1,
                token=token,
                due=row.due,
                change=_decode(row, "bandwidth", codec.CHANGE),
                record=_decode(row, "history", codec.HISTORY_NEEDED),
            )
            for row in rows
        ]

    async def finish(
        self,
        job: ports.Job,
        *,
        at: datetime,
        command: model.Command,
        report_files: ports.ReportFiles | None = None,
    ) -> bool:
        """Write the result and delete the job in one transaction."""

        def finish(connection: Connection) -> bool:
            held = {"of_kind": job.kind, "of_key": job.key, "of_token": job.token}
            if connection.execute(_DROP_HELD, held).rowcount == 0:
                return False
            connection.execute(
                self._database.insert_new(tables.inbox),
                # The token makes the key a new one when the same details are needed again.
                commits.inbox_row(f"{job.kind}/{job.key}/{job.token}", command, at),
            )
            if report_files is not None:
                connection.execute(
                    self._database.upsert(tables.papers),
                    {
                        "run": report_files.run,
                        "at": at,
                        "pdf": report_files.pdf,
                        "preview": report_files.preview,
                        "raw": report_files.raw,
                    },
                )
            if job.kind == "diagnose":
                _end_run(connection, job, finished_at=at)
            return True

        return await self._database.run_writing(finish)

    async def postpone(self, job: ports.Job, *, due: datetime) -> None:
        """End the claim; a job that another daemon claimed meanwhile stays as it is."""
        stepped = self._database.stepped

        def postpone(connection: Connection) -> None:
            at = due + self._database.stepped - stepped
            released = connection.execute(
                update(tables.jobs).where(is_held(job)).values(due=at, lease_until=None, token=0)
            )
            if released.rowcount and job.kind == "diagnose":
                _end_run(connection, job, finished_at=None)

        await self._database.run_writing(postpone)

    async def start_run(
        self,
        job: ports.Job,
        *,
        now: datetime,
        cooldown: timedelta,
        per_incident: int,
        per_hour: int,
    ) -> str:
        """Count one start of a run, or return why it may not start.

        A run that its daemon did not finish may start again, and counts again. Until the job's
        lease ends, no other run may start for its service.
        """
        runs = tables.runs

        def start_run(connection: Connection) -> str:
            self._lock_runs(connection)
            held = (
                connection.execute(select(tables.jobs.c.lease_until).where(is_held(job)))
            ).first()
            if held is None:
                return "another daemon has taken this job over"
            refusal = (
                _refuse_for_service(
                    connection,
                    job,
                    now=now,
                    lease_now=self._database.dialect.moment(now),
                    cooldown=cooldown,
                )
                or _refuse_for_incident(connection, job, per_incident)
                or _refuse_for_hour(connection, now, per_hour)
            )
            if refusal:
                return refusal
            started = connection.execute(
                update(runs)
                .where(runs.c.run == job.key)
                .values(
                    starts=runs.c.starts + 1,
                    started_at=now,
                    finished_at=None,
                    lease_until=held.lease_until,
                )
            )
            if started.rowcount == 0:
                row: dict[str, Any] = {
                    "run": job.key,
                    "service_id": job.service_id,
                    "incident": job.incident,
                    "starts": 1,
                    "started_at": now,
                    "lease_until": held.lease_until,
                }
                connection.execute(runs.insert(), row)
            return ""

        return await self._database.run_writing(start_run)

    async def start_change(
        self,
        job: ports.Job,
        change: ports.BandwidthChange,
        *,
        now: datetime,
        customer: str,
        per_day: int,
    ) -> ports.ChangeStart:
        """Write the intent and count the change, in one transaction.

        Once its incident is resolved a change may not start, unless it reverts an earlier one.
        """
        jobs, incidents = tables.jobs, tables.incidents

        def start_change(connection: Connection) -> ports.ChangeStart:
            held = select(jobs.c.key).where(is_held(job)).with_for_update()
            if connection.scalar(held) is None:
                return ports.ChangeStart.LOST
            status = connection.scalar(
                select(incidents.c.status).where(incidents.c.id == job.incident)
            )
            if not change.wanted.reverting and status == model.IncidentStatus.RESOLVED.value:
                return ports.ChangeStart.OVER
            day = now.astimezone(UTC).date()
            if not counters.spend_change(self._database, connection, customer, day, per_day):
                return ports.ChangeStart.USED_UP
            connection.execute(update(jobs).where(is_held(job)).values(data=codec.encode(change)))
            return ports.ChangeStart.BEGUN

        return await self._database.run_writing(start_change)

    async def save_change(
        self,
        job: ports.Job,
        change: ports.BandwidthChange,
        *,
        now: datetime,
        due: datetime,
        news: model.Command | None,
    ) -> bool:
        """Write all three in one transaction."""
        stepped = self._database.stepped

        def save_change(connection: Connection) -> bool:
            at = due + self._database.stepped - stepped
            values = {"data": codec.encode(change), "due": at, "lease_until": None, "token": 0}
            saved = connection.execute(update(tables.jobs).where(is_held(job)).values(**values))
            if saved.rowcount == 0:
                return False
            if news is not None:
                connection.execute(
                    self._database.insert_new(tables.inbox),
                    commits.inbox_row(f"{job.kind}/{job.key}/{job.token}", news, now),
                )
            return True

        return await self._database.run_writing(save_change)

    def _lock_runs(self, connection: Connection) -> None:
        """Keep other daemons from counting the same runs until this transaction ends."""
        lease = tables.lease
        row = {"name": "runs", "owner": "", "token": 0, "taken_at": tables.EPOCH}
        connection.execute(self._database.insert_new(lease), row)
        connection.execute(
            select(lease.c.name).where(lease.c.name == row["name"]).with_for_update()
        )


def _decode(row: Row[Any], kind: str, document: codec.Document[Noun]) -> Noun | None:
    """Return what a job of this kind needs beside its key; None for other kinds."""
    return document.decode(row.data) if row.kind == kind and row.data is not None else None


def is_held(job: ports.Job) -> ColumnElement[bool]:
    """Match the job's row while its claim is the last one."""
    jobs = tables.jobs
    return and_(jobs.c.kind == job.kind, jobs.c.key == job.key, jobs.c.token == job.token)


def _end_run(connection: Connection, job: ports.Job, *, finished_at: datetime | None) -> None:
    runs = tables.runs
    connection.execute(
        update(runs).where(runs.c.run == job.key).values(finished_at=finished_at, lease_until=None)
    )


def _refuse_for_service(
    connection: Connection,
    job: ports.Job,
    *,
    now: datetime,
    lease_now: ColumnElement[datetime],
    cooldown: timedelta,
) -> str:
    runs = tables.runs
    other = and_(runs.c.service_id == job.service_id, runs.c.run != job.key)
    if connection.scalar(select(runs.c.run).where(other, runs.c.lease_until > lease_now).limit(1)):
        return f"a run for service {job.service_id} is in progress"
    last: datetime | None = connection.scalar(select(func.max(runs.c.started_at)).where(other))
    if last is not None and now < last + cooldown:
        return (
            f"service {job.service_id} was diagnosed {model.format_duration(now - last)} ago;"
            f" the next run may start {model.format_duration(cooldown)} after the last"
        )
    return ""


def _refuse_for_incident(connection: Connection, job: ports.Job, per_incident: int) -> str:
    runs = tables.runs
    if not job.incident:
        return ""
    used = connection.scalar(select(func.sum(runs.c.starts)).where(runs.c.incident == job.incident))
    return (
        f"this incident has used all its {per_incident} runs" if (used or 0) >= per_incident else ""
    )


def _refuse_for_hour(connection: Connection, now: datetime, per_hour: int) -> str:
    runs = tables.runs
    used = connection.scalar(select(func.sum(runs.c.starts)).where(runs.c.started_at > now - _HOUR))
    return f"all {per_hour} runs of this hour are used up" if (used or 0) >= per_hour else ""
