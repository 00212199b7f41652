"""Commands over MQTT: each is put before the desk, and answered on its response topic.

Law: one at a time, so many in a minute, and what comes faster is dropped: nothing that strangers
send may hold up what Watcher tells. Only the daemon that leads subscribes, so that each is obeyed
by one; its `id` makes it obeyed once however often it comes in.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import msgspec
import structlog
from aiolimiter import AsyncLimiter

from watcher import desk, document, model
from watcher.receivers import requests, topics
from watcher.receivers.broker import Broker
from watcher.receivers.mqtt_client import Message

log = structlog.get_logger()

MOST_WAITING = 100
PER_MINUTE = 120
ANSWER_SECONDS = 300  # an answer that nobody fetched is of no use later

_DONE = {
    "ack": "{incident.id} is {incident.status}",
    "diagnose": "asked for; {incident.id} will say what comes of it",
}


class Commands:
    """Takes in what the broker brings; `run` obeys it."""

    def __init__(self, *, broker: Broker, wishes: desk.Desk, per_minute: int = PER_MINUTE) -> None:
        self._broker = broker
        self._desk = wishes
        self._pace = AsyncLimiter(per_minute, 60)
        self._waiting: asyncio.Queue[Message] = asyncio.Queue(MOST_WAITING)
        self._dropped = 0
        broker.on_command(self._take)

    async def run(self) -> None:
        """Obey and answer, for ever."""
        while True:
            message = await self._waiting.get()
            async with self._pace:
                await self._serve(message)
            if self._dropped and self._waiting.empty():
                log.warning("too many commands over MQTT", dropped=self._dropped)
                self._dropped = 0

    def _take(self, message: Message) -> None:
        if message.retained:
            return  # a wish of some other time
        try:
            self._waiting.put_nowait(
                replace(message, payload=message.payload[: requests.LONGEST + 1])
            )
        except asyncio.QueueFull:
            self._dropped += 1

    async def _serve(self, message: Message) -> None:
        command = topics.slug(message.topic.rpartition("/")[2])
        where, by = message.response_topic, ""
        try:
            request = requests.read(command, message.payload)
        except ValueError as error:
            answer = requests.Answer(command=command, ok=False, message=str(error))
        else:
            where, by = where or request.response_topic, request.by
            answer = await self._answer(command, request, where)
        log.info("command over MQTT", command=command, by=by, ok=answer.ok, answer=answer.message)
        await self._reply(where, answer, message.correlation)

    async def _answer(
        self, command: str, request: requests.OfIncident | requests.Silence, where: str
    ) -> requests.Answer:
        prefix = self._broker.prefix
        if where and not topics.takes_answers(prefix, where):
            said = (
                f"{where[:100]} is no response topic: name one without wildcards, outside of"
                f" {prefix}/ or below {topics.answers(prefix)}/"
            )
            return requests.Answer(command=command, id=request.id, ok=False, message=said)
        try:
            return await self._obey(command, request)
        except (desk.RefusedError, model.TemporaryError) as error:
            return requests.Answer(command=command, id=request.id, ok=False, message=str(error))

    async def _obey(
        self, command: str, request: requests.OfIncident | requests.Silence
    ) -> requests.Answer:
        ticket = f"mqtt/{request.by}/{request.id}" if request.id else ""
        match request:
            case requests.Silence():
                silence = await self._desk.silence(
                    request.fitting,
                    length=request.length,
                    by=request.by,
                    comment=request.comment,
                    ticket=ticket,
                )
                return requests.Answer(
                    command=command,
                    id=request.id,
                    ok=True,
                    message=f"{silence.id} until {document.stamp(silence.end)}",
                    silence=silence.id,
                )
            case requests.OfIncident():
                incident = await self._desk.act(
                    request.incident, command, request.by, ticket=ticket
                )
                return requests.Answer(
                    command=command,
                    id=request.id,
                    ok=True,
                    message=_DONE[command].format(incident=incident),
                    incident=incident.id,
                )

    async def _reply(self, where: str, answer: requests.Answer, correlation: bytes | None) -> None:
        prefix = self._broker.prefix
        try:
            await self._broker.publish(
                where if topics.takes_answers(prefix, where) else topics.answers(prefix),
                msgspec.json.encode(answer),
                retain=False,
                expiry=ANSWER_SECONDS,
                content_type="application/json",
                correlation=correlation,
            )
        except (model.TemporaryError, model.PermanentError) as error:
            log.warning("command not answered", command=answer.command, error=str(error))
