"""Delivers incidents to programs over MQTT: events, PDFs as raw bytes, and one retained document.

Everything published carries its version or event id, so a repetition is harmless and nothing has to
be looked up. A PDF is published before the document that names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from watcher import model, ports
from watcher.clock import Clock
from watcher.operations import documents
from watcher.receivers.mqtt import topics
from watcher.receivers.mqtt.connection import MqttConnection

KEPT = timedelta(hours=24)  # how long a resolved incident's document and PDFs stay retained
EVENT_SECONDS = 3_600  # how long the broker keeps an event for a client that is offline
MOST_TRIES = 3  # of a PDF during which the connection was lost: it may be too large
_JSON, _PDF = "application/json", "application/pdf"
_PUBLISHED, _WITHHELD = "published", "withheld"


class MqttReceiver:
    """The broker's subscribers; `name` is the receiver's name in the settings."""

    def __init__(
        self, *, name: str, connection: MqttConnection, reader: ports.IncidentReader, clock: Clock
    ) -> None:
        self.name = name
        self._connection = connection
        self._reader = reader
        self._clock = clock
        self._versions: dict[str, int] = {}  # of the documents that the broker holds
        self._tries: dict[str, int] = {}
        connection.on_connect(self._publish_again)

    async def deliver(
        self, view: model.IncidentView, receipt: model.Receipt, delivery: ports.DeliverySession
    ) -> model.Receipt:
        """Publish PDFs, events and document. The receipt's `due` is when the document expires.

        Raises TemporaryError while there is no connection, PermanentError when it is refused.
        """
        incident = view.incident
        expires_at = _expires_at(incident)
        if expires_at is None or self._clock.now() < expires_at:
            for report in _reports(incident):
                if report.run not in receipt.files:
                    state = await self._publish_report(incident, report, delivery)
                    receipt = replace(receipt, files={**receipt.files, report.run: state})
                    await delivery.save(receipt)
        for entry in view.timeline:
            if entry.number > receipt.told_through:
                await self._publish_event(incident, entry)
                receipt = replace(receipt, told_through=entry.number)
                await delivery.save(receipt)
        if expires_at is not None and self._clock.now() >= expires_at:
            await self._clear(incident)
            expires_at = None
        elif receipt.parent_version != incident.version:
            await self._publish_document(view, receipt.files)
        return replace(receipt, parent_version=incident.version, due=expires_at)

    async def _publish_report(
        self, incident: model.Incident, report: model.Report, reports: ports.DetailReader
    ) -> str:
        """Publish a PDF unless it is lost or too large for the broker; return its new state."""
        report_files = await reports.report_files(report.run)
        topic = topics.report(self._connection.prefix, incident.id, report.run)
        tries = self._tries.get(report.run, 0)
        if (
            report_files is None
            or tries >= MOST_TRIES
            or not await self._connection.accepts(topic, report_files.pdf)
        ):
            return _WITHHELD
        try:
            await self._publish(topic, report_files.pdf, _PDF, until=_expires_at(incident))
        except model.AmbiguousError:
            self._tries[report.run] = tries + 1
            raise
        self._tries.pop(report.run, None)
        return _PUBLISHED

    async def _publish_event(self, incident: model.Incident, entry: model.Entry) -> None:
        await self._connection.publish(
            topics.events(self._connection.prefix),
            documents.event(incident, entry).encode(),
            retain=False,
            expiry=EVENT_SECONDS,
            content_type=_JSON,
        )

    async def _publish_document(self, view: model.IncidentView, files: Mapping[str, str]) -> None:
        incident = view.incident
        if incident.version < self._versions.get(incident.id, 0):
            return  # the broker has a newer one, published after a connect

        def topic(report: model.Report) -> str | None:
            if files.get(report.run) != _PUBLISHED:
                return None
            return topics.report(self._connection.prefix, incident.id, report.run)

        self._versions[incident.id] = incident.version
        await self._publish(
            topics.incident(self._connection.prefix, incident.id),
            documents.incident(view, topic=topic).encode(),
            _JSON,
            until=_expires_at(incident),
        )

    async def _clear(self, incident: model.Incident) -> None:
        """Remove the document and then its PDFs from the broker."""
        prefix = self._connection.prefix
        reports = [topics.report(prefix, incident.id, report.run) for report in _reports(incident)]
        for topic in (topics.incident(prefix, incident.id), *reports):
            await self._connection.publish(topic, b"", retain=True)
        self._versions.pop(incident.id, None)

    async def _publish_again(self) -> None:
        """Publish the retained documents again, for a broker that may have lost them."""
        unresolved = (model.IncidentStatus.OPEN, model.IncidentStatus.ACKNOWLEDGED)
        live = await self._reader.incidents(statuses=unresolved, limit=10_000)
        resolved = await self._reader.incidents(
            statuses=(model.IncidentStatus.RESOLVED,), limit=1_000
        )
        now = self._clock.now()
        retained = [incident for incident in resolved if (_expires_at(incident) or now) > now]
        for incident in (*live, *retained):
            if self.name in incident.notify:
                await self._publish_one_again(incident.id)

    async def _publish_one_again(self, incident: str) -> None:
        """Publish the incident as it is now; another daemon may publish a newer version meanwhile.

        It is read again after its PDFs, which may take long, and after its document.
        """
        published = 0
        view = await self._reader.incident_view(incident)
        while view is not None and view.incident.version != published:
            files = {
                report.run: await self._publish_report(view.incident, report, self._reader)
                for report in _reports(view.incident)
            }
            version = view.incident.version
            view = await self._reader.incident_view(incident)
            if view is not None and view.incident.version == version:
                await self._publish_document(view, files)
                published = version
                view = await self._reader.incident_view(incident)

    async def _publish(
        self, topic: str, payload: bytes, content_type: str, *, until: datetime | None
    ) -> None:
        seconds_left = None if until is None else int((until - self._clock.now()).total_seconds())
        await self._connection.publish(
            topic, payload, retain=True, expiry=seconds_left, content_type=content_type
        )


def _reports(incident: model.Incident) -> list[model.Report]:
    return [run.report for run in incident.diagnostics if run.report is not None]


def _expires_at(incident: model.Incident) -> datetime | None:
    """When the retained messages of an incident expire; None while it is not resolved."""
    if incident.status is not model.IncidentStatus.RESOLVED or incident.resolved_at is None:
        return None
    return incident.resolved_at + KEPT
