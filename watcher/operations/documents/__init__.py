"""What programs read over MQTT and HTTP: incidents, entries, sources, subjects, silences.

Pure. Law: the keys are public surface (mqtt.md and api.md in docs/reference): one may be added,
none renamed or removed.
"""

from watcher.operations.documents.asyncapi import asyncapi
from watcher.operations.documents.deliveries import ReceiptsDocument, receipts, thread_link
from watcher.operations.documents.document import Document
from watcher.operations.documents.incidents import (
    EventDocument,
    IncidentDocument,
    ReportTopics,
    event,
    incident,
    with_figures,
)
from watcher.operations.documents.json_schema import api_schema, schema
from watcher.operations.documents.open import (
    OpenDocument,
    OpenIncident,
    SummaryDocument,
    open_incident,
    open_incidents,
    summary,
)
from watcher.operations.documents.silences import SilencesDocument, silence, silences
from watcher.operations.documents.sources import (
    PublishedSource,
    SourceDocument,
    published_source,
    source,
    unwatched_source,
)
from watcher.operations.documents.subjects import SubjectDocument, subject
from watcher.operations.documents.works import WorkDocument, WorksDocument, work, works

__all__ = [
    "Document",
    "EventDocument",
    "IncidentDocument",
    "OpenDocument",
    "OpenIncident",
    "PublishedSource",
    "ReceiptsDocument",
    "ReportTopics",
    "SilencesDocument",
    "SourceDocument",
    "SubjectDocument",
    "SummaryDocument",
    "WorkDocument",
    "WorksDocument",
    "api_schema",
    "asyncapi",
    "event",
    "incident",
    "open_incident",
    "open_incidents",
    "published_source",
    "receipts",
    "schema",
    "silence",
    "silences",
    "source",
    "subject",
    "summary",
    "thread_link",
    "unwatched_source",
    "with_figures",
    "work",
    "works",
]
