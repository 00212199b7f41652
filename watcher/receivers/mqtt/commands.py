"""Commands over MQTT: each is put before the desk, and answered on its response topic.

Law: one at a time, so many in a minute, and what comes faster is dropped: nothing that strangers
send may hold up what Watcher tells. Only the daemon that leads subscribes, so that each is obeyed
by one; its `id` makes it obeyed once however often it comes in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Annotated

import msgspec
import structlog
from aiolimiter import AsyncLimiter

from watcher import model
from watcher.operations.commands import CommandRejectedError, CommandService
from watcher.receivers.mqtt import connection
from watcher.receivers.mqtt.client import Message
from watcher.receivers.mqtt.connection import MqttConnection

log = structlog.get_logger()

MOST_WAITING = 100
PER_MINUTE = 120
ANSWER_SECONDS = 300  # an answer that nobody fetched is of no use later

_DONE = {
    "ack": "{incident.id} is {incident.status}",
    "diagnose": "asked for; {incident.id} will say what comes of it",
}


class CommandListener:
    """Takes in what the broker brings; `run` obeys it."""

    def __init__(
        self, *, broker: MqttConnection, wishes: CommandService, per_minute: int = PER_MINUTE
    ) -> None:
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
            self._waiting.put_nowait(replace(message, payload=message.payload[: LONGEST + 1]))
        except asyncio.QueueFull:
            self._dropped += 1

    async def _serve(self, message: Message) -> None:
        command = connection.slug(message.topic.rpartition("/")[2])
        where, by = message.response_topic, ""
        try:
            request = read(command, message.payload)
        except ValueError as error:
            answer = Answer(command=command, ok=False, message=str(error))
        else:
            where, by = where or request.response_topic, request.by
            answer = await self._answer(command, request, where)
        log.info("command over MQTT", command=command, by=by, ok=answer.ok, answer=answer.message)
        await self._reply(where, answer, message.correlation)

    async def _answer(self, command: str, request: OfIncident | Silence, where: str) -> Answer:
        prefix = self._broker.prefix
        if where and not connection.takes_answers(prefix, where):
            said = (
                f"{where[:100]} is no response topic: name one without wildcards, outside of"
                f" {prefix}/ or below {connection.answers_topic(prefix)}/"
            )
            return Answer(command=command, id=request.id, ok=False, message=said)
        try:
            return await self._obey(command, request)
        except (CommandRejectedError, model.TemporaryError) as error:
            return Answer(command=command, id=request.id, ok=False, message=str(error))

    async def _obey(self, command: str, request: OfIncident | Silence) -> Answer:
        ticket = f"mqtt/{request.by}/{request.id}" if request.id else ""
        match request:
            case Silence():
                silence = await self._desk.silence(
                    request.fitting,
                    length=request.length,
                    by=request.by,
                    comment=request.comment,
                    ticket=ticket,
                )
                return Answer(
                    command=command,
                    id=request.id,
                    ok=True,
                    message=f"{silence.id} until {model.format_timestamp(silence.end)}",
                    silence=silence.id,
                )
            case OfIncident():
                incident = await self._desk.act(
                    request.incident, command, request.by, ticket=ticket
                )
                return Answer(
                    command=command,
                    id=request.id,
                    ok=True,
                    message=_DONE[command].format(incident=incident),
                    incident=incident.id,
                )

    async def _reply(self, where: str, answer: Answer, correlation: bytes | None) -> None:
        prefix = self._broker.prefix
        try:
            await self._broker.publish(
                where
                if connection.takes_answers(prefix, where)
                else connection.answers_topic(prefix),
                msgspec.json.encode(answer),
                retain=False,
                expiry=ANSWER_SECONDS,
                content_type="application/json",
                correlation=correlation,
            )
        except model.WatcherError as error:
            log.warning("command not answered", command=answer.command, error=str(error))


LONGEST = 4_096  # bytes of a payload
LONGEST_SILENCE = timedelta(days=30)

_ONE_LINE = r"^[^\x00-\x1f\x7f]+$"
Word = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=_ONE_LINE)]
Sentence = Annotated[str, msgspec.Meta(max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every command says: who wants it, which wish it is, where the answer goes."""

    by: Word
    id: Word = ""
    response_topic: Word = ""


class OfIncident(Request, frozen=True, kw_only=True):
    """`ack` and `diagnose`."""

    incident: Word


class Silence(Request, frozen=True, kw_only=True):
    """`silence`: matchers as on the command line, all of which must fit; `for` is a span."""

    matchers: Annotated[tuple[Word, ...], msgspec.Meta(min_length=1, max_length=20)]
    for_: Word = msgspec.field(default="1h", name="for")
    comment: Sentence = ""

    def __post_init__(self) -> None:
        """Raise ValueError for what is no matcher, no duration, or too long."""
        _ = self.fitting
        try:
            too_long = self.length > LONGEST_SILENCE
        except OverflowError:
            too_long = True
        if too_long:
            raise ValueError(f"a silence lasts at most {LONGEST_SILENCE.days} days")

    @property
    def fitting(self) -> tuple[model.Matcher, ...]:
        """The matchers, read."""
        return tuple(map(model.parse_matcher, self.matchers))

    @property
    def length(self) -> timedelta:
        """How long it lasts."""
        return model.parse_duration(self.for_)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a command: `message` is a sentence, and `id` that of the request."""

    command: str
    ok: bool
    message: str
    id: str = ""
    incident: str | None = None
    silence: str | None = None


FORMS: Mapping[str, type[OfIncident | Silence]] = {
    "ack": OfIncident,
    "silence": Silence,
    "diagnose": OfIncident,
}
TOPICS: Mapping[str, type[msgspec.Struct]] = {
    **{f"PREFIX/commands/{name}": form for name, form in FORMS.items()},
    "PREFIX/answers": Answer,
}


def read(command: str, payload: bytes) -> OfIncident | Silence:
    """Read a command's payload. Raises ValueError in words for its sender."""
    form = FORMS.get(command)
    if form is None:
        raise ValueError(f"there is no command {command}, but {', '.join(FORMS)}")
    if len(payload) > LONGEST:
        raise ValueError(f"a command has at most {LONGEST} bytes")
    try:
        return msgspec.json.decode(payload, type=form)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"this is no command {command}: {error}") from error
