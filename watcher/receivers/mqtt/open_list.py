"""`PREFIX/open`: one retained document that lists what is open, on one fixed topic.

`PREFIX/summary` counts it by source, where Home Assistant is served.

RabbitMQ hands retained messages to exact topics alone, and a program that starts wants to know what
is open without reading everything. Any daemon that publishes an incident publishes the list after
it, at most once a second, and reads it again afterwards: of two daemons that publish at the same
time, the one that read less corrects itself.
"""

from __future__ import annotations

import structlog

from watcher import model, ports
from watcher.clock import Clock
from watcher.operations import documents
from watcher.receivers.mqtt import payloads, topics
from watcher.receivers.mqtt.broker.connection import MqttConnection

log = structlog.get_logger()

MOST = 1_000  # incidents that are listed
UNRESOLVED = (model.IncidentStatus.OPEN, model.IncidentStatus.ACKNOWLEDGED)


class OpenList:
    """Publishes what is open for one receiver; `name` is the receiver's name in the settings."""

    def __init__(
        self, *, name: str, connection: MqttConnection, reader: ports.IncidentReader, clock: Clock
    ) -> None:
        self._name = name
        self._connection = connection
        self._publisher = connection.publisher
        self._reader = reader
        self._clock = clock
        self._topic = topics.open_list(connection.prefix)

    def changed(self) -> None:
        """Publish the list soon."""
        self._connection.publish_soon(self.publish)

    async def publish(self) -> None:
        """Publish the list as it is now. Raises TemporaryError."""
        published: list[documents.OpenIncident] | None = None
        while published != (current := self._lines(incidents := await self._read())):
            await self._send(current)
            if self._connection.discovery:
                await self._send_summary(incidents)
            published = current

    async def _read(self) -> list[model.Incident]:
        incidents = await self._reader.incidents(statuses=UNRESOLVED, limit=10_000)
        return [incident for incident in incidents if self._name in incident.notify]

    def _lines(self, incidents: list[model.Incident]) -> list[documents.OpenIncident]:
        prefix = self._connection.prefix
        return [
            documents.open_incident(incident, topics.incident(prefix, incident.id))
            for incident in incidents
        ]

    async def _send(self, incidents: list[documents.OpenIncident]) -> None:
        document = documents.open_incidents(
            incidents, instance=self._connection.instance, at=self._clock.now(), most=MOST
        )
        payload = payloads.open_list(document, self._publisher.fitting(self._topic))
        if payload is None:
            self._publisher.note_refused(self._topic, f"{self._topic} is too large for the broker")
            return
        await self._publish(self._topic, payload)

    async def _send_summary(self, incidents: list[model.Incident]) -> None:
        document = documents.summary(
            incidents,
            self._connection.sources,
            instance=self._connection.instance,
            at=self._clock.now(),
        )
        await self._publish(topics.summary(self._connection.prefix), document.encode())

    async def _publish(self, topic: str, payload: bytes) -> None:
        try:
            await self._connection.publish(
                topic, payload, retain=True, content_type="application/json"
            )
        except model.PermanentError as error:
            self._publisher.note_refused(topic, str(error))
