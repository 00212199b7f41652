"""Slack's Socket Mode: what people press and type reaches the app through a socket that it opened.

POST /_sim/press presses a button of a message as a person would (`channel`, `ts`, `action_id`, and
perhaps `user`, `name`, `times`); POST /_sim/command types a slash command (`command`, `text`);
POST /_sim/disconnect ends the sockets, after a warning unless `warn` is false;
GET /_sim/whispers lists what only one person was shown.
Source: docs.slack.dev, Socket Mode, block_actions payloads and slash commands. Not documented
there: an envelope goes to the newest socket.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from typing import Any

from aiohttp import WSMsgType, web

from watcher.simulator.slack import arguments, workspace
from watcher.simulator.slack.workspace import Message, Workspace

LINK, RESPOND = "/slack/link", "/slack/respond"
ACKNOWLEDGED_WITHIN = 3.0  # seconds; then people see that it failed
_MOST_REPLIES = 5  # by one response_url


class SocketMode:
    """The sockets of one app; `sockets` are those that are open, oldest first."""

    def __init__(self, space: Workspace) -> None:
        self.sockets: list[web.WebSocketResponse] = []
        self._space = space
        self._count = 0
        self._tickets: set[str] = set()
        self._unacknowledged: dict[str, asyncio.Event] = {}
        self._response_urls: dict[str, dict[str, Any]] = {}  # by the last part of a response_url

    def add_routes(self, app: web.Application) -> None:
        """Serve sockets, response_urls, and the endpoints under /_sim."""
        app.router.add_get(f"{LINK}/{{ticket}}", self.link)
        app.router.add_post(f"{RESPOND}/{{id}}", self.respond, name="slack.respond")
        app.router.add_post("/_sim/press", self.press)
        app.router.add_post("/_sim/command", self.command)
        app.router.add_post("/_sim/disconnect", self.disconnect)
        app.router.add_get("/_sim/whispers", self.ephemeral_messages)

    def address(self, request: web.Request) -> str:
        """Return the address of a new socket; it opens once."""
        ticket = self._name("ticket")
        self._tickets.add(ticket)
        return f"ws://{request.host}{LINK}/{ticket}"

    async def link(self, request: web.Request) -> web.StreamResponse:
        """Serve one socket until either side closes it."""
        ticket = request.match_info["ticket"]
        if ticket not in self._tickets:
            return web.Response(status=403)
        self._tickets.remove(ticket)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        try:
            await socket.send_json({"type": "hello", "num_connections": len(self.sockets)})
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    waiting = self._unacknowledged.get(message.json().get("envelope_id", ""))
                    if waiting:
                        waiting.set()
        finally:
            self.sockets.remove(socket)
        return socket

    async def press(self, request: web.Request) -> web.Response:
        """Press a button of a message; 404 when there is no such button."""
        body = await request.json()
        user, name = _who(body)
        channel = body.get("channel", "")
        message = self._space.find(channel, body.get("ts", ""))
        button = next(
            (item for item in _buttons(message or {}) if item["action_id"] == body["action_id"]),
            None,
        )
        if message is None or button is None:
            return web.json_response({"error": "there is no such button"}, status=404)
        payload = {
            "type": "block_actions",
            "user": {"id": user, "username": name, "name": name, "team_id": workspace.TEAM},
            "container": {
                "type": "message",
                "message_ts": message["ts"],
                "channel_id": channel,
                "is_ephemeral": False,
            },
            "team": {"id": workspace.TEAM},
            "channel": {"id": channel, "name": self._space.config.channels[channel].name},
            "message": {key: value for key, value in message.items() if key != "root"},
            "actions": [
                {
                    key: button[key]
                    for key in ("action_id", "text", "type", "value")
                    if key in button
                }
            ],
            "response_url": self._response_url(request, channel, user),
        }
        return await self._deliver("interactive", payload, times=body.get("times", 1))

    async def command(self, request: web.Request) -> web.Response:
        """Type a slash command."""
        body = await request.json()
        user, name = _who(body)
        channel = body.get("channel") or next(iter(self._space.config.channels))
        payload = {
            "command": body["command"],
            "text": body.get("text", ""),
            "user_id": user,
            "user_name": name,
            "channel_id": channel,
            "team_id": workspace.TEAM,
            "response_url": self._response_url(request, channel, user),
        }
        return await self._deliver("slash_commands", payload, times=1)

    async def disconnect(self, request: web.Request) -> web.Response:
        """Close every socket: with Slack's warning, or without."""
        warn = (await request.json()).get("warn", True)
        for socket in list(self.sockets):
            if warn:
                await socket.send_json({"type": "disconnect", "reason": "refresh_requested"})
            else:
                await socket.close()
        return web.json_response({"sockets": len(self.sockets)})

    async def ephemeral_messages(self, _: web.Request) -> web.Response:
        """Return what only one person was shown, oldest first."""
        return web.json_response({"whispers": self._space.ephemeral_messages})

    async def respond(self, request: web.Request) -> web.Response:
        """Accept what the app answers to a press or a command."""
        target = self._response_urls.get(request.match_info["id"])
        if target is None:
            return web.Response(status=404, text="no_url")
        target["used"] += 1
        if target["used"] > _MOST_REPLIES:
            return web.Response(status=404, text="used_url")
        parsed = await arguments.parse_arguments(request)
        try:
            content = arguments.parse_content(parsed)
        except arguments.SlackError as error:
            return web.Response(status=400, text=error.error)
        if parsed.get("thread_ts"):
            content["thread_ts"] = parsed["thread_ts"]
        if parsed.get("response_type") == "in_channel":
            self._space.post(target["channel"], content)
        else:
            self._space.post_ephemeral(target["channel"], target["user"], content)
        return web.Response(text="ok")

    async def _deliver(self, kind: str, payload: dict[str, Any], *, times: int) -> web.Response:
        """Send an envelope, `times` times; return whether it was acknowledged in time."""
        if not self.sockets:
            return web.json_response({"acknowledged": False, "error": "no socket is open"})
        envelope = self._name("envelope")
        acknowledged = self._unacknowledged[envelope] = asyncio.Event()
        message = {"envelope_id": envelope, "type": kind, "payload": payload}
        try:
            for _ in range(times):
                await self.sockets[-1].send_json(message | {"accepts_response_payload": True})
            await asyncio.wait_for(acknowledged.wait(), ACKNOWLEDGED_WITHIN)
        except (TimeoutError, ConnectionError):
            return web.json_response({"acknowledged": False, "error": "no answer within 3 s"})
        finally:
            del self._unacknowledged[envelope]
        return web.json_response({"acknowledged": True})

    def _response_url(self, request: web.Request, channel: str, user: str) -> str:
        name = self._name("answer")
        self._response_urls[name] = {"channel": channel, "user": user, "used": 0}
        return f"{request.url.origin()}{RESPOND}/{name}"

    def _name(self, kind: str) -> str:
        self._count += 1
        return hashlib.sha256(f"{kind}/{self._count}".encode()).hexdigest()[:16]


def _who(body: dict[str, Any]) -> tuple[str, str]:
    return body.get("user", "U0SOMEBODY"), body.get("name", "somebody")


def _buttons(message: Message) -> Iterator[dict[str, Any]]:
    for block in message.get("blocks") or ():
        if block.get("type") == "actions":
            yield from (item for item in block["elements"] if item.get("type") == "button")
