"""`PREFIX/status`: whether any daemon watches, also when the one that did is gone without a word.

A connection has one last will, and that of MqttConnection speaks for the daemon, on
`PREFIX/status/INSTANCE`. So the leader keeps a second connection whose will speaks for all of them.
A will may come late, after a line was cut for a minute and another daemon has taken over: a leader
reads the topic and says `online` again. Where the broker refuses the second connection,
everything else works, and that is a remark.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import aiomqtt
import structlog

from watcher.receivers import settings as receiver_settings
from watcher.receivers.mqtt import topics
from watcher.receivers.mqtt.broker import client as mqtt_client
from watcher.receivers.mqtt.broker import errors, reconnect
from watcher.receivers.mqtt.broker.client import OFFLINE, ONLINE, Message

log = structlog.get_logger()


class LeaderPresence:
    """Says `online` while this daemon leads; `reasserted`: after somebody said otherwise."""

    def __init__(
        self,
        *,
        settings: receiver_settings.Mqtt,
        client_id: str,
        reasserted: Callable[[], None],
        build_client: mqtt_client.BuildClient = mqtt_client.build,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._settings = settings
        self._client_id = f"{client_id}-leader"
        self._topic = topics.leader(settings.topic_prefix)
        self._reasserted = reasserted
        self._build_client = build_client
        self._jitter = jitter
        self._begin = asyncio.Event()
        self._denied = asyncio.Event()  # somebody said `offline`
        self._error = ""

    def begin(self) -> None:
        """Speak for all daemons from now on."""
        self._begin.set()

    def remarks(self) -> tuple[str, ...]:
        """Return in words why the topic would stay `online` after a crash."""
        if not self._error:
            return ()
        remark = (
            f"{self._topic} would stay `online` after a crash: the broker does not accept the"
            f" client id {self._client_id} ({self._error})"
        )
        return (remark,)

    async def run(self) -> None:
        """Keep the will at the broker, from `begin` until cancelled."""
        await self._begin.wait()
        failures = 0
        while True:
            try:
                client = self._build_client(self._settings, self._client_id, will=self._topic)
                async with client:
                    failures = 0
                    await self._speak(client)
            except (aiomqtt.MqttError, OSError) as error:
                failures += 1
                reason = errors.words_of(error)
                self._error = reason if errors.is_permanent(error) else ""
                log.debug("leader connection lost", error=reason)
            await asyncio.sleep(reconnect.BACKOFF.delay(max(1, failures), self._jitter()))

    async def _speak(self, client: mqtt_client.Client) -> None:
        client.handler = self._notice
        self._denied.clear()
        await client.publish_and_wait(self._topic, ONLINE, retain=True)
        await client.subscribe_and_wait(self._topic)
        self._error = ""
        while True:
            await client.wait_for(self._denied, seconds=None)
            self._denied.clear()
            await client.publish_and_wait(self._topic, ONLINE, retain=True)
            self._reasserted()

    def _notice(self, message: Message) -> None:
        if message.payload == OFFLINE:
            self._denied.set()
