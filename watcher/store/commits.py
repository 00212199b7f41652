"""The commit log and the inbox: what the one writer loads, commits and reads.

Law: one transaction for each event, which first checks that its daemon still leads (law 4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace
from sqlalchemy import (
    ColumnElement,
    Connection,
    Result,
    Row,
    ScalarResult,
    Select,
    and_,
    bindparam,
    exists,
    insert,
    or_,
    select,
    update,
)

from watcher import model, off_loop, ports
from watcher.store import changeset, clock_steps, codec, leadership, outbox, tables
from watcher.store.database import Database
from watcher.store.effect_writer import EffectWriter
from watcher.store.idle import IdleLooks
from watcher.store.queries.samples import samples_where, to_samples

_ROWS = 1_000
MANY = 2_000  # changes and effects of one event, which are sorted and encoded beside the loop
# Built once: that takes longer than to run them.
_CONSUME = (
    update(tables.inbox)
    .where(tables.inbox.c.number == bindparam("of_number"))
    .values(consumed_at=bindparam("stepped_at"), refusal=bindparam("why"))
)
_WAITS = and_(tables.inbox.c.consumed_at.is_(None), tables.inbox.c.kind.in_(codec.COMMAND_KINDS))
_WAITING = select(tables.inbox).where(_WAITS).order_by(tables.inbox.c.number)
_WAITING = _WAITING.limit(bindparam("most"))
_FETCHED_KINDS = ("details_read", "history_read")
_PEOPLE_WAIT = _WAITING.where(tables.inbox.c.kind.not_in(_FETCHED_KINDS))
_FETCHED = _WAITING.where(tables.inbox.c.kind.in_(_FETCHED_KINDS))
_MOST_FETCHED = 20
_HEALTH = select(tables.sources.c.data).where(tables.sources.c.name == bindparam("of_source"))


class CommitLog:
    """Loads the state and commits events. Implements ports.CommitLog."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # What the last commit left of each source, under the token that it was made with: nobody
        # else writes that as long as this daemon leads.
        self._health: dict[str, model.SourceHealth] = {}
        self._led_by = 0

    async def load(
        self, *, now: datetime, reopen_within: timedelta, keep_samples: timedelta
    ) -> ports.Loaded:
        """Return what the last commit left, decoded, with `keep_samples` of measurements.

        Raises PermanentError for a row that no version of Watcher wrote.
        """
        queries = _queries(now, live(now - reopen_within))
        samples = samples_where(tables.samples.c.at >= now - keep_samples)

        def read(connection: Connection) -> tuple[dict[str, list[str]], list[Any]]:
            rows = {name: read_rows(connection.scalars(query)) for name, query in queries.items()}
            return rows, read_rows(connection.execute(samples))

        rows, measured = await self._database.run_reading(read)
        return await off_loop.run(
            lambda: ports.Loaded(
                subjects=tuple(codec.share_fields(codec.SUBJECT.decode_all(rows.pop("subjects")))),
                samples=to_samples(measured),
                sources=codec.SOURCE.decode_all(rows["sources"]),
                alerts=codec.ALERT.decode_all(rows.pop("alerts")),
                incidents=codec.INCIDENT.decode_all(rows["incidents"]),
                incident_alerts=codec.INCIDENT_ALERT.decode_all(rows.pop("incident_alerts")),
                silences=codec.SILENCE.decode_all(rows["silences"]),
                calendars=codec.CALENDAR.decode_all(rows["calendars"]),
                works=codec.WORK.decode_all(rows["works"]),
            )
        )

    async def commit(
        self, token: int, commit: ports.Commit, claim: ports.Claim | None = None
    ) -> list[ports.PendingDelivery]:
        """Write all of it or nothing, and claim in the same transaction what is wanted at once.

        After a TemporaryError it may or may not have been written: only a new load() shows.
        """
        moved, stepped = commit.moves, self._database.stepped
        if isinstance(commit.event, model.ClockStepped):
            stepped += commit.event.by

        def prepare() -> tuple[changeset.Changeset, list[dict[str, Any]]]:
            return changeset.gather(commit.effects), _journal_rows(commit)

        changes, rows = await off_loop.run(prepare) if _is_long(commit) else prepare()
        before = self._health if token == self._led_by else {}

        def write(connection: Connection) -> list[ports.PendingDelivery]:
            leadership.require(connection, token, self._database.session)
            if _is_news(connection, commit, changes, before):
                connection.execute(insert(tables.journal), rows)
            if moved:  # before anything of the new time
                leadership.note_moved(connection, stepped)
                clock_steps.move(self._database, connection, moved)
            if isinstance(commit.event, model.ClockStepped):
                leadership.move_presence(connection, self._database.session, commit.event.by)
            EffectWriter(self._database, connection).write(changes, commit.at)
            if commit.inbox is not None:
                connection.execute(
                    _CONSUME,
                    {"of_number": commit.inbox, "stepped_at": commit.at, "why": commit.note},
                )
            return outbox.claim_at_once(self._database, connection, claim) if claim else []

        is_poll = isinstance(commit.event, model.Polled | model.PollFailed)
        adds_nothing = is_poll and changes.only_subjects and not changes.history
        claimed = await self._database.run_writing(write, claims=adds_nothing)
        self._database.stepped = stepped  # before anybody else has the turn
        # Where the clock was set, what is stored has moved.
        self._health = {} if moved else {**before, **changes.sources}
        self._led_by = token
        return claimed

    async def take_back(self, by: timedelta) -> None:
        """Move stored deadlines, at a start: the clock was set back while no daemon ran."""
        await self._database.run_writing(
            lambda connection: clock_steps.move(self._database, connection, by)
        )


class Inbox:
    """The commands that wait for the one writer. Implements ports.Inbox."""

    def __init__(self, database: Database, looks: IdleLooks) -> None:
        self._database = database
        self._looks = looks

    async def read(self, limit: int = 100) -> list[ports.Envelope]:
        """Return up to `limit` commands, leaving those of a kind that this version does not know.

        A newer version has put them in, and will step them. What jobs have fetched comes when
        nothing else waits, and a little at a time: a storm has thousands of these, and people wait
        for what they order.
        """
        if await self._looks.spare(what := ("inbox",)):
            return []
        writes = self._database.writes

        def read(connection: Connection) -> Sequence[Row[Any]]:
            rows = connection.execute(_PEOPLE_WAIT, {"most": limit}).all()
            return rows or connection.execute(_FETCHED, {"most": min(limit, _MOST_FETCHED)}).all()

        rows = await self._database.run_reading(read)
        if not rows:
            self._looks.found_nothing(what, writes=writes, may_be=lambda _: exists().where(_WAITS))
        return [
            ports.Envelope(
                number=row.number,
                key=row.key,
                at=row.at,
                command=codec.decode_command(row.kind, row.data),
            )
            for row in rows
        ]

    async def submit(self, key: str, command: model.Command, at: datetime) -> bool:
        """Insert a row; the unique key makes it one for each command."""
        row = inbox_row(key, command, at)

        def submit(connection: Connection) -> bool:
            written = connection.execute(self._database.insert_new(tables.inbox), row)
            return written.rowcount == 1

        return await self._database.run_writing(submit)

    async def outcome(self, key: str) -> str | None:
        """Return the refusal of a row that was consumed, or ""; None while it was not."""
        table = tables.inbox
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(table.c.refusal).where(table.c.key == key, table.c.consumed_at.is_not(None))
            )
            row = rows.one_or_none()
            return None if row is None else row.refusal or ""


def live(resolved_since: datetime) -> ColumnElement[bool]:
    """Match incidents that are not over for good: open, just resolved, or being remedied."""
    return or_(
        tables.incidents.c.remedying,
        tables.incidents.c.status != model.IncidentStatus.RESOLVED.value,
        tables.incidents.c.resolved_at >= resolved_since,
    )


def _queries(now: datetime, is_live: ColumnElement[bool]) -> dict[str, Select[Any]]:
    """Return a query for the documents of each table that the state is made of."""
    incidents, members, silences = tables.incidents, tables.incident_alerts, tables.silences
    whole = {
        "subjects": tables.subjects,
        "sources": tables.sources,
        "alerts": tables.alerts,
        "calendars": tables.calendars,
        "works": tables.works,
    }
    return {
        name: select(table.c.data).order_by(*table.primary_key) for name, table in whole.items()
    } | {
        "incidents": select(incidents.c.data)
        .where(is_live)
        .order_by(incidents.c.opened_at, incidents.c.id),
        "incident_alerts": select(members.c.data)
        .join(incidents, incidents.c.id == members.c.incident)
        .where(is_live)
        .order_by(*members.primary_key),
        "silences": select(silences.c.data).where(silences.c.end > now).order_by(silences.c.id),
    }


def inbox_row(key: str, command: model.Command, at: datetime) -> dict[str, Any]:
    """Return a command as its row of the inbox."""
    return {
        "key": key,
        "at": at,
        "kind": codec.kind_of(command),
        "data": codec.encode(command),
    }


def _is_news(
    connection: Connection,
    commit: ports.Commit,
    changes: changeset.Changeset,
    health_before: Mapping[str, model.SourceHealth],
) -> bool:
    """Return whether a replay needs this event; one that changed nothing it does not."""
    if isinstance(commit.event, model.HistoryRead) and changes.only_subjects:
        return bool(commit.event.alarms)  # an empty answer decides nothing later either
    if (
        not changes.only_health
        or commit.note
        or commit.matters
        or not isinstance(commit.event, model.Polled | model.PollFailed | model.Ticked)
    ):
        return True
    for health in changes.sources.values():
        before = health_before.get(health.source) or _stored_health(connection, health.source)
        if before is None or replace(health, last_success=before.last_success) != before:
            return True
    return False


def _stored_health(connection: Connection, source: str) -> model.SourceHealth | None:
    stored = connection.scalar(_HEALTH, {"of_source": source})
    return None if stored is None else codec.SOURCE.decode(stored)


def read_rows(result: Result[Any] | ScalarResult[Any]) -> list[Any]:
    """Return all rows; one call for all of them would keep Python's lock."""
    return [row for rows in result.partitions(_ROWS) for row in rows]


def _is_long(commit: ports.Commit) -> bool:
    event = commit.event
    sent = len(event.seen) + len(event.samples) if isinstance(event, model.Polled) else 0
    return len(commit.effects) + sent > MANY


def _journal_rows(commit: ports.Commit) -> list[dict[str, Any]]:
    """Return an event, and why it was refused, as rows of the journal."""
    records: list[tuple[str, object]] = [(codec.kind_of(commit.event), commit.event)]
    if commit.note:
        records.append(("note", commit.note))
    return [
        {"at": commit.at, "kind": kind, "data": codec.encode_event(data)} for kind, data in records
    ]
