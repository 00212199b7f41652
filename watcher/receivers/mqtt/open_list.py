"""`PREFIX/open`: one retained document that lists what is open, on one fixed topic.

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
from watcher.receivers.mqtt.connection import MqttConnection

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
        self._reader = reader
        self._clock = clock
        self._topic = topics.open_list(connection.prefix)

    def changed(self) -> None:
        """Publish the list soon."""
        self._connection.publish_soon(self.publish)

    async def publish(self) -> None:
        """Publish the list as it is now. Raises TemporaryError."""
        published: list[documents.OpenIncident] | None = None
        while published != (current := await self._read()):
            await self._send(current)
            published = current

    async def _read(self) -> list[documents.OpenIncident]:
        incidents = await self._reader.incidents(statuses=UNRESOLVED, limit=10_000)
        return [
            documents.open_incident(incident, topics.incident(self._connection.prefix, incident.id))
            for incident in incidents
            if self._name in incident.notify
        ]

    async def _send(self, incidents: list[documents.OpenIncident]) -> None:
        document = documents.open_incidents(
            incidents, instance=self._connection.instance, at=self._clock.now(), most=MOST
        )
        payload = payloads.open_list(document, self._connection.fitting(self._topic))
        if payload is None:
            self._connection.note_refused(self._topic, f"{self._topic} is too large for the broker")
            return
        try:
            await self._connection.publish(
                self._topic, payload, retain=True, content_type="application/json"
            )
        except model.PermanentError as error:
            self._connection.note_refused(self._topic, str(error))
