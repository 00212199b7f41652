"""The carrier packet: an incident as plain text, to paste into a ticket at the vendor. Pure.

It holds what a carrier needs to find the circuit and the time: ids, downtime, what Service
Diagnostics found, and what was seen when. It leaves out what is only our own business: who was
notified, why nothing was examined, and labels of the inventory that the options do not name. All
times are UTC, which the packet says once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from watcher import model
from watcher.model import format_date_time
from watcher.operations import explain
from watcher.operations.links import NOWHERE, Addresses
from watcher.text import clean

MOST_CIRCUITS = 10
MOST_ENTRIES = 40
MOST_BOOKINGS = 3
_FINISHED_RUN = (model.DiagnosisStatus.DONE, model.DiagnosisStatus.NO_REPORT)
_FOR_CARRIERS = {
    model.EntryKind.OPENED,
    model.EntryKind.REOPENED,
    model.EntryKind.JOINED,
    model.EntryKind.CHANGED,
    model.EntryKind.WORSE,
    model.EntryKind.BETTER,
    model.EntryKind.BLIND,
    model.EntryKind.SIGHTED,
    model.EntryKind.VANISHED,
    model.EntryKind.FLAPPING,
    model.EntryKind.STEADY,
    model.EntryKind.LATE,
    model.EntryKind.CLEARED,
    model.EntryKind.RESOLVED,
}


def _no_contract(_: str, __: Mapping[str, str]) -> str:
    return ""


class PacketOptions(Struct, frozen=True, kw_only=True):
    """Which of our own labels a carrier may read, and the zone of its clocks; empty: UTC alone.

    `contract` looks the number of a contract up, by a subject's key and labels.
    """

    labels: frozenset[str] = frozenset()
    zone: str = ""
    addresses: Addresses = NOWHERE
    contract: Callable[[str, Mapping[str, str]], str] = _no_contract


NOTHING_OF_OURS = PacketOptions()


def _times(now: datetime) -> str:
    return f"All times are UTC; written at {format_date_time(now)}."


def _reference(incident: model.Incident, options: PacketOptions) -> str:
    page = options.addresses.page(incident.id)
    return f"{incident.id} ({page})" if page else incident.id


def render_packet(
    view: model.IncidentView, now: datetime, options: PacketOptions = NOTHING_OF_OURS
) -> list[str]:
    """Return the packet as of `now`, line by line."""
    incident = view.incident
    return [
        clean(incident.title, 300),
        f"Our reference: {_reference(incident, options)}. {_times(now)}",
        *_ticket(incident),
        _downtime(view, now),
        *_local_times(incident, options.zone),
        "",
        *_circuits(view, now, options),
        *_triage(incident),
        "",
        "Timeline:",
        *_timeline(view),
    ]


def _downtime(view: model.IncidentView, now: datetime) -> str:
    """Return the figures of the incident; what came back while it was open counts as downtime."""
    incident = view.incident
    lasted = model.format_duration(incident.lasted(now))
    how = model.format_ending(incident.resolution) if incident.resolution else "so far"
    until = f" to {format_date_time(incident.end)}" if incident.end else ""
    measured = all(alert.value is not None for alert in view.alerts)
    word = "Duration" if measured else "Downtime"  # a busy line is not down
    figures = f"{word}: {lasted} ({how}), {format_date_time(incident.begin)}{until}"
    kinds = {entry.kind for entry in view.timeline}
    if model.EntryKind.REOPENED in kinds:
        return f"{figures}; reopened, the time before that is in the timeline"
    if model.EntryKind.FLAPPING in kinds:
        return f"{figures}; with recoveries in between, see the timeline"
    return figures


def _ticket(incident: model.Incident) -> Iterator[str]:
    if incident.ticket is not None:
        yield f"Your ticket: {clean(incident.ticket.number, 80)}"


def _local_times(incident: model.Incident, zone: str) -> Iterator[str]:
    """Yield begin and end on the carrier's own clocks, where they are not UTC."""
    if zone:
        place = ZoneInfo(zone)
        begin, end = incident.begin.astimezone(place), incident.end
        until = f" to {end.astimezone(place):%Y-%m-%d %H:%M:%S %Z}" if end else ""
        yield f"In {zone}: {begin:%Y-%m-%d %H:%M:%S %Z}{until}"


def _circuits(view: model.IncidentView, now: datetime, options: PacketOptions) -> Iterator[str]:
    incident = view.incident
    services = dict.fromkeys(
        (*incident.examined, *(run.service_id for run in incident.diagnostics))
    )
    if services:
        yield f"Service ids: {', '.join(clean(service, 80) for service in services)}"
    if view.alerts:
        yield "Circuits:"
    for alert in view.by_subject[:MOST_CIRCUITS]:
        name = clean(alert.name, 120)
        yield f"- {clean(alert.subject, 120)}{f' ({name})' if name else ''}: {_state(alert)}"
        subject = view.subjects.get(alert.subject)
        theirs = subject.labels if subject else {}
        labels = [
            f"{clean(key, 40)}: {clean(value, 100)}"
            for key, value in sorted(alert.labels.items())
            if value and key != "name" and (key in options.labels or theirs.get(key) == value)
        ]
        if contract := options.contract(alert.subject, alert.labels):
            labels.insert(0, f"contract: {clean(contract, 80)}")
        yield from (f"  {label}" for label in dict.fromkeys(labels[:12]))
        bookings = subject.bookings if subject else ()
        yield from _booked(bookings, incident.begin, incident.end or now)
    more = sum(view.subject_counts.values()) - MOST_CIRCUITS
    if more > 0:
        yield f"- and {more} more"


def _booked(bookings: tuple[model.Booking, ...], begin: datetime, end: datetime) -> Iterator[str]:
    """Yield the booked windows that an outage fell into, else the one that is nearest to it."""
    windows = [
        (start, booking.scheduled.end)
        for booking in bookings
        if (start := booking.scheduled.start) is not None
    ]

    def gap(window: tuple[datetime, datetime | None]) -> timedelta:
        starts, ends = window
        return max(starts - end, begin - (ends or end), timedelta(0))

    windows.sort(key=lambda window: (gap(window), window[0]))
    affected = [window for window in windows if not gap(window)][:MOST_BOOKINGS]
    for starts, ends in affected or windows[:1]:
        until = f" to {format_date_time(ends)}" if ends else ""
        yield f"  booked: {format_date_time(starts)}{until}"


def _state(alert: model.IncidentAlert) -> str:
    """Return what was seen of one circuit, with the other fields that its vendor gives."""
    fields = [
        f"{key} {clean(str(value), 40)}"
        for key, value in sorted(alert.fields.items())
        if value is not None
    ]
    return "; ".join([explain.describe_course(alert, format_date_time), *fields])


def _triage(incident: model.Incident) -> Iterator[str]:
    newest = {run.service_id: run for run in incident.diagnostics if run.status in _FINISHED_RUN}
    if newest:
        yield "Service Diagnostics:"
    for run in newest.values():
        at = format_date_time(run.finished_at or run.started_at)
        outcome = clean(run.disposition or run.message, 300) or str(run.status)
        yield f"- {clean(run.service_id, 80)} at {at}: {outcome}"
        yield from (
            f"  found: {clean(finding, 300)}" for finding in model.worst_first(run.findings)[:10]
        )
        yield from (f"  suggested: {clean(action, 300)}" for action in run.actions[:5])
        if run.report:
            yield f"  report: {run.report.filename}, sha256 {run.report.sha256}"


def _timeline(view: model.IncidentView) -> Iterator[str]:
    entries = [entry for entry in view.timeline if _is_for_carriers(entry)]
    left_out = len(entries) - MOST_ENTRIES
    if left_out > 0:
        middle = MOST_ENTRIES // 2
        yield from map(_entry, entries[:middle])
        yield f"({model.format_count(left_out, 'entry')} omitted here)"
        entries = entries[middle + left_out :]
    yield from map(_entry, entries)


def _is_for_carriers(entry: model.Entry) -> bool:
    """Whether a carrier should read it: a run without a result is not for them."""
    if entry.kind is model.EntryKind.DIAGNOSED:
        return entry.data.get("status") in _FINISHED_RUN
    return entry.kind in _FOR_CARRIERS or "planned" in entry.data


def _planned(entry: model.Entry) -> str:
    """Return what an entry says of the carrier's own works, without who is notified of what."""
    return str(entry.data.get("planned") or "")


def _entry(entry: model.Entry) -> str:
    text = "resolved by hand" if entry.by else clean(_planned(entry) or entry.text, 300)
    return f"{format_date_time(entry.at)}  {text}"
