"""Commands over MQTT: each is carried out, and answered on its response topic.

Law: commands run one at a time and at a limited rate, and those that come faster are dropped:
nothing that others publish may delay a delivery. Only the leader subscribes, so each command
reaches one daemon; its `id` makes it idempotent.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Mapping
from typing import Annotated

import msgspec
import structlog
from aiolimiter import AsyncLimiter
from msgspec.structs import replace

from watcher import model, text
from watcher.operations.commands import (
    CommandRejectedError,
    CommandService,
    ConfirmationNeededError,
)
from watcher.operations.silences import (
    SilenceRequest,
    describe_end,
    parse_time,
    parse_until,
)
from watcher.receivers.mqtt import topics
from watcher.receivers.mqtt.broker.client import Message
from watcher.receivers.mqtt.broker.connection import MqttConnection

log = structlog.get_logger()

MOST_WAITING = 100
PER_MINUTE = 120
MOST_LOST = 3  # answers on response topics; then all go to PREFIX/answers until the next start
ANSWER_SECONDS = 300  # how long the broker keeps an answer that nobody has read

_DONE = {
    "ack": "{incident.id} is {incident.status}",
    "unack": "{incident.id} is {incident.status}",
    "resolve": "{incident.id} is {incident.status}",
    "note": "noted in {incident.id}",
    "ticket": "ticket {number} is recorded in {incident.id}",
    "diagnose": "diagnostics requested; the result will be in {incident.id}",
}


class CommandListener:
    """Queues the commands that arrive; `run` carries them out."""

    def __init__(
        self,
        *,
        connection: MqttConnection,
        commands: CommandService,
        token: str = "",
        per_minute: int = PER_MINUTE,
    ) -> None:
        self._connection = connection
        self._publisher = connection.publisher
        self._token = token.encode()
        self._commands = commands
        self._rate_limit = AsyncLimiter(per_minute, 60)
        self._waiting: asyncio.Queue[Message] = asyncio.Queue(MOST_WAITING)
        self._dropped = 0
        self._lost = 0  # answers in a row during which the broker closed the connection
        self._acquittals = 0  # of the broker's topics, when the last of them was lost
        connection.on_command(self._accept)

    async def run(self) -> None:
        """Carry out and answer commands, until cancelled."""
        while True:
            message = await self._waiting.get()
            async with self._rate_limit:
                await self._handle(message)
            if self._dropped and self._waiting.empty():
                log.warning("too many MQTT commands", dropped=self._dropped)
                self._dropped = 0

    def _accept(self, message: Message) -> None:
        if message.retained:
            return  # from some other time
        try:
            self._waiting.put_nowait(replace(message, payload=message.payload[: LONGEST + 1]))
        except asyncio.QueueFull:
            self._dropped += 1

    async def _handle(self, message: Message) -> None:
        command = topics.slug(message.topic.rpartition("/")[2])
        topic, by = message.response_topic, ""
        try:
            request = parse_request(command, message.payload)
            self._check_token(request)
        except ValueError as error:  # a stranger may not say where it is answered
            topic = "" if self._token else topic
            answer = Answer(command=command, ok=False, message=str(error))
        else:
            topic, by = topic or request.response_topic, request.by
            answer = await self._answer(command, request, topic)
        log.info("MQTT command", command=command, by=by, ok=answer.ok, answer=answer.message)
        await self._publish_answer(topic, answer, message.correlation)

    def _check_token(self, request: AnyRequest) -> None:
        """Raise ValueError unless the request has the token, where there is one."""
        if self._token and not hmac.compare_digest(self._token, request.token.encode()):
            raise ValueError("`token` is missing or wrong")

    async def _answer(self, command: str, request: AnyRequest, topic: str) -> Answer:
        prefix = self._connection.prefix
        if topic and not topics.accepts_answers(prefix, topic):
            refusal = (
                f"{text.clean(topic, 100)} is not a valid response topic: name one of at most 200"
                " bytes, without wildcards, spaces and control characters, outside of"
                f" {prefix}/ or below {topics.answers(prefix)}/"
            )
            return Answer(command=command, id=request.id, ok=False, message=refusal)
        try:
            return await self._carry_out(command, request)
        except ConfirmationNeededError as error:
            hint = f"{error}: send it again with `confirmed`: true"
            return Answer(command=command, id=request.id, ok=False, message=hint)
        except (CommandRejectedError, model.TemporaryError) as error:
            return Answer(command=command, id=request.id, ok=False, message=str(error))

    async def _carry_out(self, command: str, request: AnyRequest) -> Answer:
        idempotency_key = f"mqtt/{request.by}/{request.id}" if request.id else ""
        match request:
            case Silence():
                plan = await self._commands.silence(request.wanted, idempotency_key=idempotency_key)
                notes = "".join(f"; {line}" for line in plan.preview.unknown)
                return Answer(
                    command=command,
                    id=request.id,
                    ok=True,
                    message=f"{plan.silence.id} {describe_end(plan.silence)},"
                    f" {plan.preview}{notes}",
                    silence=plan.silence.id,
                )
            case Expire():
                await self._commands.expire_silence(
                    request.silence, request.by, idempotency_key=idempotency_key
                )
                return Answer(
                    command=command,
                    id=request.id,
                    ok=True,
                    message=f"{request.silence} has ended",
                    silence=request.silence,
                )
            case _:
                incident = await self._act(command, request, idempotency_key)
                return Answer(
                    command=command,
                    id=request.id,
                    ok=True,
                    message=_DONE[command].format(
                        incident=incident, number=incident.ticket.number if incident.ticket else ""
                    ),
                    incident=incident.id,
                )

    async def _act(
        self, command: str, request: OfIncident | Resolve | Note | OnTicket, idempotency_key: str
    ) -> model.Incident:
        """Do something with an incident; return it as it is then."""
        match request:
            case Resolve():
                return await self._commands.resolve(
                    request.incident,
                    request.by,
                    text=request.text,
                    idempotency_key=idempotency_key,
                )
            case Note():
                return await self._commands.add_note(
                    request.incident, request.text, request.by, idempotency_key=idempotency_key
                )
            case OnTicket():
                return await self._commands.record_ticket(
                    request.incident,
                    request.by,
                    number=request.number,
                    url=request.url,
                    state=request.state,
                    idempotency_key=idempotency_key,
                )
            case OfIncident():
                return await self._commands.act(
                    request.incident, command, request.by, idempotency_key=idempotency_key
                )

    async def _publish_answer(self, topic: str, answer: Answer, correlation: bytes | None) -> None:
        """Publish on the response topic, unless several of them have cost the connection."""
        prefix = self._connection.prefix
        own = topics.answers(prefix)
        named = topics.accepts_answers(prefix, topic) and self._lost < MOST_LOST
        try:
            await self._connection.publish(
                topic if named else own,
                msgspec.json.encode(answer),
                retain=False,
                expiry=ANSWER_SECONDS,
                content_type="application/json",
                correlation=correlation,
            )
            self._lost = 0 if named else self._lost
        except model.WatcherError as error:
            if named and isinstance(error, model.AmbiguousError):
                acquittals = self._publisher.limits.acquittals
                self._lost = self._lost + 1 if acquittals == self._acquittals else 1
                self._acquittals = acquittals
                if self._lost == MOST_LOST:
                    log.warning("response topics are ignored from now on", answers=own)
            log.warning("MQTT command not answered", command=answer.command, error=str(error))


LONGEST = 4_096  # bytes of a payload

_ONE_LINE = r"^[^\x00-\x1f\x7f]+$"
Word = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=_ONE_LINE)]
Sentence = Annotated[str, msgspec.Meta(max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]


Matchers = Annotated[tuple[Word, ...], msgspec.Meta(max_length=20)]


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every command has: who sends it, its id, where the answer goes, the shared token."""

    by: Word
    id: Word = ""
    token: Annotated[str, msgspec.Meta(max_length=500)] = ""
    response_topic: Word = ""


class OfIncident(Request, frozen=True, kw_only=True):
    """`ack`, `unack` and `diagnose`."""

    incident: Word


class Resolve(Request, frozen=True, kw_only=True):
    """`resolve`: closes an incident; `text` is the reason."""

    incident: Word
    text: Sentence = ""


class Note(Request, frozen=True, kw_only=True):
    """`note`: adds a sentence to an incident's timeline."""

    incident: Word
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=2_000)]


class Silence(Request, frozen=True, kw_only=True):
    """`silence`: matchers as on the command line, or an `incident`; `for` is a duration.

    All matchers of a set must match; each of `or_matchers` is another set. `from` and `until` are
    times with their zone, `until` perhaps `resolved` or `ended`. `confirmed` is needed where the
    silence matches everything, or lasts longer than `[silences] longest`.
    """

    matchers: Matchers = ()
    or_matchers: Annotated[tuple[Matchers, ...], msgspec.Meta(max_length=20)] = ()
    for_: Annotated[str, msgspec.Meta(max_length=100)] = msgspec.field(default="", name="for")
    from_: Annotated[str, msgspec.Meta(max_length=100)] = msgspec.field(default="", name="from")
    until: Annotated[str, msgspec.Meta(max_length=100)] = ""
    incident: Annotated[str, msgspec.Meta(max_length=100)] = ""
    comment: Sentence = ""
    ticket: Sentence = ""
    confirmed: bool = False

    def __post_init__(self) -> None:
        """Raise ValueError for a matcher, time or duration that cannot be parsed."""
        if not (self.matchers or self.or_matchers or self.incident):
            raise ValueError("name `matchers` or an `incident`")
        _ = self.wanted

    @property
    def wanted(self) -> SilenceRequest:
        """The same, as CommandService takes it."""
        until, end = parse_until(self.until) if self.until else (None, None)
        length = self.for_ or ("" if self.until else "1h")
        written = (self.matchers, *self.or_matchers) if self.matchers else self.or_matchers
        return SilenceRequest(
            by=self.by,
            sets=tuple(tuple(map(model.parse_matcher, matchers)) for matchers in written),
            begin=parse_time(self.from_) if self.from_ else None,
            length=model.parse_duration(length) if length else None,
            end=end,
            until=until,
            incident=self.incident,
            comment=self.comment,
            ticket=self.ticket,
            confirmed=self.confirmed,
        )


class OnTicket(Request, frozen=True, kw_only=True):
    """`ticket`: the carrier's ticket about an incident, or where it stands."""

    incident: Word
    number: Annotated[str, msgspec.Meta(max_length=80, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    url: Sentence = ""
    state: model.TicketState | None = None


class Expire(Request, frozen=True, kw_only=True):
    """`unsilence`, or `expire` as in earlier versions: ends a silence."""

    silence: Word


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a command: `message` is a sentence, and `id` that of the request."""

    command: str
    ok: bool
    message: str
    id: str = ""
    incident: str | None = None
    silence: str | None = None


AnyRequest = OfIncident | Resolve | Note | Silence | Expire | OnTicket

REQUESTS: Mapping[str, type[AnyRequest]] = {
    "ack": OfIncident,
    "unack": OfIncident,
    "resolve": Resolve,
    "note": Note,
    "silence": Silence,
    "unsilence": Expire,
    "expire": Expire,
    "diagnose": OfIncident,
    "ticket": OnTicket,
}
TOPICS: Mapping[str, type[msgspec.Struct]] = {
    **{f"PREFIX/commands/{name}": request_type for name, request_type in REQUESTS.items()},
    "PREFIX/answers": Answer,
}


def parse_request(command: str, payload: bytes) -> AnyRequest:
    """Parse a command's payload. Raises ValueError with a sentence for its sender."""
    request_type = REQUESTS.get(command)
    if request_type is None:
        raise ValueError(f"unknown command {command}: expected {', '.join(REQUESTS)}")
    if len(payload) > LONGEST:
        raise ValueError(f"a command has at most {LONGEST} bytes")
    try:
        return msgspec.json.decode(payload, type=request_type)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"invalid {command} command: {error}") from error
