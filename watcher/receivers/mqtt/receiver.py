"""Tells incidents to programs over MQTT: events, PDFs as raw bytes, and one retained document.

Law: everything published carries its version or event id, so a repetition is harmless and nothing
has to be looked up. A PDF is published before the document that names it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from watcher import model, ports
from watcher.clock import Clock
from watcher.operations import documents
from watcher.receivers.mqtt import connection
from watcher.receivers.mqtt.connection import MqttConnection

KEPT = timedelta(hours=24)  # how long a resolved incident's document and PDFs stay retained
EVENT_SECONDS = 3_600  # an event that nobody fetched is of no use later
MOST_TRIES = 3  # of a PDF during which the broker hung up: it may be too large for it
_JSON, _PDF = "application/json", "application/pdf"
_PUBLISHED, _WITHHELD = "published", "withheld"


class Shelf(Protocol):
    """What is read to publish everything again after a connect."""

    async def incidents(
        self, *, statuses: Sequence[model.IncidentStatus] | None = None, limit: int = 100
    ) -> list[model.Incident]:
        """Read incidents, newest first."""

    async def incident_view(self, incident: str) -> model.IncidentView | None:
        """Read one with everything that may be told of it."""

    async def report_files(self, run: str) -> ports.ReportFiles | None:
        """Read what one diagnostics run brought."""


class Papers(Protocol):
    """Where the bytes of a report are read."""

    async def report_files(self, run: str) -> ports.ReportFiles | None:
        """Read what one diagnostics run brought."""


class MqttReceiver:
    """The broker's subscribers, told as `name`."""

    def __init__(self, *, name: str, broker: MqttConnection, shelf: Shelf, clock: Clock) -> None:
        self.name = name
        self._broker = broker
        self._shelf = shelf
        self._clock = clock
        self._versions: dict[str, int] = {}  # of the documents that the broker holds
        self._tries: dict[str, int] = {}
        broker.on_connect(self._publish_again)

    async def deliver(
        self, view: model.IncidentView, receipt: model.Receipt, delivery: ports.DeliverySession
    ) -> model.Receipt:
        """PDFs, events, document. Asks with `due` to be called when the document must go.

        Raises TemporaryError while there is no connection, PermanentError when it is refused.
        """
        incident = view.incident
        gone_at = _gone_at(incident)
        if gone_at is None or self._clock.now() < gone_at:
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
        if gone_at is not None and self._clock.now() >= gone_at:
            await self._clear(incident)
            gone_at = None
        elif receipt.parent_version != incident.version:
            await self._publish_document(view, receipt.files)
        return replace(receipt, parent_version=incident.version, due=gone_at)

    async def _publish_report(
        self, incident: model.Incident, report: model.Report, papers: Papers
    ) -> str:
        """Publish a PDF unless it is lost or too large for the broker; the document says which."""
        report_files = await papers.report_files(report.run)
        topic = connection.report_topic(self._broker.prefix, incident.id, report.run)
        tries = self._tries.get(report.run, 0)
        if (
            report_files is None
            or tries >= MOST_TRIES
            or not await self._broker.takes(topic, report_files.pdf)
        ):
            return _WITHHELD
        try:
            await self._publish(topic, report_files.pdf, _PDF, until=_gone_at(incident))
        except model.AmbiguousError:
            self._tries[report.run] = tries + 1
            raise
        self._tries.pop(report.run, None)
        return _PUBLISHED

    async def _publish_event(self, incident: model.Incident, entry: model.Entry) -> None:
        await self._broker.publish(
            connection.events_topic(self._broker.prefix),
            documents.event(incident, entry).encode(),
            retain=False,
            expiry=EVENT_SECONDS,
            content_type=_JSON,
        )

    async def _publish_document(self, view: model.IncidentView, files: Mapping[str, str]) -> None:
        incident = view.incident
        if incident.version < self._versions.get(incident.id, 0):
            return  # the broker holds a newer one, published after a connect

        def topic(report: model.Report) -> str | None:
            if files.get(report.run) != _PUBLISHED:
                return None
            return connection.report_topic(self._broker.prefix, incident.id, report.run)

        self._versions[incident.id] = incident.version
        await self._publish(
            connection.incident_topic(self._broker.prefix, incident.id),
            documents.incident(view, topic=topic).encode(),
            _JSON,
            until=_gone_at(incident),
        )

    async def _clear(self, incident: model.Incident) -> None:
        """Take the document and then its PDFs off the broker."""
        prefix = self._broker.prefix
        gone = [
            connection.report_topic(prefix, incident.id, report.run)
            for report in _reports(incident)
        ]
        for topic in (connection.incident_topic(prefix, incident.id), *gone):
            await self._broker.publish(topic, b"", retain=True)
        self._versions.pop(incident.id, None)

    async def _publish_again(self) -> None:
        """Bring the retained documents back to a broker that may have lost them."""
        alive = (model.IncidentStatus.OPEN, model.IncidentStatus.ACKNOWLEDGED)
        incidents = await self._shelf.incidents(statuses=alive, limit=10_000)
        over = await self._shelf.incidents(statuses=(model.IncidentStatus.RESOLVED,), limit=1_000)
        now = self._clock.now()
        for incident in (*incidents, *(one for one in over if (_gone_at(one) or now) > now)):
            if self.name in incident.notify:
                await self._publish_one_again(incident.id)

    async def _publish_one_again(self, incident: str) -> None:
        """Publish it as it is: another daemon may tell a newer one at the same time.

        It is read again after its PDFs, which may take long, and after itself.
        """
        published = 0
        view = await self._shelf.incident_view(incident)
        while view is not None and view.incident.version != published:
            files = {
                report.run: await self._publish_report(view.incident, report, self._shelf)
                for report in _reports(view.incident)
            }
            before = view.incident.version
            view = await self._shelf.incident_view(incident)
            if view is not None and view.incident.version == before:
                await self._publish_document(view, files)
                published = before
                view = await self._shelf.incident_view(incident)

    async def _publish(
        self, topic: str, payload: bytes, content_type: str, *, until: datetime | None
    ) -> None:
        left = None if until is None else int((until - self._clock.now()).total_seconds())
        await self._broker.publish(
            topic, payload, retain=True, expiry=left, content_type=content_type
        )


def _reports(incident: model.Incident) -> list[model.Report]:
    return [run.report for run in incident.diagnostics if run.report is not None]


def _gone_at(incident: model.Incident) -> datetime | None:
    """When what is retained of an incident must go; None while it is not over."""
    if incident.status is not model.IncidentStatus.RESOLVED or incident.resolved_at is None:
        return None
    return incident.resolved_at + KEPT
