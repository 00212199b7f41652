"""Reads incidents with their alerts, timelines and subjects.

Law: the statements are as many for a hundred incidents as for one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Text, bindparam, case, func, select

from watcher import model
from watcher.store import codec, tables

_MOST_ALERTS = 100  # in an incident view: as many as are notified
_CHUNK = 500  # subjects in one statement: a database takes so many parameters
_RANKED = (model.AlertState.FIRING, model.AlertState.PENDING, model.AlertState.RESOLVED)

_ALERT, _ENTRY = tables.incident_alerts.c, tables.entries.c
_ORDER = (
    case(
        {state.value: rank for rank, state in enumerate(_RANKED)},
        value=_ALERT.state,
        else_=len(_RANKED),
    ),
    _ALERT.subject,
    _ALERT.rule,
)


class _Statements:
    """What is read of incidents; `of` is the condition that a column names one of them."""

    def __init__(self, of: Callable[[ColumnElement[str]], ColumnElement[bool]]) -> None:
        number = func.row_number().over(partition_by=_ALERT.incident, order_by=_ORDER)
        alerts = select(_ALERT.data, number.label("number")).where(of(_ALERT.incident)).subquery()
        firing = case((_ALERT.state == model.AlertState.FIRING.value, _ALERT.subject))
        incidents = tables.incidents.c
        self.incidents = select(incidents.id, incidents.data).where(of(incidents.id))
        self.first_alerts = (
            select(alerts.c.data).where(alerts.c.number <= _MOST_ALERTS).order_by(alerts.c.number)
        )
        self.counts = (
            select(_ALERT.incident, _ALERT.state, func.count().label("alerts"))
            .where(of(_ALERT.incident))
            .group_by(_ALERT.incident, _ALERT.state)
        )
        self.subject_counts = (  # a subject fires while one of its alerts does
            select(
                _ALERT.incident,
                func.count(_ALERT.subject.distinct()).label("subjects"),
                func.count(firing.distinct()).label("firing"),
            )
            .where(of(_ALERT.incident))
            .group_by(_ALERT.incident)
        )
        self.timelines = select(_ENTRY.data).where(of(_ENTRY.incident)).order_by(_ENTRY.number)


# Built once, because building them takes longer than running them. People wait for the view of a
# single incident, where a list would take a third longer.
_OF_A_SINGLE_ID = _Statements(lambda column: column == bindparam("incident", type_=Text))
_OF_MANY_IDS = _Statements(lambda column: column.in_(bindparam("incidents", expanding=True)))
_SUBJECTS = select(tables.subjects.c.data).where(
    tables.subjects.c.key.in_(bindparam("keys", expanding=True))
)


def read_views(connection: Connection, incidents: Sequence[str]) -> list[model.IncidentView]:
    """Return those that exist, in the order asked for."""
    statements, asked = _of(incidents)
    existing = {row.id: row.data for row in connection.execute(statements.incidents, asked)}
    if not existing:
        return []
    alerts: dict[str, list[model.IncidentAlert]] = defaultdict(list)
    rows = connection.scalars(statements.first_alerts, asked)
    for alert in codec.INCIDENT_ALERT.decode_all(rows):
        alerts[alert.incident].append(alert)
    timelines: dict[str, list[model.Entry]] = defaultdict(list)
    for entry in codec.ENTRY.decode_all(connection.scalars(statements.timelines, asked)):
        timelines[entry.incident].append(entry)
    keys = list({alert.subject for shown in alerts.values() for alert in shown})
    subjects = {subject.key: subject for subject in _read_subjects(connection, keys)}
    large = [incident for incident, shown in alerts.items() if len(shown) == _MOST_ALERTS]
    counts, all_subjects = _count(connection, large)
    return [
        model.IncidentView(
            incident=codec.INCIDENT.decode(existing[incident]),
            alerts=tuple(alerts[incident]),
            alert_counts=dict(
                counts.get(incident) or Counter(alert.state.value for alert in alerts[incident])
            ),
            timeline=tuple(timelines[incident]),
            subjects={
                alert.subject: subjects[alert.subject]
                for alert in alerts[incident]
                if alert.subject in subjects
            },
            all_subjects=all_subjects.get(incident, {}),
        )
        for incident in incidents
        if incident in existing
    ]


def _of(incidents: Sequence[str]) -> tuple[_Statements, Mapping[str, Any]]:
    """Return the statements that read these incidents, and their parameters."""
    if len(incidents) == 1:
        return _OF_A_SINGLE_ID, {"incident": incidents[0]}
    return _OF_MANY_IDS, {"incidents": list(incidents)}


def _read_subjects(connection: Connection, keys: Sequence[str]) -> Iterator[model.Subject]:
    for first in range(0, len(keys), _CHUNK):
        rows = connection.scalars(_SUBJECTS, {"keys": keys[first : first + _CHUNK]})
        yield from codec.SUBJECT.decode_all(rows)


def _count(
    connection: Connection, incidents: Sequence[str]
) -> tuple[Mapping[str, Mapping[str, int]], Mapping[str, Mapping[str, int]]]:
    """Return how many alerts, and subjects, incidents have that show not all of them."""
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    subjects: dict[str, dict[str, int]] = {}
    if not incidents:
        return counts, subjects
    statements, asked = _of(incidents)
    for row in connection.execute(statements.counts, asked):
        counts[row.incident][row.state] = row.alerts
    for row in connection.execute(statements.subject_counts, asked):
        by_state = {"firing": row.firing, "resolved": row.subjects - row.firing}
        subjects[row.incident] = {state: count for state, count in by_state.items() if count}
    return counts, subjects
