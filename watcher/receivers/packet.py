"""The carrier packet: an incident as its carrier's ticket desk wants it, ready to paste.

Law: pure, plain text, times in UTC. It holds what was seen and what the vendor's triage found, and
nothing of our own house: no names of ours, notes, silences or escalations.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from watcher import model, why
from watcher.vendors import texts

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


def write(dossier: model.Dossier, now: datetime) -> list[str]:
    """Write it as of `now`, line by line."""
    told = dossier.incident
    return [
        texts.clean(told.title, 300),
        f"Our reference: {told.id}. All times are UTC; written at {_time(now)}.",
        _downtime(dossier, now),
        "",
        *_circuits(dossier),
        *_triage(told),
        "",
        "Timeline:",
        *_timeline(dossier),
    ]


def _downtime(dossier: model.Dossier, now: datetime) -> str:
    """Count from when it was first seen so; a stretch that was well in between counts, too."""
    told = dossier.incident
    begin = min((alert.since for alert in dossier.alerts), default=told.opened_at)
    end = told.resolved_at or now
    minutes = max(0.0, (end - begin).total_seconds()) / 60
    how = why.ENDINGS[told.resolution].lower() if told.resolution else "so far"
    until = f" to {_time(end)}" if told.resolved_at else ""
    broken = {model.EntryKind.REOPENED, model.EntryKind.FLAPPING}
    again = any(entry.kind in broken for entry in dossier.timeline)
    between = "; it came back in between, see the timeline" if again else ""
    measured = all(alert.value is not None for alert in dossier.alerts)
    word = "Duration" if measured else "Downtime"  # a busy line is not down
    return f"{word}: {minutes:.1f} minutes ({how}), {_time(begin)}{until}{between}"


def _circuits(dossier: model.Dossier) -> Iterator[str]:
    told = dossier.incident
    services = dict.fromkeys((*told.examined, *(run.service_id for run in told.diagnostics)))
    if services:
        yield f"Service ids: {', '.join(texts.clean(each, 80) for each in services)}"
    if dossier.alerts:
        yield "Circuits:"
    for alert in dossier.alerts[:MOST_CIRCUITS]:
        name = texts.clean(alert.name, 120)
        yield f"- {texts.clean(alert.subject, 120)}{f' ({name})' if name else ''}: {_state(alert)}"
        labels = [
            f"{texts.clean(key, 40)}: {texts.clean(value, 100)}"
            for key, value in sorted(alert.labels.items())
            if value and key != "name"
        ]
        yield from (f"  {label}" for label in labels[:12])
    more = sum(dossier.alert_counts.values()) - MOST_CIRCUITS
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


def _timeline(dossier: model.Dossier) -> Iterator[str]:
    entries = [entry for entry in dossier.timeline if _is_seen(entry)]
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
