"""What programs read over MQTT and HTTP: incidents, entries, sources and subjects as documents.

Pure. Law: the keys are public surface (mqtt.md and api.md in docs/reference): one may be added,
none renamed or removed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

import msgspec

from watcher import model

Topic = Callable[[model.Report], str | None]

Timestamp = Annotated[
    str,
    msgspec.Meta(
        description="RFC 3339, UTC, milliseconds", extra_json_schema={"format": "date-time"}
    ),
]


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """What every document has: it can be written as JSON."""

    def encode(self) -> bytes:
        """Return it as JSON in UTF-8; characters that are not valid Unicode are replaced."""
        try:
            return msgspec.json.encode(self)
        except UnicodeEncodeError:
            return msgspec.json.encode(_without_surrogates(msgspec.to_builtins(self)))


class AlertDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One subject of an incident: of several alerts about it, the newest that still fires.

    Its condition held from `since` until `until`, which is null while it holds.
    """

    subject: str
    name: str
    labels: dict[str, str]
    state: model.AlertState
    from_: str | None = msgspec.field(name="from")
    to: str | None
    value: float | None
    since: Timestamp
    until: Timestamp | None
    rule: str


class ReportDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The PDF of one run: `size` in bytes, `sha256` in hex, `topic` null if it is not published."""

    run: str
    filename: str
    size: int
    sha256: str
    topic: str | None


class DiagnosisDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the vendor's own triage."""

    service_id: str
    status: model.DiagnosisStatus
    findings: list[str]
    report: ReportDocument | None


class RemedyDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A change of bandwidth, in Mbit/s; `approve` is the command that approves it, while it waits.

    `reverting` says that `status` is about the way back to `from_mbps`.
    """

    connection: str
    status: model.RemedyStatus
    from_mbps: float | None
    to_mbps: float
    max_mbps: float
    reverting: bool
    approved_by: str
    approve: str | None
    message: str


class IncidentDocument(Document, frozen=True, kw_only=True):
    """An incident as it is now; a higher `version` replaces a lower one. At most 100 alerts.

    The fault lasted from `began_at` to `ended_at`; it was reported at `opened_at` and closed at
    `resolved_at`. `alert_counts` counts all alerts by state, and a subject may have several.
    """

    id: str
    version: int
    status: model.IncidentStatus
    resolution: model.Resolution | None
    severity: model.Severity
    rule: str
    title: str
    opened_at: Timestamp
    resolved_at: Timestamp | None
    fault: str
    began_at: Timestamp
    ended_at: Timestamp | None
    acknowledged_by: str | None
    fault_domain: model.FaultDomain
    flags: list[str]
    alerts: list[AlertDocument]
    alert_counts: dict[str, int]
    diagnostics: list[DiagnosisDocument]
    remedy: RemedyDocument | None
    runbook: str
    links: dict[str, str]


class EventDocument(Document, frozen=True, kw_only=True):
    """One timeline entry. `event_id` is the same in every repetition."""

    event_id: str
    incident: str
    number: int
    kind: model.EntryKind
    at: Timestamp
    text: str
    by: str
    notify: bool
    rule: str
    severity: model.Severity
    title: str
    data: dict[str, str | float | int | bool | None]


class SourceDocument(Document, frozen=True, kw_only=True):
    """How well a source can be seen now: `seen`, `failing` or `blind`."""

    source: str
    sight: model.Visibility
    last_success: Timestamp | None
    failing_since: Timestamp | None
    error: str
    permanent: bool
    subjects: int


class WindowDocument(msgspec.Struct, frozen=True, kw_only=True):
    """From `start` to `end`, each null while it is open or not given."""

    start: Timestamp | None
    end: Timestamp | None


class BookingDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One reservation's schedule within a service."""

    id: str
    scheduled: WindowDocument
    reserved: WindowDocument
    actual: WindowDocument
    activated: list[WindowDocument]
    terminal: bool


class SubjectDocument(Document, frozen=True, kw_only=True):
    """One thing watched, as it was last seen; `missed` polls in a row did not name it."""

    key: str
    source: str
    fields: dict[str, str | float | int | bool | None]
    previous: dict[str, str | float | int | bool | None]
    labels: dict[str, str]
    bookings: list[BookingDocument]
    notes: list[str]
    since: Timestamp
    vendor_time: Timestamp | None
    missed: int


def incident(
    view: model.IncidentView,
    *,
    topic: Topic = lambda _: None,
    links: dict[str, str] | None = None,
) -> IncidentDocument:
    """Return an incident's document. `topic` returns where a report's PDF is published, or None."""
    incident = with_figures(view.incident)
    return IncidentDocument(
        id=incident.id,
        version=incident.version,
        status=incident.status,
        resolution=incident.resolution,
        severity=incident.severity,
        rule=incident.rule,
        title=incident.title,
        opened_at=model.format_timestamp(incident.opened_at),
        resolved_at=_stamp_or_none(incident.resolved_at),
        fault=incident.fault,
        began_at=model.format_timestamp(incident.begin),
        ended_at=_stamp_or_none(incident.ended_at),
        acknowledged_by=incident.acknowledged_by,
        fault_domain=incident.fault_domain,
        flags=sorted(incident.flags),
        alerts=[_alert(alert) for alert in view.by_subject],
        alert_counts=dict(view.alert_counts),
        diagnostics=[_diagnosis(diagnosis, topic) for diagnosis in incident.diagnostics],
        remedy=_remedy(incident.id, incident.remedy) if incident.remedy else None,
        runbook=incident.runbook,
        links=links or {},
    )


def with_figures(incident: model.Incident) -> model.Incident:
    """Return an incident that names its fault and when that began, as all of today's do."""
    return replace(
        incident,
        fault=incident.fault or incident.rule,
        began_at=incident.begin,
        ended_at=incident.end,
    )


def event(incident: model.Incident, entry: model.Entry) -> EventDocument:
    """Return an entry's document, with what a reader needs to know of its incident."""
    return EventDocument(
        event_id=entry.event_id,
        incident=entry.incident,
        number=entry.number,
        kind=entry.kind,
        at=model.format_timestamp(entry.at),
        text=entry.text,
        by=entry.by,
        notify=entry.notify,
        rule=incident.rule,
        severity=incident.severity,
        title=incident.title,
        data=dict(entry.data),
    )


def source(health: model.SourceHealth) -> SourceDocument:
    """Return the document of a source's health."""
    return SourceDocument(
        source=health.source,
        sight=health.sight,
        last_success=_stamp_or_none(health.last_success),
        failing_since=_stamp_or_none(health.failing_since),
        error=health.error,
        permanent=health.permanent,
        subjects=health.subjects,
    )


def subject(subject: model.Subject) -> SubjectDocument:
    """Return a subject's document."""
    return SubjectDocument(
        key=subject.key,
        source=subject.source,
        fields=dict(subject.fields),
        previous=dict(subject.previous),
        labels=dict(subject.labels),
        bookings=[
            BookingDocument(
                id=booking.id,
                scheduled=_window(booking.scheduled),
                reserved=_window(booking.reserved),
                actual=_window(booking.actual),
                activated=[_window(window) for window in booking.activated],
                terminal=booking.terminal,
            )
            for booking in subject.bookings
        ],
        notes=list(subject.notes),
        since=model.format_timestamp(subject.since),
        vendor_time=_stamp_or_none(subject.vendor_time),
        missed=subject.missed,
    )


PUBLISHED: Mapping[str, type[msgspec.Struct]] = {
    "PREFIX/incidents/ID": IncidentDocument,
    "PREFIX/events": EventDocument,
    "PREFIX/sources/NAME": SourceDocument,
}


def schema(others: Mapping[str, type[msgspec.Struct]]) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of everything on MQTT, `others` included, by topic."""
    forms = {**PUBLISHED, **others}
    references, components = msgspec.json.schema_components(
        forms.values(), ref_template="#/$defs/{name}"
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What Watcher publishes and accepts over MQTT",
        "anyOf": [
            reference
            for position, reference in enumerate(references)
            if reference not in references[:position]
        ],
        "topics": dict(zip(forms, references, strict=True)),
        "$defs": components,
    }


def _alert(alert: model.IncidentAlert) -> AlertDocument:
    return AlertDocument(
        subject=alert.subject,
        name=alert.name,
        labels=dict(alert.labels),
        state=alert.state,
        from_=alert.from_,
        to=alert.to,
        value=alert.value,
        since=model.format_timestamp(alert.since),
        until=_stamp_or_none(alert.until),
        rule=alert.rule,
    )


def _diagnosis(diagnosis: model.Diagnosis, topic: Topic) -> DiagnosisDocument:
    return DiagnosisDocument(
        service_id=diagnosis.service_id,
        status=diagnosis.status,
        findings=list(model.worst_first(diagnosis.findings)),
        report=_report(diagnosis.report, topic) if diagnosis.report else None,
    )


def _remedy(incident: str, remedy: model.Remedy) -> RemedyDocument:
    return RemedyDocument(
        connection=remedy.connection,
        status=remedy.status,
        from_mbps=remedy.from_mbps,
        to_mbps=remedy.to_mbps,
        max_mbps=remedy.max_mbps,
        reverting=remedy.reverting,
        approved_by=remedy.approved_by,
        approve=remedy.approval(incident) or None,
        message=remedy.message,
    )


def _report(report: model.Report, topic: Topic) -> ReportDocument:
    return ReportDocument(
        run=report.run,
        filename=report.filename,
        size=report.size,
        sha256=report.sha256,
        topic=topic(report),
    )


def _window(window: model.Window) -> WindowDocument:
    return WindowDocument(start=_stamp_or_none(window.start), end=_stamp_or_none(window.end))


def _stamp_or_none(at: datetime | None) -> str | None:
    return model.format_timestamp(at) if at else None


def _without_surrogates(value: Any) -> Any:
    """Replace lone surrogates, which JSON cannot contain."""
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case list():
            return [_without_surrogates(item) for item in value]
        case dict():
            return {
                _without_surrogates(key): _without_surrogates(item) for key, item in value.items()
            }
        case _:
            return value
