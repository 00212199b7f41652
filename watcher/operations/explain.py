"""Answers `watcher why`: what is recorded about an incident or a subject, one line a fact.

It adds nothing to the records but what the time of day means to rules: no guess, no advice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from watcher import model, ports
from watcher.model import format_count, format_date_time
from watcher.text import clean

_LONGEST_VALUE = 40  # of a vendor's word
ByTime = Callable[[str, str], Sequence[str]]  # what time means to a source's rules, or to one


def nothing_by_time(_: str, __: str) -> Sequence[str]:
    """Say nothing of rules."""
    return ()


async def explain(
    reader: ports.IncidentReader, key: str, now: datetime, by_time: ByTime = nothing_by_time
) -> list[str]:
    """Read an incident, or else a subject, and explain it; return nothing where there is none."""
    health = {health.source: health for health in await reader.sources()}
    view = await reader.incident_view(key)
    if view is not None:
        times = by_time(view.incident.source, view.incident.rule)
        return explain_incident(view, await reader.receipts(key), health, now, times)
    subject = await reader.subject(key)
    if subject is not None:
        times = by_time(subject.source, "")
        return explain_subject(subject, await reader.alerts(key), health, now, times)
    return []


def explain_incident(
    view: model.IncidentView,
    receipts: Sequence[model.Receipt],
    health: Mapping[str, model.SourceHealth],
    now: datetime,
    times: Sequence[str] = (),
) -> list[str]:
    """Return what was seen, by which rule, the timeline, and what each receiver got."""
    incident = view.incident
    source = health.get(incident.source)
    return [
        f"{incident.id}: {incident.title}",
        f"{incident.severity}, by rule {incident.rule}: {_status(incident, now)}",
        *(_seen(alert) for alert in view.alerts),
        *([describe_source(incident.source, source, now)] if source else []),
        *times,
        *(f"it is {flag}" for flag in incident.flags if flag != "planned"),
        *_planned(incident.planned, now),
        *(
            f"{_time(entry.at)}  {entry.number}. {entry.kind}: {entry.text}"
            + (f" ({entry.by})" if entry.by else "")
            for entry in view.timeline
        ),
        *(describe_delivery(receipt, incident) for receipt in receipts),
    ]


def explain_subject(
    subject: model.Subject,
    alerts: Sequence[model.Alert],
    health: Mapping[str, model.SourceHealth],
    now: datetime,
    times: Sequence[str] = (),
) -> list[str]:
    """Return what the vendor says of it, whether its source is visible, and each rule's alert."""
    fields = ", ".join(f"{name} {_value(value)}" for name, value in subject.fields.items())
    name = subject.labels.get("name")
    missed = format_count(subject.missed, "poll")
    return [
        f"{subject.key}{f' ({name})' if name else ''}: {fields or 'no fields known'}",
        f"in this state since {_time(subject.since)}",
        *(f"{field} was {_value(value)} before" for field, value in subject.previous.items()),
        *([f"missing from the last {missed}"] if subject.missed else []),
        describe_source(subject.source, health.get(subject.source), now),
        *(_details(subject)),
        *(describe_alert(alert) for alert in alerts),
        *(["no rule has an alert on it"] if not alerts else []),
        *times,
    ]


def _planned(planned: model.Planned | None, now: datetime) -> Iterator[str]:
    if planned is not None:
        works = model.format_planned(planned, now)
        yield f"it belongs to {works}, which announced {planned.impact}"


def _status(incident: model.Incident, now: datetime) -> str:
    """Return its status and how long the fault lasted, and when it was reported and closed."""
    begin, lasted = _time(incident.begin), model.format_duration(incident.lasted(now))
    reported = f"first reported at {_time(incident.opened_at)}"
    match incident.status:
        case model.IncidentStatus.RESOLVED:
            end = f" to {_time(incident.end)}" if incident.end else ""
            closed = f", closed at {_time(incident.resolved_at)}" if incident.resolved_at else ""
            how = f"resolved ({incident.resolution})"
            return f"{how}, from {begin}{end}, {lasted}; {reported}{closed}"
        case model.IncidentStatus.ACKNOWLEDGED:
            by = incident.acknowledged_by
            return f"acknowledged by {by}, since {begin}, {lasted} so far; {reported}"
        case model.IncidentStatus.OPEN:
            return f"open since {begin}, {lasted} so far; {reported}"


def _seen(alert: model.IncidentAlert) -> str:
    fields = ", ".join(f"{name} {_value(value)}" for name, value in alert.fields.items())
    return f"{alert.subject} {alert.state} by rule {alert.rule}: {describe_course(alert)}; {fields}"


def describe_course(
    alert: model.IncidentAlert,
    write: Callable[[datetime], str] = lambda at: f"{format_date_time(at)} UTC",
) -> str:
    """Return what an alert is, or was, about: what it shows once it is over did not begin then."""
    figure = model.format_figure(alert.value, alert.unit) if alert.value is not None else ""
    value = clean(alert.to or figure, _LONGEST_VALUE) or alert.rule
    was = f", was {clean(alert.from_, _LONGEST_VALUE)}" if alert.from_ else ""
    until = f" to {write(alert.until)}" if alert.until else ""
    if alert.state is model.AlertState.RESOLVED:
        return f"affected from {write(alert.since)}{until}, finally {value}{was}"
    over = f", until {write(alert.until)}" if alert.until else ""
    unseen = f", not seen since {write(alert.unseen_since)}" if alert.unseen_since else ""
    return f"{value} since {write(alert.since)}{over}{was}{unseen}"


def describe_source(source: str, health: model.SourceHealth | None, now: datetime) -> str:
    """Return whether a source can be seen now, and when it was last."""
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
        yield f"details requested at {_time(subject.asked_at)}, no answer yet"
    elif subject.detailed_at is not None:
        yield f"details fetched at {_time(subject.detailed_at)}"


def describe_alert(alert: model.Alert) -> str:
    """Return the state of a rule's alert on a subject."""
    due = f", due at {_time(alert.due)}" if alert.due else ""
    incident = f", incident {alert.incident}" if alert.incident else ""
    entered = f", entered from {alert.entered_from}" if alert.entered_from else ""
    return f"rule {alert.rule}: {alert.state} since {_time(alert.since)}{due}{entered}{incident}"


def describe_delivery(receipt: model.Receipt, incident: model.Incident) -> str:
    """Return how much of an incident a receiver has got, and why not more."""
    pending = incident.entries - receipt.told_through
    state = (
        "notified of everything"
        if pending <= 0 and receipt.parent_version >= incident.version
        else ""
    )
    state = state or f"notified of {receipt.told_through} of {incident.entries} entries"
    handle = ", ".join(f"{key} {value}" for key, value in receipt.handle.items())
    where = f" ({handle})" if handle else ""
    doubt = f"; unconfirmed: {receipt.intent}" if receipt.intent else ""
    failing = ""
    if receipt.failing_since:
        since = _time(receipt.failing_since)
        times = format_count(receipt.failures, "time")
        failing = f"; failing since {since} ({times}): {receipt.error}"
    return f"receiver {receipt.receiver}: {state}{where}{doubt}{failing}"


def _value(value: model.Scalar) -> str:
    return "unknown" if value is None else str(value)


def _time(at: datetime) -> str:
    return f"{format_date_time(at)} UTC"
