"""What jobs ask of the store: to claim work, to finish it, to reserve a diagnostics run.

Law: a job belongs to the token of its last claim; whoever holds an older one writes nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Row, and_, delete, func, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from watcher import model, ports
from watcher.clock import token
from watcher.store import codec, commits, counters, tables
from watcher.store.database import Database

Noun = TypeVar("Noun")

_HOUR = timedelta(hours=1)


class JobQueue:
    """Claims and finishes jobs."""

    _database: Database

    async def claim_jobs(
        self, *, kind: str, now: datetime, lease: timedelta, limit: int
    ) -> list[ports.Job]:
        """Take jobs of one kind that are due and that nobody holds, the longest due first.

        `attempts` counts the claims of a job, this one among them.
        """
        jobs, dialect = tables.jobs, self._database.dialect
        token = new_token()
        free = is_free(jobs.c.lease_until, dialect.moment(now))
        async with self._database.write() as connection:
            rows = (
                await connection.execute(
                    select(jobs)
                    .where(jobs.c.kind == kind, jobs.c.due <= now, free)
                    .order_by(jobs.c.due, jobs.c.key)
                    .limit(limit)
                    .with_for_update(skip_locked=True)
                )
            ).all()
            if rows:
                await connection.execute(
                    update(jobs)
                    .where(tuple_(jobs.c.kind, jobs.c.key).in_([(r.kind, r.key) for r in rows]))
                    .values(
                        token=token,
                        holder=self._database.session,
                        lease_until=dialect.moment(now, lease),
                        attempts=jobs.c.attempts + 1,
                    )
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
                change=_data(row, "bandwidth", codec.CHANGE),
                record=_data(row, "history", codec.HISTORY_NEEDED),
            )
            for row in rows
        ]

    async def finish_job(
        self,
        job: ports.Job,
        *,
        at: datetime,
        command: model.Command,
        report_files: ports.ReportFiles | None = None,
    ) -> bool:
        """Put the result into the inbox, keep the paper and drop the job, in one transaction.

        False when the job's lease was lost to somebody else: nothing was written.
        """
        async with self._database.write() as connection:
            dropped = await connection.execute(delete(tables.jobs).where(is_held(job)))
            if dropped.rowcount == 0:
                return False
            await connection.execute(
                self._database.insert_new(tables.inbox),
                # The token makes the key new when the same details are needed another time.
                commits.inbox_row(f"{job.kind}/{job.key}/{job.token}", command, at),
            )
            if report_files is not None:
                await connection.execute(
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
                await _end_run(connection, job, finished_at=at)
        return True

    async def postpone_job(self, job: ports.Job, *, due: datetime) -> None:
        """Give a job back, to be done later; one that was lost meanwhile is left alone."""
        async with self._database.write() as connection:
            given = await connection.execute(
                update(tables.jobs).where(is_held(job)).values(due=due, lease_until=None, token=0)
            )
            if given.rowcount and job.kind == "diagnose":
                await _end_run(connection, job, finished_at=None)

    async def start_run(
        self,
        job: ports.Job,
        *,
        now: datetime,
        cooldown: timedelta,
        per_incident: int,
        per_hour: int,
    ) -> str:
        """Reserve one diagnostics run; empty when it may start.

        Otherwise say in words which budget, cooldown or run in flight forbids it (law 7). A run
        that its daemon did not finish may start again, and counts again; it holds its service
        back until the job's lease ends, not for ever.
        """
        runs = tables.runs
        async with self._database.write() as connection:
            await self._one_at_a_time(connection)
            held = (
                await connection.execute(select(tables.jobs.c.lease_until).where(is_held(job)))
            ).first()
            if held is None:
                return "somebody else has taken this job over"
            refusal = (
                await _refuse_for_service(
                    connection,
                    job,
                    now=now,
                    lease_now=self._database.dialect.moment(now),
                    cooldown=cooldown,
                )
                or await _refuse_for_incident(connection, job, per_incident)
                or await _refuse_for_hour(connection, now, per_hour)
            )
            if refusal:
                return refusal
            started = await connection.execute(
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
                await connection.execute(runs.insert(), row)
        return ""

    async def _one_at_a_time(self, connection: AsyncConnection) -> None:
        """Let no other daemon count the same runs until this transaction ends."""
        lease = tables.lease
        turn = {"name": "runs", "owner": "", "token": 0, "taken_at": tables.EPOCH}
        await connection.execute(self._database.insert_new(lease), turn)
        await connection.execute(
            select(lease.c.name).where(lease.c.name == turn["name"]).with_for_update()
        )


def _data(row: Row[Any], kind: str, document: codec.Document[Noun]) -> Noun | None:
    """Read what a job of one kind has to know beside its key."""
    return document.decode(row.data) if row.kind == kind and row.data is not None else None


def new_token() -> int:
    """Make a claim's token: never used before, so that it fences even a row made anew."""
    return int(token(), 16) >> 1  # 63 bits, a signed column's width


def is_free(
    lease_until: ColumnElement[datetime], now: ColumnElement[datetime]
) -> ColumnElement[bool]:
    """Whether nobody holds a row, or its holder died."""
    return or_(lease_until.is_(None), lease_until <= now)


def is_held(job: ports.Job) -> ColumnElement[bool]:
    """Choose the job's row while its claim is the last one."""
    jobs = tables.jobs
    return and_(jobs.c.kind == job.kind, jobs.c.key == job.key, jobs.c.token == job.token)


async def _end_run(
    connection: AsyncConnection, job: ports.Job, *, finished_at: datetime | None
) -> None:
    runs = tables.runs
    await connection.execute(
        update(runs).where(runs.c.run == job.key).values(finished_at=finished_at, lease_until=None)
    )


async def _refuse_for_service(
    connection: AsyncConnection,
    job: ports.Job,
    *,
    now: datetime,
    lease_now: ColumnElement[datetime],
    cooldown: timedelta,
) -> str:
    runs = tables.runs
    other = and_(runs.c.service_id == job.service_id, runs.c.run != job.key)
    if await connection.scalar(
        select(runs.c.run).where(other, runs.c.lease_until > lease_now).limit(1)
    ):
        return f"a run for service {job.service_id} is under way"
    last: datetime | None = await connection.scalar(
        select(func.max(runs.c.started_at)).where(other)
    )
    if last is not None and now < last + cooldown:
        return (
            f"service {job.service_id} was examined {model.format_duration(now - last)} ago;"
            f" the next run may start {model.format_duration(cooldown)} after the last"
        )
    return ""


async def _refuse_for_incident(
    connection: AsyncConnection, job: ports.Job, per_incident: int
) -> str:
    runs = tables.runs
    if not job.incident:
        return ""
    used = await connection.scalar(
        select(func.sum(runs.c.starts)).where(runs.c.incident == job.incident)
    )
    return (
        f"this incident has used up its {per_incident} runs" if (used or 0) >= per_incident else ""
    )


async def _refuse_for_hour(connection: AsyncConnection, now: datetime, per_hour: int) -> str:
    runs = tables.runs
    used = await connection.scalar(
        select(func.sum(runs.c.starts)).where(runs.c.started_at > now - _HOUR)
    )
    return f"all {per_hour} runs of this hour are used up" if (used or 0) >= per_hour else ""


class BandwidthChanges:
    """Begins and keeps them."""

    _database: Database

    async def start_change(
        self,
        job: ports.Job,
        change: ports.BandwidthChange,
        *,
        now: datetime,
        customer: str,
        per_day: int,
    ) -> ports.ChangeStart:
        """Write the intent of a change down, and count it, if it may leave now.

        It may not once its incident is over, unless it takes a change back.
        """
        jobs, incidents = tables.jobs, tables.incidents
        async with self._database.write() as connection:
            held = select(jobs.c.key).where(is_held(job)).with_for_update()
            if await connection.scalar(held) is None:
                return ports.ChangeStart.LOST
            status = await connection.scalar(
                select(incidents.c.status).where(incidents.c.id == job.incident)
            )
            if not change.wanted.reverting and status == model.IncidentStatus.RESOLVED.value:
                return ports.ChangeStart.OVER
            day = now.astimezone(UTC).date()
            if not await counters.spend_change(self._database, connection, customer, day, per_day):
                return ports.ChangeStart.USED_UP
            await connection.execute(
                update(jobs).where(is_held(job)).values(data=codec.encode(change))
            )
        return ports.ChangeStart.BEGUN

    async def keep_change(
        self,
        job: ports.Job,
        change: ports.BandwidthChange,
        *,
        now: datetime,
        due: datetime,
        news: model.Command | None,
    ) -> bool:
        """Keep how far a change is, hand in its news, and give the job back until `due`.

        False when the job's lease was lost to somebody else: nothing was written.
        """
        given = {"data": codec.encode(change), "due": due, "lease_until": None, "token": 0}
        async with self._database.write() as connection:
            kept = await connection.execute(update(tables.jobs).where(is_held(job)).values(**given))
            if kept.rowcount == 0:
                return False
            if news is not None:
                await connection.execute(
                    self._database.insert_new(tables.inbox),
                    commits.inbox_row(f"{job.kind}/{job.key}/{job.token}", news, now),
                )
        return True
