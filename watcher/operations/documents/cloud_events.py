"""The attributes of CloudEvents 1.0, as they stand beside a document. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from watcher import model

SPEC_VERSION = "1.0"


class CloudEvent(Struct, frozen=True, kw_only=True):
    """What a message is about; `id` is the same in every repetition.

    `subject` is an incident, and `kind` comes after `watcher.` in the type.
    """

    id: str
    kind: str
    subject: str
    time: datetime

    def attributes(self, source: str) -> Mapping[str, str]:
        """Return the attributes by name; `source` tells one Watcher from another."""
        return {
            "specversion": SPEC_VERSION,
            "id": self.id,
            "source": source,
            "type": f"watcher.{self.kind}",
            "time": model.format_timestamp(self.time),
            "subject": self.subject,
        }


def of_entry(entry: model.Entry) -> CloudEvent:
    """Return the attributes of a timeline entry."""
    return CloudEvent(
        id=entry.event_id,
        kind=f"incident.{entry.kind}",
        subject=entry.incident,
        time=entry.at,
    )


def of_document(view: model.IncidentView) -> CloudEvent:
    """Return the attributes of an incident's document, which its version tells apart."""
    incident = view.incident
    return CloudEvent(
        id=f"{incident.id}-v{incident.version}",
        kind="incident",
        subject=incident.id,
        time=view.timeline[-1].at if view.timeline else incident.opened_at,
    )


def of_report(incident: model.Incident, run: str) -> CloudEvent:
    """Return the attributes of the PDF of one diagnostics run."""
    [diagnosis] = [diagnosis for diagnosis in incident.diagnostics if diagnosis.run == run]
    return CloudEvent(
        id=run,
        kind="incident.report",
        subject=incident.id,
        time=diagnosis.finished_at or diagnosis.started_at,
    )
