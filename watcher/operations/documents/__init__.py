"""What programs read over MQTT and HTTP: incidents, entries, sources and subjects as documents.

Pure. Law: the keys are public surface (mqtt.md and api.md in docs/reference): one may be added,
none renamed or removed.
"""

from watcher.operations.documents.incidents import (
    EventDocument,
    IncidentDocument,
    event,
    incident,
    with_figures,
)
from watcher.operations.documents.json_schema import schema
from watcher.operations.documents.sources import SourceDocument, source
from watcher.operations.documents.subjects import SubjectDocument, subject

__all__ = [
    "EventDocument",
    "IncidentDocument",
    "SourceDocument",
    "SubjectDocument",
    "event",
    "incident",
    "schema",
    "source",
    "subject",
    "with_figures",
]
