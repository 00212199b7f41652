"""What comes out of `step()`: nouns as they now are, and work that is asked for."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from watcher.model.alerts import Alert, IncidentAlert
from watcher.model.incidents import Entry, Incident
from watcher.model.oncall import Calendar
from watcher.model.silences import Silence
from watcher.model.subjects import Sample, SourceHealth, Subject
from watcher.model.works import Work


class Forgotten(Struct, frozen=True, kw_only=True, gc=False):
    """The subject has vanished and nothing depends on it any more: drop it."""

    key: str


class DetailsNeeded(Struct, frozen=True, kw_only=True, gc=False):
    """Fetch this subject's details now."""

    subject: str


class HistoryNeeded(Struct, frozen=True, kw_only=True, gc=False):
    """Fetch what the vendor recorded of this subject between two times, when there is time."""

    subject: str
    start: datetime
    end: datetime


class DiagnosisNeeded(Struct, frozen=True, kw_only=True, gc=False):
    """Run Service Diagnostics once: `run` is derived from content, so asking twice is one run."""

    run: str
    incident: str
    service_id: str


class AlternativesNeeded(Struct, frozen=True, kw_only=True, gc=False):
    """Find out once for this incident what could be ordered as a backup at an address."""

    incident: str
    address: str


class BandwidthNeeded(Struct, frozen=True, kw_only=True, gc=False):
    """Change a connection's bandwidth, once: `order` is derived from content.

    In Mbit/s; `connection` is a subject's key, and `from_mbps` what it must have for the change to
    be made. `reverting`: back to what it was, which is done though the incident is over.
    `to_words` are the vendor's own for `to_mbps`, empty where there are none.
    """

    order: str
    incident: str
    connection: str
    from_mbps: float
    to_mbps: float
    max_mbps: float
    reverting: bool = False
    to_words: str = ""


class PollNeeded(Struct, frozen=True, kw_only=True, gc=False):
    """A pending alert is due: this source's next poll decides about it, so poll now."""

    source: str


class ExpressionFailed(Struct, frozen=True, kw_only=True, gc=False):
    """A rule's expression failed at run time; reported once for each rule and subject."""

    rule: str
    subject: str
    error: str


# Subjects, samples, alerts, incidents and health as they now are; the store writes them.
Effect = (
    Subject
    | Sample
    | SourceHealth
    | Alert
    | Incident
    | IncidentAlert
    | Entry
    | Silence
    | Calendar
    | Work
    | Forgotten
    | DetailsNeeded
    | HistoryNeeded
    | DiagnosisNeeded
    | AlternativesNeeded
    | BandwidthNeeded
    | PollNeeded
    | ExpressionFailed
)

# What a step may want to have done, by jobs and pollers.
Need = (
    DetailsNeeded
    | HistoryNeeded
    | DiagnosisNeeded
    | AlternativesNeeded
    | BandwidthNeeded
    | PollNeeded
)
