"""An incident, and an entry of its timeline, as programs read them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec
from msgspec.structs import replace

from watcher import model
from watcher.operations.documents import people
from watcher.operations.documents.document import Document, Timestamp, timestamp_or_none
from watcher.operations.documents.people import BookingDocument, ContactDocument, SideDocument

SCHEMA_VERSION = 1

ReportTopics = tuple[str | None, str | None]  # `topic` and `pdf_topic`
FindTopics = Callable[[model.Report], ReportTopics]


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
    """The PDF of one run: `size` in bytes, `sha256` in hex, `pdf_topic` null if not published.

    `topic` is where earlier versions published it; in the next version it equals `pdf_topic`.
    """

    run: str
    filename: str
    size: int
    sha256: str
    topic: str | None
    pdf_topic: str | None


class DiagnosisDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the vendor's own triage: its `disposition`, its findings, what it advises to do.

    `message` says why it failed or was not run.
    """

    service_id: str
    status: model.DiagnosisStatus
    findings: list[str]
    report: ReportDocument | None
    disposition: str = ""
    actions: tuple[str, ...] = ()
    message: str = ""
    started_at: Timestamp | None = None
    finished_at: Timestamp | None = None


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


class TicketDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The carrier's own ticket; while it is `pending` the carrier waits for its customer."""

    number: str
    state: model.TicketState
    url: str
    by: str
    at: Timestamp


class PlannedDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The carrier's planned works that the fault belongs to, as they were announced."""

    id: str
    provider: str
    from_: Timestamp = msgspec.field(name="from")
    to: Timestamp
    impact: model.WorkImpact


class SuppressionDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Why people are not notified: a silence, a maintenance window, a rule, or planned works.

    It ends at `until`; a silence sooner where `sooner` says what ends it.
    """

    kind: model.SuppressionKind
    name: str
    by: str
    comment: str
    until: Timestamp | None
    sooner: model.SilenceUntil | None


class IncidentDocument(Document, frozen=True, kw_only=True):
    """An incident as it is now; a higher `version` replaces a lower one. At most 100 alerts.

    The fault lasted from `began_at` to `ended_at`; it was reported at `opened_at` and closed at
    `resolved_at`. `alert_counts` counts all alerts by state, and a subject may have several.
    `truncated` says that parts were left out because the broker accepts no larger message.
    `schema_version` grows when a key changes its meaning; one that is added leaves it as it is.
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
    ticket: TicketDocument | None = None
    planned: PlannedDocument | None = None
    suppressions: tuple[SuppressionDocument, ...] = ()
    schema_version: int = SCHEMA_VERSION
    source: str = ""
    summary: str = ""
    acknowledged_at: Timestamp | None = None
    contacts: tuple[ContactDocument, ...] = ()
    likely_side: SideDocument | None = msgspec.field(name="verdict", default=None)
    booking: BookingDocument | None = None
    truncated: bool = False


class EventDocument(Document, frozen=True, kw_only=True):
    """One timeline entry. `event_id` is the same in every repetition.

    `truncated` says that parts were left out because the broker accepts no larger message.
    """

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
    truncated: bool = False


def incident(
    view: model.IncidentView,
    *,
    topics: FindTopics = lambda _: (None, None),
    links: dict[str, str] | None = None,
    now: datetime | None = None,
) -> IncidentDocument:
    """Return an incident's document. `topics` returns where a report's PDF is published.

    `now` is the time at which a booking has its phase.
    """
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
        resolved_at=timestamp_or_none(incident.resolved_at),
        fault=incident.fault,
        began_at=model.format_timestamp(incident.begin),
        ended_at=timestamp_or_none(incident.ended_at),
        acknowledged_by=incident.acknowledged_by,
        fault_domain=incident.fault_domain,
        flags=sorted(incident.flags),
        alerts=[_alert(alert) for alert in view.by_subject],
        alert_counts=dict(view.alert_counts),
        diagnostics=[_diagnosis(diagnosis, topics) for diagnosis in incident.diagnostics],
        remedy=_remedy(incident.id, incident.remedy) if incident.remedy else None,
        runbook=incident.runbook,
        links=links or {},
        ticket=_ticket(incident.ticket) if incident.ticket else None,
        planned=_planned(incident.planned) if incident.planned else None,
        suppressions=tuple(map(_suppression, incident.suppressions)),
        source=incident.source,
        summary=incident.summary,
        acknowledged_at=timestamp_or_none(incident.acknowledged_at),
        contacts=people.contacts(incident),
        likely_side=people.likely_side(view),
        booking=people.booking(view, now),
    )


def _planned(planned: model.Planned) -> PlannedDocument:
    return PlannedDocument(
        id=planned.id,
        provider=planned.provider,
        from_=model.format_timestamp(planned.begin),
        to=model.format_timestamp(planned.end),
        impact=planned.impact,
    )


def _suppression(suppression: model.Suppression) -> SuppressionDocument:
    return SuppressionDocument(
        kind=suppression.kind,
        name=suppression.name,
        by=suppression.by,
        comment=suppression.comment,
        until=timestamp_or_none(suppression.until),
        sooner=suppression.sooner,
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
        until=timestamp_or_none(alert.until),
        rule=alert.rule,
    )


def _diagnosis(diagnosis: model.Diagnosis, topics: FindTopics) -> DiagnosisDocument:
    return DiagnosisDocument(
        service_id=diagnosis.service_id,
        status=diagnosis.status,
        findings=list(model.worst_first(diagnosis.findings)),
        report=_report(diagnosis.report, topics) if diagnosis.report else None,
        disposition=diagnosis.disposition,
        actions=diagnosis.actions,
        message=diagnosis.message,
        started_at=model.format_timestamp(diagnosis.started_at),
        finished_at=timestamp_or_none(diagnosis.finished_at),
    )


def _ticket(ticket: model.Ticket) -> TicketDocument:
    return TicketDocument(
        number=ticket.number,
        state=ticket.state,
        url=ticket.url,
        by=ticket.by,
        at=model.format_timestamp(ticket.at),
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


def _report(report: model.Report, topics: FindTopics) -> ReportDocument:
    topic, pdf_topic = topics(report)
    return ReportDocument(
        run=report.run,
        filename=report.filename,
        size=report.size,
        sha256=report.sha256,
        topic=topic,
        pdf_topic=pdf_topic,
    )
