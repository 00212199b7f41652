"""What happens on a connection once the broker has accepted it, until it is lost.

First the client id is claimed and `online` published; then everything that is retained, each part
by itself, so that one refused topic stops none of the others; then what changes.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog
from msgspec import Struct

from watcher import model
from watcher.clock import Clock, token
from watcher.operations import documents
from watcher.receivers.mqtt import topics
from watcher.receivers.mqtt.broker import errors, reconnect
from watcher.receivers.mqtt.broker.client import OFFLINE, ONLINE, Client, Message
from watcher.receivers.mqtt.broker.publisher import Publisher

log = structlog.get_logger()

CLAIM_SECONDS = 2.0  # how long a retained claim takes to arrive
ECHO_SECONDS = 10.0  # until our own `online` should have come back
AGAIN_SECONDS = 30.0  # until what failed after a connect is tried again
SOON_SECONDS = 1.0  # between two publishes of a list that keeps changing
SOON_FACTOR = 20.0  # and at least this many times what the last one took
REFRESH_SECONDS = 300.0  # how often retained documents are published although they are the same

VALID = timedelta(minutes=15)  # how long a source's health may be trusted: it is refreshed sooner

ConnectHandler = Callable[[], Awaitable[None]]
CommandHandler = Callable[[Message], None]


class _Retained(Struct, frozen=True):
    """What a topic holds, and how long it may hold it without being published again."""

    render: Callable[[], bytes]
    expiry: timedelta | None


class Session:
    """The part of a connection that publishes what is retained, and reads a little back."""

    def __init__(
        self,
        publisher: Publisher,
        *,
        opened: Callable[[Client], None],
        instance: str,
        client_id: str,
        clock: Clock,
        index: topics.Index,
    ) -> None:
        self.connect_handlers: list[ConnectHandler] = []
        self.command_handler: CommandHandler | None = None
        self.on_lead: Callable[[], None] = lambda: None  # once this daemon is announced as leader
        self.rival = ""  # the instance that has claimed our client id
        self._publisher = publisher
        self._opened = opened  # lets everybody publish
        self._instance = instance
        self._clock = clock
        self._presence = topics.presence(publisher.prefix, instance)
        self._claims = topics.client(publisher.prefix, client_id)
        self._claim = reconnect.ClientClaim(client_id, instance, token())
        self._claim_arrived = asyncio.Event()
        self._index = index
        self._index_arrived = False  # if there is one
        self._echo_due: float | None = None  # when our `online` should have come back
        self._unseen = False  # it has not
        self._denied = False  # somebody has said that we are not there: a late will, or a leader
        self._health: dict[str, model.SourceHealth] = {}
        self._retained: dict[str, _Retained] = {}  # by topic
        self._unsent: set[str] = set()
        self._sent_at = 0.0  # all of it, for the last time
        self._lists: set[ConnectHandler] = set()  # what was ever published soon
        self._soon: set[ConnectHandler] = set()
        self._soon_wakeup = asyncio.Event()
        self._wakeup = asyncio.Event()
        self._is_leader = self._leader_announced = False

    def become_leader(self) -> None:
        """Announce from now on that this daemon is the leader."""
        self._is_leader = True
        self._wakeup.set()

    def publish_source(self, health: model.SourceHealth) -> None:
        """Publish a source's health soon."""
        self._health[health.source] = health
        topic = topics.source(self._publisher.prefix, health.source)
        self.retain(topic, lambda: self._render(health), expiry=VALID)

    def _render(self, health: model.SourceHealth) -> bytes:
        at = self._clock.now()
        return documents.published_source(
            health, instance=self._instance, at=at, valid=VALID
        ).encode()

    def refresh(self) -> None:
        """Publish everything again that is retained here, because somebody said otherwise."""
        self._unsent = set(self._retained)
        self._wakeup.set()

    def retain(
        self, topic: str, render: Callable[[], bytes], *, expiry: timedelta | None = None
    ) -> None:
        """Publish a retained document soon, after every connect, and from time to time."""
        self._retained[topic] = _Retained(render, expiry)
        self._unsent.add(topic)
        self._wakeup.set()

    def publish_soon(self, handle: ConnectHandler) -> None:
        """Call `handle` soon, however often it is asked for."""
        self._lists.add(handle)
        self._soon.add(handle)
        self._soon_wakeup.set()

    def remarks(self) -> tuple[str, ...]:
        """Return in words what cannot be seen of our own messages."""
        if not self._unseen:
            return ()
        remark = (
            f"the broker acknowledged `online` on {self._presence} but does not deliver it: an MQTT"
            " 3.1.1 broker acknowledges what its access rules drop; allow Watcher to publish and"
            f" to read {self._publisher.prefix}/#"
        )
        return (remark,)

    async def serve(self, client: Client) -> None:
        """Publish what is retained, then each change, until the connection is lost."""
        client.handler = self._on_message
        self._leader_announced = False
        await self._claim_client_id(client)
        await self._announce(client)
        self._opened(client)
        soon = asyncio.create_task(self._publish_what_changed(), name="mqtt lists")
        soon.add_done_callback(lambda _: self._wakeup.set())
        try:
            await self._publish_until_lost(client, soon)
        finally:
            soon.cancel()
            await asyncio.gather(soon, return_exceptions=True)

    async def _publish_what_changed(self) -> None:
        while True:
            await self._soon_wakeup.wait()
            self._soon_wakeup.clear()
            started = self._clock.monotonic()
            for handle in list(self._soon):
                self._soon.discard(handle)
                if not await self._greet(handle):
                    await asyncio.sleep(AGAIN_SECONDS)
                    self.publish_soon(handle)
            spent = self._clock.monotonic() - started  # much, where thousands are open
            await asyncio.sleep(max(SOON_SECONDS, spent * SOON_FACTOR))

    async def _publish_until_lost(self, client: Client, soon: asyncio.Task[None]) -> None:
        pending = list(self.connect_handlers)
        self._unsent = set(self._retained)
        while True:
            self._wakeup.clear()
            if soon.done():
                soon.result()  # it ends with what nobody expected alone
            if self._denied:
                self._denied = False
                await self._try_send(client, self._presence, ONLINE)
            if self._is_leader and not self._leader_announced:
                await self._try_send(client, topics.leader(self._publisher.prefix), ONLINE)
                await self._subscribe_commands(client)
                self._leader_announced = True
                self.on_lead()
            if self._leader_announced and self._index_arrived:
                await self._remove_obsolete(client)
            await self._send_retained(client)
            pending = [handle for handle in pending if not await self._greet(handle)]
            self._check_echo()
            await client.wait_for(self._wakeup, seconds=self._seconds_to_next(again=bool(pending)))

    async def close(self, client: Client) -> None:
        """Say that nobody watches here any more. Raises what publishing raises."""
        if self._leader_announced:
            for source, health in self._health.items():
                document = documents.unwatched_source(
                    health, instance=self._instance, at=self._clock.now()
                )
                topic = topics.source(self._publisher.prefix, source)
                await self._try_send(client, topic, document.encode())
            await self._try_send(client, topics.leader(self._publisher.prefix), OFFLINE)
        await self._try_send(client, self._presence, OFFLINE)

    async def _claim_client_id(self, client: Client) -> None:
        """Raise TakenOverError if another daemon has claimed our client id since we did."""
        self.rival = ""
        self._claim_arrived.clear()
        subscribed = await self._publisher.subscribe(
            client,
            self._claims,
            retained=True,
            purpose="or two daemons with one client id are not noticed",
        )
        if subscribed and self._claim.made:
            try:
                await client.wait_for(self._claim_arrived, seconds=CLAIM_SECONDS)
            finally:  # two daemons that wait for a claim that is not there take over in turn
                self._claim.made = self._claim_arrived.is_set()
        self._raise_if_taken_over()
        if await self._try_send(client, self._claims, self._claim.next()):
            self._claim.made = True
        self._raise_if_taken_over()

    def _raise_if_taken_over(self) -> None:
        if self.rival:
            raise errors.TakenOverError(self.rival)

    async def _announce(self, client: Client) -> None:
        """Publish `online`, and see later whether it comes back.

        The index, of which topics an earlier configuration used, arrives before that.
        """
        self._echo_due = None
        self._denied = False
        self._index_arrived = False
        self._retained.pop(self._index.topic, None)
        subscribed = await self._publisher.subscribe(
            client,
            self._presence,
            retained=True,
            purpose="or it is not noticed when messages do not arrive",
        )
        if subscribed:
            self._echo_due = self._clock.monotonic() + ECHO_SECONDS
        await self._publisher.subscribe(
            client, self._index.topic, retained=True, purpose="or topics of what is removed stay"
        )
        if not await self._try_send(client, self._presence, ONLINE):
            self._echo_due = None

    def _check_echo(self) -> None:
        if self._echo_due is None or self._clock.monotonic() < self._echo_due:
            return
        self._echo_due = None
        self._unseen = True
        [remark] = self.remarks()
        log.warning("published, but not delivered", reason=remark)

    def _on_message(self, message: Message) -> None:
        match message.topic:
            case self._presence:
                if message.payload == ONLINE and not message.retained:
                    self._echo_due, self._unseen = None, False
                    self._index_arrived = True
                    self._wakeup.set()
                elif not message.retained:
                    self._denied = True
                    self._wakeup.set()
            case self._claims:
                if not self._claim_arrived.is_set():
                    self.rival = self._claim.rival(message.payload)
                    self._claim_arrived.set()
            case self._index.topic:
                if self._index.read(message.payload):
                    self._wakeup.set()
            case _ if self.command_handler:
                self.command_handler(message)

    async def _greet(self, handle: ConnectHandler) -> bool:
        """Let a receiver publish what is retained; return whether it did."""
        try:
            await handle()
        except model.WatcherError as error:
            log.warning("retained messages not published again", error=str(error))
            return False
        return True

    async def _send_retained(self, client: Client) -> None:
        now = self._clock.monotonic()
        if now - self._sent_at >= REFRESH_SECONDS:
            self._unsent = set(self._retained)
            for handle in self._lists:
                self.publish_soon(handle)
        if self._unsent == set(self._retained):
            self._sent_at = now
        for topic in sorted(self._unsent):
            retained = self._retained[topic]
            with contextlib.suppress(model.PermanentError):  # remembered as refused
                await self._publisher.publish(
                    client,
                    topic,
                    retained.render(),
                    retain=True,
                    expiry=int(retained.expiry.total_seconds()) if retained.expiry else None,
                    content_type="application/json",
                )
            if self._retained[topic] is retained:
                self._unsent.discard(topic)

    async def _subscribe_commands(self, client: Client) -> None:
        if self.command_handler is not None:
            await self._publisher.subscribe(
                client,
                topics.commands(self._publisher.prefix),
                retained=False,
                purpose="or no command is accepted",
            )

    async def _remove_obsolete(self, client: Client) -> None:
        """Take away what is not there any more; the index names it until that is done."""
        if self._index.topic not in self._retained:
            self.retain(self._index.topic, self._index.encode)
        for topic in sorted(self._index.obsolete):
            await self._try_send(client, topic, b"")
            self._index.obsolete.discard(topic)
            self._unsent.add(self._index.topic)

    async def _try_send(self, client: Client, topic: str, payload: bytes) -> bool:
        """Publish something retained; return whether the broker accepts it."""
        try:
            await self._publisher.publish(client, topic, payload, retain=True)
        except model.PermanentError:
            return False  # remembered as refused
        return True

    def _seconds_to_next(self, *, again: bool) -> float | None:
        now = self._clock.monotonic()
        waits = [self._sent_at + REFRESH_SECONDS - now] if self._retained else []
        if self._echo_due is not None:
            waits.append(self._echo_due - now)
        if again or self._unsent:
            waits.append(AGAIN_SECONDS)
        return max(0.1, min(waits)) if waits else None
