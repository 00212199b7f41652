"""Answers "why?" about an incident or a subject from what is recorded: pure, one line each fact.

Law: it says what the records say, and nothing that they do not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from watcher import model
from watcher import text as texts

ENDINGS: Mapping[model.Resolution, str] = {
    model.Resolution.RECOVERED: "Recovered",
    model.Resolution.ENDED: "Over with its window",
    model.Resolution.VANISHED: "No longer listed by the vendor",
    model.Resolution.MANUAL: "Resolved by hand",
    model.Resolution.RULE_REMOVED: "Resolved because its rule was removed",
    model.Resolution.MERGED: "Part of a storm",
}


def of_incident(
    view: model.IncidentView,
    receipts: Sequence[model.Receipt],
    health: Mapping[str, model.SourceHealth],
    now: datetime,
) -> list[str]:
    """Explain an incident: what was seen, which rule, what happened since, who was told what."""
    told = view.incident
    return [
        f"{told.id}: {told.title}",
        f"{told.severity}, {_status(told)}, by rule {told.rule}",
        *(_seen(alert) for alert in view.alerts),
        *([sight(told.source, health[told.source], now)] if told.source in health else []),
        *(f"it is {flag}" for flag in told.flags),
        *(
            f"{_stamp(entry.at)}  {entry.number}. {entry.kind}: {entry.text}"
            + (f" ({entry.by})" if entry.by else "")
            for entry in view.timeline
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


MOST_CIRCUITS = 10
MOST_ENTRIES = 40
_EXAMINED = (model.DiagnosisStatus.DONE, model.DiagnosisStatus.NO_REPORT)
_SEEN = {
    model.EntryKind.OPENED,
    model.EntryKind.REOPENED,
    model.EntryKind.JOINED,
    model.EntryKind.CHANGED,
    model.EntryKind.BLIND,
    model.EntryKind.SIGHTED,
    model.EntryKind.VANISHED,
    model.EntryKind.FLAPPING,
    model.EntryKind.STEADY,
    model.EntryKind.LATE,
    model.EntryKind.CLEARED,
    model.EntryKind.RESOLVED,
}


def write(view: model.IncidentView, now: datetime) -> list[str]:
    """Write it as of `now`, line by line."""
    told = view.incident
    return [
        texts.clean(told.title, 300),
        f"Our reference: {told.id}. All times are UTC; written at {_time(now)}.",
        _downtime(view, now),
        "",
        *_circuits(view),
        *_triage(told),
        "",
        "Timeline:",
        *_timeline(view),
    ]


def _downtime(view: model.IncidentView, now: datetime) -> str:
    """Count from when it was first seen so; a stretch that was well in between counts, too."""
    told = view.incident
    begin = min((alert.since for alert in view.alerts), default=told.opened_at)
    end = told.resolved_at or now
    minutes = max(0.0, (end - begin).total_seconds()) / 60
    how = ENDINGS[told.resolution].lower() if told.resolution else "so far"
    until = f" to {_time(end)}" if told.resolved_at else ""
    broken = {model.EntryKind.REOPENED, model.EntryKind.FLAPPING}
    again = any(entry.kind in broken for entry in view.timeline)
    between = "; it came back in between, see the timeline" if again else ""
    measured = all(alert.value is not None for alert in view.alerts)
    word = "Duration" if measured else "Downtime"  # a busy line is not down
    return f"{word}: {minutes:.1f} minutes ({how}), {_time(begin)}{until}{between}"


def _circuits(view: model.IncidentView) -> Iterator[str]:
    told = view.incident
    services = dict.fromkeys((*told.examined, *(run.service_id for run in told.diagnostics)))
    if services:
        yield f"Service ids: {', '.join(texts.clean(each, 80) for each in services)}"
    if view.alerts:
        yield "Circuits:"
    for alert in view.alerts[:MOST_CIRCUITS]:
        name = texts.clean(alert.name, 120)
        yield f"- {texts.clean(alert.subject, 120)}{f' ({name})' if name else ''}: {_state(alert)}"
        labels = [
            f"{texts.clean(key, 40)}: {texts.clean(value, 100)}"
            for key, value in sorted(alert.labels.items())
            if value and key != "name"
        ]
        yield from (f"  {label}" for label in labels[:12])
    more = sum(view.alert_counts.values()) - MOST_CIRCUITS
    if more > 0:
        yield f"- and {more} more"


def _state(alert: model.IncidentAlert) -> str:
    """Say what was seen of one circuit, and what else its vendor says of it."""
    seen = f"{alert.value:g}" if alert.value is not None else texts.clean(alert.to or "", 40)
    was = f", was {texts.clean(alert.from_, 40)}" if alert.from_ else ""
    fields = [
        f"{key} {texts.clean(str(value), 40)}"
        for key, value in sorted(alert.fields.items())
        if value is not None
    ]
    seen = seen or alert.rule
    if alert.state is model.AlertState.RESOLVED:  # by then it shows what it came back to
        return "; ".join([f"in trouble from {_time(alert.since)}, in the end {seen}{was}", *fields])
    return "; ".join([f"{seen} since {_time(alert.since)}{was}", *fields])


def _triage(told: model.Incident) -> Iterator[str]:
    newest = {run.service_id: run for run in told.diagnostics if run.status in _EXAMINED}
    if newest:
        yield "Service Diagnostics:"
    for run in newest.values():
        at = _time(run.finished_at or run.started_at)
        found = texts.clean(run.disposition or run.message, 300) or str(run.status)
        yield f"- {texts.clean(run.service_id, 80)} at {at}: {found}"
        yield from (f"  found: {texts.clean(each, 300)}" for each in run.findings[:10])
        yield from (f"  suggested: {texts.clean(each, 300)}" for each in run.actions[:5])
        if run.report:
            yield f"  report: {run.report.filename}, sha256 {run.report.sha256}"


def _timeline(view: model.IncidentView) -> Iterator[str]:
    entries = [entry for entry in view.timeline if _is_seen(entry)]
    left_out = len(entries) - MOST_ENTRIES
    if left_out > 0:
        middle = MOST_ENTRIES // 2
        yield from map(_entry, entries[:middle])
        yield f"({left_out} entries are left out here)"
        entries = entries[middle + left_out :]
    yield from map(_entry, entries)


def _is_seen(entry: model.Entry) -> bool:
    """Whether a carrier should read it; why nothing was examined is our own business."""
    if entry.kind is model.EntryKind.DIAGNOSED:
        return entry.data.get("status") in _EXAMINED
    return entry.kind in _SEEN


def _entry(entry: model.Entry) -> str:
    text = "resolved by hand" if entry.by else texts.clean(entry.text, 300)
    return f"{_time(entry.at)}  {text}"


def _time(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
