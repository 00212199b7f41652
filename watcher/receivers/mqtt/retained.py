"""What lies on the broker of an incident: its document and its PDFs, put there and taken away.

A document never names a PDF that is not published.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec.structs import replace

from watcher import model, ports
from watcher.clock import Clock
from watcher.operations import documents
from watcher.operations.documents import cloud_events
from watcher.operations.documents.cloud_events import CloudEvent
from watcher.operations.links import Addresses
from watcher.receivers.mqtt import payloads, topics
from watcher.receivers.mqtt.broker.connection import MqttConnection
from watcher.receivers.mqtt.reports import Progress, ReportState

KEPT = timedelta(hours=24)  # how long a resolved incident's document and PDFs stay retained
_JSON, _PDF = "application/json", "application/pdf"

States = Mapping[str, ReportState]  # by run


class RetainedIncidents:
    """Publishes and removes the retained messages of one incident after another."""

    def __init__(self, *, connection: MqttConnection, clock: Clock, addresses: Addresses) -> None:
        self._connection = connection
        self._publisher = connection.publisher
        self._clock = clock
        self._addresses = addresses
        self._versions: dict[str, int] = {}  # of the documents that the broker holds

    async def publish_report(
        self,
        incident: model.Incident,
        report: model.Report,
        state: ReportState,
        reader: ports.DetailReader,
    ) -> ReportState:
        """Publish a PDF unless it is lost or too large; return its new state.

        Raises AmbiguousError when the connection was lost meanwhile.
        """
        report_files = await reader.report_files(report.run)
        withheld = replace(state, progress=Progress.WITHHELD, size=0)
        topic = topics.report(self._connection.prefix, incident.id, report.run)
        if report_files is None:
            return withheld
        if not self._publisher.takes_report(topic, len(report_files.pdf)):
            self._publisher.note_refused(
                topic,
                f"the PDF on {topic} has {len(report_files.pdf)} bytes: more than the broker"
                " accepts, or than mqtt.max_report_bytes",
            )
            return withheld
        until = expires_at(incident)
        cloud_event = cloud_events.of_report(incident, report.run)
        try:
            await self._publish(topic, report_files.pdf, _PDF, until=until, cloud_event=cloud_event)
        except model.PermanentError as error:
            self._publisher.note_refused(topic, str(error))
            return withheld
        suffixed = state.suffixed
        if self._publisher.takes_suffixes:
            old = topics.suffixed_report(self._connection.prefix, incident.id, report.run)
            try:
                await self._publish(
                    old, report_files.pdf, _PDF, until=until, cloud_event=cloud_event
                )
                suffixed = True
            except model.WatcherError as error:
                self._publisher.note_refused(old, str(error))
        return ReportState(progress=Progress.DONE, suffixed=suffixed)

    async def publish_document(self, view: model.IncidentView, states: States) -> None:
        """Publish the document, unless the broker has a newer one.

        Raises PermanentError when the broker refuses it, and TemporaryError without a connection.
        """
        incident, prefix = view.incident, self._connection.prefix
        if incident.version < self._versions.get(incident.id, 0):
            return  # published after a connect

        def report_topics(report: model.Report) -> documents.ReportTopics:
            state = states.get(report.run, ReportState())
            if state.progress is not Progress.DONE:
                return None, None
            topic = topics.report(prefix, incident.id, report.run)
            old = topics.suffixed_report(prefix, incident.id, report.run)
            return (old if state.suffixed else topic), topic

        self._versions[incident.id] = incident.version
        topic = topics.incident(prefix, incident.id)
        document = documents.incident(
            view,
            topics=report_topics,
            links=self._addresses.elsewhere(incident),
            now=self._clock.now(),
        )
        payload = payloads.incident(document, self._publisher.fitting(topic))
        if payload is None:
            self._publisher.note_refused(
                topic, f"the document on {topic} is too large for the broker, even shortened"
            )
            return
        await self._publish(
            topic,
            payload,
            _JSON,
            until=expires_at(incident),
            cloud_event=cloud_events.of_document(view),
        )

    async def clear(self, incident: model.Incident, states: States) -> None:
        """Remove the document and then its PDFs from the broker, what it refuses excepted."""
        prefix = self._connection.prefix
        obsolete = [topics.incident(prefix, incident.id)]
        for run, state in states.items():
            obsolete.append(topics.report(prefix, incident.id, run))
            if state.suffixed:
                obsolete.append(topics.suffixed_report(prefix, incident.id, run))
        for topic in obsolete:
            try:
                await self._connection.publish(topic, b"", retain=True)
            except model.PermanentError:
                continue  # there is nothing, then
            finally:
                self._publisher.forget_refused(topic)
        self._versions.pop(incident.id, None)

    async def _publish(
        self,
        topic: str,
        payload: bytes,
        content_type: str,
        *,
        until: datetime | None,
        cloud_event: CloudEvent,
    ) -> None:
        seconds_left = None if until is None else int((until - self._clock.now()).total_seconds())
        await self._connection.publish(
            topic,
            payload,
            retain=True,
            expiry=seconds_left,
            content_type=content_type,
            cloud_event=cloud_event,
        )


def expires_at(incident: model.Incident) -> datetime | None:
    """When the retained messages of an incident expire; None while it is not resolved."""
    if incident.status is not model.IncidentStatus.RESOLVED or incident.resolved_at is None:
        return None
    return incident.resolved_at + KEPT
