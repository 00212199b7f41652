"""What the board and the API list."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import ColumnElement, func, or_, select

from watcher import model, ports
from watcher.store import codec, tables
from watcher.store.database import Database

_INCIDENT, _ALERT = tables.incidents.c, tables.incident_alerts.c
_ANNOUNCES = (_INCIDENT.rule == model.ANNOUNCEMENT) & (_INCIDENT.source == model.WORKS)
_IS_DRILL = _INCIDENT.source == model.DRILL
_ESCAPE = "\x01"  # in no JSON text


class Listings:
    """Reads lists. Implements ports.ListingReader."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def firing(self) -> list[tuple[str, str]]:
        """Return subjects and incidents, by subject."""
        query = (
            select(_ALERT.subject, _ALERT.incident)
            .join(tables.incidents, _INCIDENT.id == _ALERT.incident)
            .where(
                _INCIDENT.status != model.IncidentStatus.RESOLVED.value,
                _ALERT.state == model.AlertState.FIRING.value,
            )
            .order_by(_ALERT.subject, _ALERT.incident)
            .distinct()
        )
        return await self._database.run_reading(
            lambda connection: [(row.subject, row.incident) for row in connection.execute(query)]
        )

    async def mark(self) -> str:
        """Return how many incidents are not resolved, and the sum of their versions."""
        query = select(func.count(), func.sum(_INCIDENT.version)).where(
            _INCIDENT.status != model.IncidentStatus.RESOLVED.value
        )
        async with self._database.read() as connection:
            count, versions = (await connection.execute(query)).one()
            return f"{count}.{versions or 0}"

    async def incidents(
        self,
        wanted: ports.IncidentFilter,
        *,
        after: ports.IncidentCursor | None = None,
        limit: int,
    ) -> list[model.Incident]:
        """Return incidents by when they were opened, and then by id."""
        query = (
            select(_INCIDENT.data)
            .where(*_conditions(wanted))
            .order_by(_INCIDENT.opened_at.desc(), _INCIDENT.id)
            .limit(limit)
        )
        if after is not None:
            query = query.where(
                (_INCIDENT.opened_at < after.opened_at)
                | ((_INCIDENT.opened_at == after.opened_at) & (_INCIDENT.id > after.id))
            )
        async with self._database.read() as connection:
            return list(codec.INCIDENT.decode_all(await connection.scalars(query)))

    async def notifications(self, incident: str, *, limit: int) -> list[model.Notification]:
        """Return the last ones of an incident, in the order in which they were written."""
        table = tables.notifications
        query = (
            select(table.c.data)
            .where(table.c.incident == incident)
            .order_by(table.c.number.desc())
            .limit(limit)
        )
        async with self._database.read() as connection:
            rows = codec.NOTIFICATION.decode_all(await connection.scalars(query))
            return list(reversed(rows))


def _conditions(wanted: ports.IncidentFilter) -> Iterator[ColumnElement[bool]]:
    yield ~_ANNOUNCES
    if wanted.statuses:
        yield _INCIDENT.status.in_([status.value for status in wanted.statuses])
    if wanted.severities:
        yield or_(*(_INCIDENT.data.like(f'%"severity":"{word}"%') for word in wanted.severities))
    if wanted.rule:
        yield _INCIDENT.rule == wanted.rule
    if wanted.source:
        yield _INCIDENT.source == wanted.source
    if wanted.begin is not None:
        yield _INCIDENT.resolved_at.is_(None) | (_INCIDENT.resolved_at >= wanted.begin)
    if wanted.end is not None:
        yield _INCIDENT.opened_at <= wanted.end
    if wanted.drills is not None:
        yield _IS_DRILL if wanted.drills else ~_IS_DRILL
    yield from _contents(wanted)


def _contents(wanted: ports.IncidentFilter) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions on what is within an incident and its alerts."""
    if wanted.subject:
        yield _INCIDENT.id.in_(select(_ALERT.incident).where(_ALERT.subject == wanted.subject))
    for name, value in wanted.labels:
        yield _INCIDENT.id.in_(select(_ALERT.incident).where(_has_label(name, value)))
    if wanted.text:
        within = codec.encode(wanted.text)[1:-1]  # without its quotes
        yield _INCIDENT.data.ilike(f"%{_literal(within)}%", escape=_ESCAPE)


def _has_label(name: str, value: str) -> ColumnElement[bool]:
    """Whether an alert has a label: upper and lower case are the same, as in every search.

    Its labels stand before its state; inside of a value each quote is escaped.
    """
    pair = _literal(f"{codec.encode(name)}:{codec.encode(value)}")
    return _ALERT.data.ilike(f'%"labels":{{%{pair}%}},"state":"%', escape=_ESCAPE)


def _literal(text: str) -> str:
    """Return a pattern that matches this text alone."""
    for sign in (_ESCAPE, "%", "_"):
        text = text.replace(sign, f"{_ESCAPE}{sign}")
    return text
