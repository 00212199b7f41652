"""Writes what one event changed into the tables, many rows at a time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    and_,
    bindparam,
    case,
    delete,
    false,
    insert,
    literal,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from watcher import model, ports
from watcher.store import changeset, codec, tables
from watcher.store.database import Database, write_rows

_FORGET = [
    delete(column.table).where(column == bindparam("of_subject"))
    for column in (tables.subjects.c.key, tables.samples.c.subject, tables.alerts.c.subject)
]
_DELETE_ALERT = delete(tables.alerts).where(
    tables.alerts.c.rule == bindparam("of_rule"),
    tables.alerts.c.subject == bindparam("of_subject"),
)
_FLAG_OWED = (
    update(tables.receipts)
    .where(
        tables.receipts.c.incident == bindparam("of_incident"),
        or_(
            tables.receipts.c.receiver == bindparam("of_receiver"),
            bindparam("everybody", type_=Boolean()),
        ),
        ~tables.receipts.c.owed,
        or_(
            tables.receipts.c.parent_version < bindparam("now_version"),
            tables.receipts.c.told_through < bindparam("now_entries"),
        ),
    )
    .values(
        owed=true(),
        owed_since=bindparam("now", type_=tables.Moment()),
        # A receiver that fails is not asked sooner because there is more to tell.
        due=case(
            (
                and_(tables.receipts.c.failures > 0, tables.receipts.c.due.is_not(None)),
                tables.receipts.c.due,
            ),
            else_=literal(tables.EPOCH, tables.Moment()),
        ),
    )
)
_HOLD_BACK = (
    update(tables.receipts)
    .where(
        tables.receipts.c.incident == bindparam("of_incident"),
        tables.receipts.c.receiver == bindparam("of_receiver"),
        tables.receipts.c.owed,
    )
    .values(owed=false(), owed_since=None, due=None)
)
_DROP_STARTED = delete(tables.jobs).where(
    tables.jobs.c.kind == "diagnose",
    tables.jobs.c.attempts == 0,
    tables.jobs.c.key.in_(select(tables.runs.c.run)),
)


class EffectWriter:
    """One event's writing, inside the transaction of `connection`."""

    def __init__(self, database: Database, connection: AsyncConnection) -> None:
        self._database = database
        self._connection = connection

    async def write(self, changes: changeset.Changeset, at: datetime) -> None:
        """Write all of it; receipts and jobs become due at `at`."""
        await self._forget(changes)
        await self._write_sight(changes)
        await self._write_alerts(changes)
        await self._write_incidents(changes)
        await self._write_receipts(changes, at)
        await self._write_jobs(changes, at)

    async def _forget(self, changes: changeset.Changeset) -> None:
        for statement in _FORGET:
            await write_rows(
                self._connection,
                statement,
                ({"of_subject": subject} for subject in changes.forgotten),
            )

    async def _write_sight(self, changes: changeset.Changeset) -> None:
        await write_rows(
            self._connection,
            self._database.upsert(tables.sources),
            (
                {"name": health.source, "data": codec.encode(health)}
                for health in changes.sources.values()
            ),
        )
        await write_rows(
            self._connection,
            self._database.upsert(tables.subjects),
            (
                {"key": subject.key, "source": subject.source, "data": codec.encode(subject)}
                for subject in changes.subjects.values()
            ),
        )
        await write_rows(
            self._connection,
            self._database.upsert(tables.samples),
            (
                {
                    "subject": sample.subject,
                    "metric": sample.metric,
                    "direction": sample.direction,
                    "at": sample.at,
                    "value": sample.value,
                }
                for sample in changes.samples.values()
            ),
        )

    async def _write_alerts(self, changes: changeset.Changeset) -> None:
        alerts = changes.alerts.values()
        await write_rows(
            self._connection,
            _DELETE_ALERT,
            (
                {"of_rule": alert.rule, "of_subject": alert.subject}
                for alert in alerts
                if _is_spent(alert)
            ),
        )
        await write_rows(
            self._connection,
            self._database.upsert(tables.alerts),
            (
                {"rule": alert.rule, "subject": alert.subject, "data": codec.encode(alert)}
                for alert in alerts
                if not _is_spent(alert)
            ),
        )

    async def _write_incidents(self, changes: changeset.Changeset) -> None:
        await write_rows(
            self._connection,
            self._database.upsert(tables.incidents),
            (
                {
                    "id": incident.id,
                    "status": incident.status.value,
                    "version": incident.version,
                    "entries": incident.entries,
                    "opened_at": incident.opened_at,
                    "resolved_at": incident.resolved_at,
                    "rule": incident.rule,
                    "source": incident.source,
                    "group": incident.group,
                    "data": codec.encode(incident),
                    "remedying": incident.remedy is not None and incident.remedy.is_under_way,
                }
                for incident in changes.incidents.values()
            ),
        )
        await write_rows(
            self._connection,
            self._database.upsert(tables.incident_alerts),
            (
                {
                    "incident": alert.incident,
                    "subject": alert.subject,
                    "rule": alert.rule,
                    "state": alert.state.value,
                    "data": codec.encode(alert),
                }
                for alert in changes.incident_alerts.values()
            ),
        )
        await write_rows(
            self._connection,
            self._database.upsert(tables.silences),
            (
                {"id": silence.id, "end": silence.end, "data": codec.encode(silence)}
                for silence in changes.silences.values()
            ),
        )
        await write_rows(
            self._connection,
            insert(tables.entries),
            (
                {
                    "incident": entry.incident,
                    "number": entry.number,
                    "kind": entry.kind.value,
                    "at": entry.at,
                    "data": codec.encode(entry),
                }
                for entry in changes.entries
            ),
        )

    async def _write_receipts(self, changes: changeset.Changeset, at: datetime) -> None:
        """See to a receipt for each receiver to tell now, and flag those that lag behind as owed.

        Who is not to be told now is owed nothing, until the incident is over: who was told of its
        beginning is told of its end.
        """
        await write_rows(
            self._connection,
            self._database.insert_new(tables.receipts),
            (
                {
                    "incident": incident.id,
                    "receiver": receiver,
                    "parent_version": 0,
                    "told_through": 0,
                    "failures": 0,
                    "owed": True,
                    "owed_since": at,
                    "due": tables.EPOCH,
                    "token": 0,
                    "data": codec.encode(model.Receipt(incident=incident.id, receiver=receiver)),
                }
                for incident in changes.incidents.values()
                for receiver in incident.notify
            ),
        )
        await write_rows(
            self._connection,
            _FLAG_OWED,
            (
                {
                    "of_incident": incident.id,
                    "of_receiver": receiver,
                    "everybody": _is_over(incident),
                    "now_version": incident.version,
                    "now_entries": incident.entries,
                    "now": at,
                }
                for incident in changes.incidents.values()
                for receiver in (("",) if _is_over(incident) else incident.notify)
            ),
        )
        await write_rows(
            self._connection,
            _HOLD_BACK,
            (
                {"of_incident": incident.id, "of_receiver": receiver}
                for incident in changes.incidents.values()
                if not _is_over(incident)
                for receiver in (*incident.receivers, *incident.fallbacks)
                if receiver not in incident.notify
            ),
        )

    async def _write_jobs(self, changes: changeset.Changeset, at: datetime) -> None:
        new = {"attempts": 0, "due": at, "token": 0, "data": None}
        rows: list[dict[str, Any]] = [
            {"kind": "details", "key": subject, "incident": "", "service_id": "", **new}
            for subject in changes.details
        ]
        rows += [
            {
                "kind": "history",
                "key": wanted.subject,
                "incident": "",
                "service_id": "",
                **new,
                "data": codec.encode(wanted),
            }
            for wanted in changes.history.values()
        ]
        rows += [
            {
                "kind": "diagnose",
                "key": wanted.run,
                "incident": wanted.incident,
                "service_id": wanted.service_id,
                **new,
            }
            for wanted in changes.diagnoses.values()
        ]
        rows += [
            {
                "kind": "alternatives",
                "key": f"{wanted.incident}/{wanted.address}",
                "incident": wanted.incident,
                "service_id": "",
                **new,
            }
            for wanted in changes.alternatives
        ]
        rows += [
            {
                "kind": "bandwidth",
                "key": wanted.order,
                "incident": wanted.incident,
                "service_id": "",
                **new,
                "data": codec.encode(ports.BandwidthChange(wanted=wanted)),
            }
            for wanted in changes.bandwidths
        ]
        await write_rows(self._connection, self._database.insert_new(tables.jobs), rows)
        if changes.diagnoses:
            # Asking twice is one run, also when the first has been started or is over.
            await self._connection.execute(_DROP_STARTED)


def _is_over(incident: model.Incident) -> bool:
    return incident.status is model.IncidentStatus.RESOLVED


def _is_spent(alert: model.Alert) -> bool:
    """Whether an alert says no more than its absence would."""
    return alert.state is model.AlertState.INACTIVE and alert.entered_from is None
