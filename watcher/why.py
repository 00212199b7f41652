"""Answers "why?" about an incident or a subject from what is recorded: pure, one line each fact.

Law: it says what the records say, and nothing that they do not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from watcher import model

ENDINGS: Mapping[model.Resolution, str] = {
    model.Resolution.RECOVERED: "Recovered",
    model.Resolution.ENDED: "Over with its window",
    model.Resolution.VANISHED: "No longer listed by the vendor",
    model.Resolution.MANUAL: "Resolved by hand",
    model.Resolution.RULE_REMOVED: "Resolved because its rule was removed",
    model.Resolution.MERGED: "Part of a storm",
}


def of_incident(
    dossier: model.Dossier,
    receipts: Sequence[model.Receipt],
    health: Mapping[str, model.SourceHealth],
    now: datetime,
) -> list[str]:
    """Explain an incident: what was seen, which rule, what happened since, who was told what."""
    told = dossier.incident
    return [
        f"{told.id}: {told.title}",
        f"{told.severity}, {_status(told)}, by rule {told.rule}",
        *(_seen(alert) for alert in dossier.alerts),
        *([sight(told.source, health[told.source], now)] if told.source in health else []),
        *(f"it is {flag}" for flag in told.flags),
        *(
            f"{_stamp(entry.at)}  {entry.number}. {entry.kind}: {entry.text}"
            + (f" ({entry.by})" if entry.by else "")
            for entry in dossier.timeline
        ),
        *(reached(receipt, told) for receipt in receipts),
    ]


def of_subject(
    subject: model.Subject,
    alerts: Sequence[model.Alert],
    health: Mapping[str, model.SourceHealth],
    now: datetime,
) -> list[str]:
    """Explain a subject: what its vendor says, how well it is seen, what each rule makes of it."""
    fields = ", ".join(f"{name} {_value(value)}" for name, value in subject.fields.items())
    name = subject.labels.get("name")
    return [
        f"{subject.key}{f' ({name})' if name else ''}: {fields or 'nothing is known'}",
        f"so since {_stamp(subject.since)}",
        *(f"{field} was {_value(value)} before" for field, value in subject.previous.items()),
        *([f"missing from the last {subject.missed} polls"] if subject.missed else []),
        sight(subject.source, health.get(subject.source), now),
        *(_details(subject)),
        *(alerted(alert) for alert in alerts),
        *(["no rule holds on it"] if not alerts else []),
    ]


def _status(told: model.Incident) -> str:
    match told.status:
        case model.IncidentStatus.RESOLVED:
            at = f" at {_stamp(told.resolved_at)}" if told.resolved_at else ""
            return f"resolved ({told.resolution}){at}"
        case model.IncidentStatus.ACKNOWLEDGED:
            return f"acknowledged by {told.acknowledged_by}, open since {_stamp(told.opened_at)}"
        case model.IncidentStatus.OPEN:
            return f"open since {_stamp(told.opened_at)}"


def _seen(alert: model.IncidentAlert) -> str:
    fields = ", ".join(f"{name} {_value(value)}" for name, value in alert.fields.items())
    move = f" {alert.from_ or 'unknown'} -> {alert.to}" if alert.to else ""
    figure = f" {_value(alert.value)}" if alert.value is not None else ""
    return f"{alert.subject} {alert.state}{move}{figure} since {_stamp(alert.since)}: {fields}"


def sight(source: str, health: model.SourceHealth | None, now: datetime) -> str:
    """Say how well a source can be seen."""
    if health is None:
        return f"source {source} has not been polled yet"
    last = (
        f"last seen {model.format_duration(now - health.last_success)} ago"
        if health.last_success
        else "never seen"
    )
    error = f": {health.error}" if health.error else ""
    return f"source {source} is {health.sight}, {last}{error}"


def _details(subject: model.Subject) -> Iterator[str]:
    if subject.asked_at is not None:
        yield f"its details were asked for at {_stamp(subject.asked_at)} and have not come"
    elif subject.detailed_at is not None:
        yield f"its details were read at {_stamp(subject.detailed_at)}"


def alerted(alert: model.Alert) -> str:
    """Say what a rule makes of a subject."""
    due = f", due at {_stamp(alert.due)}" if alert.due else ""
    incident = f", incident {alert.incident}" if alert.incident else ""
    entered = f", entered from {alert.entered_from}" if alert.entered_from else ""
    return f"rule {alert.rule}: {alert.state} since {_stamp(alert.since)}{due}{entered}{incident}"


def reached(receipt: model.Receipt, told: model.Incident) -> str:
    """Say what a receiver has been told of an incident, and why no more."""
    owed = told.entries - receipt.told_through
    state = "told everything" if owed <= 0 and receipt.parent_version >= told.version else ""
    state = state or f"told {receipt.told_through} of {told.entries} entries"
    handle = ", ".join(f"{key} {value}" for key, value in receipt.handle.items())
    where = f" ({handle})" if handle else ""
    doubt = f"; in doubt whether it was done: {receipt.intent}" if receipt.intent else ""
    failing = ""
    if receipt.failing_since:
        since = _stamp(receipt.failing_since)
        failing = f"; failing since {since} ({receipt.failures} times): {receipt.error}"
    return f"receiver {receipt.receiver}: {state}{where}{doubt}{failing}"


def _value(value: model.Scalar) -> str:
    return "unknown" if value is None else str(value)


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
