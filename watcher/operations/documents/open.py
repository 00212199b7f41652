"""Everything that is open, in one document: for programs that start, and brokers without memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from watcher import model
from watcher.operations.documents.document import Document, Timestamp


class OpenIncident(msgspec.Struct, frozen=True, kw_only=True):
    """One incident that is open or acknowledged; its document is on `topic`."""

    id: str
    version: int
    status: model.IncidentStatus
    severity: model.Severity
    rule: str
    title: str
    opened_at: Timestamp
    fault_domain: model.FaultDomain
    flags: list[str]
    topic: str


class OpenDocument(Document, frozen=True, kw_only=True):
    """What was open at `at`, the newest first; `count` counts what a `truncated` list leaves out.

    It holds while `PREFIX/status` is `online`.
    """

    instance: str
    at: Timestamp
    count: int
    truncated: bool
    incidents: list[OpenIncident]


def open_incident(incident: model.Incident, topic: str) -> OpenIncident:
    """Return one line of the list."""
    return OpenIncident(
        id=incident.id,
        version=incident.version,
        status=incident.status,
        severity=incident.severity,
        rule=incident.rule,
        title=incident.title,
        opened_at=model.format_timestamp(incident.opened_at),
        fault_domain=incident.fault_domain,
        flags=sorted(incident.flags),
        topic=topic,
    )


def open_incidents(
    incidents: Sequence[OpenIncident], *, instance: str, at: datetime, most: int
) -> OpenDocument:
    """Return the list, with at most `most` incidents."""
    return OpenDocument(
        instance=instance,
        at=model.format_timestamp(at),
        count=len(incidents),
        truncated=len(incidents) > most,
        incidents=list(incidents[:most]),
    )


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Of the incidents that are open, how many are acknowledged, and the worst severity."""

    open: int
    acknowledged: int
    severity: model.Severity | None


class SummaryDocument(Document, frozen=True, kw_only=True):
    """How many incidents were open at `at`, drills left out, and how many of each source."""

    instance: str
    at: Timestamp
    open: int
    acknowledged: int
    severity: model.Severity | None
    sources: dict[str, Counts]


def summary(
    incidents: Iterable[model.Incident], sources: Iterable[str], *, instance: str, at: datetime
) -> SummaryDocument:
    """Return what `incidents` come to, by source."""
    serious = [incident for incident in incidents if "drill" not in incident.flags]
    total = _counts(serious)
    return SummaryDocument(
        instance=instance,
        at=model.format_timestamp(at),
        open=total.open,
        acknowledged=total.acknowledged,
        severity=total.severity,
        sources={
            name: _counts([incident for incident in serious if incident.source == name])
            for name in sources
        },
    )


def _counts(incidents: Sequence[model.Incident]) -> Counts:
    return Counts(
        open=len(incidents),
        acknowledged=sum(
            incident.status is model.IncidentStatus.ACKNOWLEDGED for incident in incidents
        ),
        severity=max(
            (incident.severity for incident in incidents),
            key=lambda severity: severity.rank,
            default=None,
        ),
    )
