"""Slack's end of Socket Mode: which daemons have a socket open, and what comes through it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp

from tests.year.faults import SlackFault
from tests.year.loop import OWNER
from tests.year.world import World

ADDRESS = "wss://slack.invalid/link"


class Sockets:
    """The sockets that are open, the newest last."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._open: list[Socket] = []
        self.answers: dict[str, Any] = {}  # to forms, by the envelope's id

    async def connect(self, _: str, **__: Any) -> Socket:
        """Open one for the daemon that asks."""
        await self._world.travel()
        fault = self._world.spoilt(SlackFault)
        if fault is not None and fault.kind == "down":
            raise aiohttp.ClientConnectionError
        socket = Socket(self, OWNER.get())
        self._open.append(socket)
        socket.put({"type": "hello"})
        return socket

    def send(self, envelope: dict[str, Any]) -> bool:
        """Send an envelope through one of them; return whether there was one."""
        if not self._open:
            return False
        self._world.chance.choice(self._open).put(envelope)
        return True

    def close(self, socket: Socket) -> None:
        """Forget a socket."""
        if socket in self._open:
            self._open.remove(socket)

    def lose(self, owner: object) -> None:
        """Forget those of a daemon that has died."""
        self._open = [socket for socket in self._open if socket.owner is not owner]


class Socket:
    """One connection, as far as aiohttp's is used."""

    def __init__(self, sockets: Sockets, owner: object) -> None:
        self.owner = owner
        self._sockets = sockets
        self._waiting: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def put(self, envelope: dict[str, Any]) -> None:
        """Let an envelope arrive."""
        self._waiting.put_nowait(envelope)

    def __aiter__(self) -> Socket:
        return self

    async def __anext__(self) -> aiohttp.WSMessage:
        text = json.dumps(await self._waiting.get())
        return aiohttp.WSMessage(aiohttp.WSMsgType.TEXT, text, "")

    async def send_json(self, acknowledgement: dict[str, Any]) -> None:
        """Take an acknowledgement; that of a form may say what to show in its place."""
        if "payload" in acknowledgement:
            self._sockets.answers[acknowledgement["envelope_id"]] = acknowledgement["payload"]

    async def close(self) -> None:
        """Close it."""
        self._sockets.close(self)
