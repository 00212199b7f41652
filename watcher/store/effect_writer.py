"""Writes a changeset into the tables, many rows at a time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Connection,
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
_PENDING: Mapping[str, Any] = {
    "owed": true(),
    "owed_since": bindparam("now", type_=tables.Moment()),
    # A failing receiver is not tried sooner because there is more to deliver.
    "due": case(
        (
            and_(tables.receipts.c.failures > 0, tables.receipts.c.due.is_not(None)),
            tables.receipts.c.due,
        ),
        else_=literal(tables.EPOCH, tables.Moment()),
    ),
}
_MARK_PENDING = (
    update(tables.receipts)
    .where(
        tables.receipts.c.incident == bindparam("of_incident"),
        or_(
            tables.receipts.c.receiver == bindparam("of_receiver"),
            bindparam("all_receivers", type_=Boolean()),
        ),
        ~tables.receipts.c.owed,
        or_(
            tables.receipts.c.parent_version < bindparam("now_version"),
            tables.receipts.c.told_through < bindparam("now_entries"),
        ),
    )
    .values(**_PENDING)
)
# A message that is out of date, of a receiver that is not notified now: it is only to be edited.
_IS_OUTDATED = and_(
    tables.receipts.c.parent_version > 0,
    tables.receipts.c.parent_version < bindparam("now_version"),
)
_MARK_FOR_EDITING = (
    update(tables.receipts)
    .where(
        tables.receipts.c.incident == bindparam("of_incident"),
        ~tables.receipts.c.owed,
        _IS_OUTDATED,
    )
    .values(**_PENDING)
)
_MARK_NOT_PENDING = (
    update(tables.receipts)
    .where(
        tables.receipts.c.incident == bindparam("of_incident"),
        tables.receipts.c.receiver == bindparam("of_receiver"),
        tables.receipts.c.owed,
        ~_IS_OUTDATED,
    )
    .values(owed=false(), owed_since=None, due=None)
)
_DROP_STARTED_RUNS = delete(tables.jobs).where(
    tables.jobs.c.kind == "diagnose",
    tables.jobs.c.attempts == 0,
    tables.jobs.c.key.in_(select(tables.runs.c.run)),
)


class EffectWriter:
    """Writes the effects of one event, in the transaction of `connection`."""

    def __init__(self, database: Database, connection: Connection) -> None:
        self._database = database
        self._connection = connection

    def write(self, changes: changeset.Changeset, at: datetime) -> None:
        """Write the whole changeset; receipts and jobs become due at `at`."""
        if changes.only_subjects and not changes.history:  # as after most polls
            self._write_sources(changes)
            return
        self._forget(changes)
        self._write_sources(changes)
        self._write_alerts(changes)
        self._write_incidents(changes)
        self._write_receipts(changes, at)
        self._write_jobs(changes, at)

    def _forget(self, changes: changeset.Changeset) -> None:
        for statement in _FORGET:
            write_rows(
                self._connection,
                statement,
                ({"of_subject": subject} for subject in changes.forgotten),
            )

    def _write_sources(self, changes: changeset.Changeset) -> None:
        write_rows(
            self._connection,
            self._database.upsert(tables.sources),
            (
                {"name": health.source, "data": codec.encode(health)}
                for health in changes.sources.values()
            ),
        )
        self._database.write_texts(
            self._connection,
            tables.subjects,
            (
                (subject.key, subject.source, codec.encode(subject))
                for subject in changes.subjects.values()
            ),
        )
        write_rows(
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

    def _write_alerts(self, changes: changeset.Changeset) -> None:
        alerts = changes.alerts.values()
        write_rows(
            self._connection,
            _DELETE_ALERT,
            (
                {"of_rule": alert.rule, "of_subject": alert.subject}
                for alert in alerts
                if _is_superfluous(alert)
            ),
        )
        self._database.write_texts(
            self._connection,
            tables.alerts,
            (
                (alert.rule, alert.subject, codec.encode(alert))
                for alert in alerts
                if not _is_superfluous(alert)
            ),
        )

    def _write_incidents(self, changes: changeset.Changeset) -> None:
        write_rows(
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
        self._database.write_texts(
            self._connection,
            tables.incident_alerts,
            (
                (alert.incident, alert.subject, alert.rule, alert.state.value, codec.encode(alert))
                for alert in changes.incident_alerts.values()
            ),
        )
        write_rows(
            self._connection,
            self._database.upsert(tables.silences),
            (
                {
                    "id": silence.id,
                    "end": silence.end or tables.NEVER,
                    "data": codec.encode(silence),
                }
                for silence in changes.silences.values()
            ),
        )
        write_rows(
            self._connection,
            self._database.upsert(tables.calendars),
            (
                {"rota": calendar.rota, "data": codec.encode(calendar)}
                for calendar in changes.calendars.values()
            ),
        )
        write_rows(
            self._connection,
            self._database.upsert(tables.works),
            (
                {"key": work.key, "end": _last_end(work), "data": codec.encode(work)}
                for work in changes.works.values()
            ),
        )
        write_rows(
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

    def _write_receipts(self, changes: changeset.Changeset, at: datetime) -> None:
        """Add a receipt for each receiver to notify now, and mark those that lag as pending.

        For a receiver that is not to be notified now, but was before, an edit of its message is
        pending; its entries wait until it is notified again. One that was notified of the start is
        notified of the end.
        """
        write_rows(
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
        write_rows(
            self._connection,
            _MARK_PENDING,
            (
                {
                    "of_incident": incident.id,
                    "of_receiver": receiver,
                    "all_receivers": _is_resolved(incident),
                    "now_version": incident.version,
                    "now_entries": incident.entries,
                    "now": at,
                }
                for incident in changes.incidents.values()
                for receiver in (("",) if _is_resolved(incident) else incident.notify)
            ),
        )
        write_rows(
            self._connection,
            _MARK_NOT_PENDING,
            (
                {
                    "of_incident": incident.id,
                    "of_receiver": receiver,
                    "now_version": incident.version,
                }
                for incident in changes.incidents.values()
                if not _is_resolved(incident)
                for receiver in (*incident.receivers, *incident.fallbacks)
                if receiver not in incident.notify
            ),
        )
        write_rows(
            self._connection,
            _MARK_FOR_EDITING,
            (
                {"of_incident": incident.id, "now_version": incident.version, "now": at}
                for incident in changes.incidents.values()
                if incident.version > 1 and not _is_resolved(incident)
            ),
        )

    def _write_jobs(self, changes: changeset.Changeset, at: datetime) -> None:
        rows = [
            *(_job("details", subject, at) for subject in changes.details),
            *(
                _job("history", needed.subject, at, data=codec.encode(needed))
                for needed in changes.history.values()
            ),
            *(
                _job(
                    "diagnose",
                    needed.run,
                    at,
                    incident=needed.incident,
                    service_id=needed.service_id,
                )
                for needed in changes.diagnoses.values()
            ),
            *(
                _job(
                    "alternatives",
                    f"{needed.incident}/{needed.address}",
                    at,
                    incident=needed.incident,
                )
                for needed in changes.alternatives
            ),
            *(
                _job(
                    "bandwidth",
                    needed.order,
                    at,
                    incident=needed.incident,
                    data=codec.encode(ports.BandwidthChange(wanted=needed)),
                )
                for needed in changes.bandwidths
            ),
        ]
        write_rows(self._connection, self._database.insert_new(tables.jobs), rows)
        if changes.diagnoses:
            # Two requests are one run, even when the first has been started or is over.
            self._connection.execute(_DROP_STARTED_RUNS)


def _job(
    kind: str,
    key: str,
    due: datetime,
    *,
    incident: str = "",
    service_id: str = "",
    data: str | None = None,
) -> dict[str, Any]:
    return {
        "kind": kind,
        "key": key,
        "incident": incident,
        "service_id": service_id,
        "attempts": 0,
        "due": due,
        "token": 0,
        "data": data,
    }


def _is_resolved(incident: model.Incident) -> bool:
    return incident.status is model.IncidentStatus.RESOLVED


def _is_superfluous(alert: model.Alert) -> bool:
    """Whether an alert says no more than a missing row would."""
    return alert.state is model.AlertState.INACTIVE and alert.entered_from is None


def _last_end(work: model.Work) -> datetime:
    ends = (window.end for notice in work.notices for window in notice.windows)
    return max(ends, default=work.notice.received_at)
