"""Slack's Socket Mode: what people press and type reaches the app through a socket that it opened.

POST /_sim/press presses a button of a message as a person would (`channel`, `ts`, `action_id`, and
perhaps `user`, `name`, `times`), or chooses an option of a menu (its `value`); POST /_sim/command
types a slash command (`command`, `text`); POST /_sim/submit sends off the modal that a person has
in front (`user`, `name`, `values` by block), POST /_sim/close closes it, GET /_sim/views shows it;
POST /_sim/disconnect ends the sockets, after a warning unless `warn` is false;
GET /_sim/whispers lists what only one person was shown.
Source: docs.slack.dev, Socket Mode, block_actions payloads and slash commands. Not documented
there: an envelope goes to the newest socket.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

from aiohttp import WSMsgType, web

from watcher.simulator.slack import arguments, modals, workspace
from watcher.simulator.slack.modals import Modals
from watcher.simulator.slack.workspace import Message, Workspace

LINK, RESPOND = "/slack/link", "/slack/respond"
ACKNOWLEDGED_WITHIN = 3.0  # seconds; then people see that it failed
_MOST_REPLIES = 5  # by one response_url


class SocketMode:
    """The sockets of one app; `sockets` are those that are open, oldest first."""

    def __init__(self, space: Workspace, modals: Modals) -> None:
        self.sockets: list[web.WebSocketResponse] = []
        self._space = space
        self._modals = modals
        self._count = 0
        self._tickets: set[str] = set()
        self._unacknowledged: dict[str, asyncio.Future[Any]] = {}
        self._response_urls: dict[str, dict[str, Any]] = {}  # by the last part of a response_url

    def add_routes(self, app: web.Application) -> None:
        """Serve sockets, response_urls, and the endpoints under /_sim."""
        app.router.add_get(f"{LINK}/{{ticket}}", self.link)
        app.router.add_post(f"{RESPOND}/{{id}}", self.respond, name="slack.respond")
        app.router.add_post("/_sim/press", self.press)
        app.router.add_post("/_sim/command", self.command)
        app.router.add_post("/_sim/submit", self.submit)
        app.router.add_post("/_sim/close", self.close)
        app.router.add_get("/_sim/views", self.views)
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
                    answer = message.json()
                    waiting = self._unacknowledged.get(answer.get("envelope_id", ""))
                    if waiting and not waiting.done():
                        waiting.set_result(answer.get("payload"))
        finally:
            self.sockets.remove(socket)
        return socket

    async def press(self, request: web.Request) -> web.Response:
        """Press a button of a message; 404 when there is no such button."""
        body = await request.json()
        user, name = _who(body)
        channel = body.get("channel", "")
        message = self._space.find(channel, body.get("ts", ""))
        pressed = _pressed(message or {}, body["action_id"], body.get("value", ""))
        if message is None or pressed is None:
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
            "actions": [pressed],
            "trigger_id": self._modals.trigger(user),
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
            "trigger_id": self._modals.trigger(user),
            "response_url": self._response_url(request, channel, user),
        }
        return await self._deliver("slash_commands", payload, times=1)

    async def views(self, _: web.Request) -> web.Response:
        """Return the open modals, by person."""
        return web.json_response({"views": self._modals.open})

    async def submit(self, request: web.Request) -> web.Response:
        """Send off the modal in front; return the errors that it then shows, by block."""
        body = await request.json()
        user, name = _who(body)
        view, values = self._modals.front(user), body.get("values", {})
        if view is None:
            return web.json_response({"error": "there is no modal"}, status=404)
        if absent := modals.missing(view, values):
            return web.json_response({"acknowledged": False, "errors": absent})
        payload = self._modals.submission(user, name, values)
        result = await self._send("interactive", payload, times=body.get("times", 1))
        if not result["acknowledged"]:
            return web.json_response(result)
        try:
            errors = self._modals.answer(user, result["payload"])
        except arguments.SlackError as error:
            return web.json_response({"acknowledged": False, "error": f"{error.messages}"})
        return web.json_response({"acknowledged": True, "errors": errors})

    async def close(self, request: web.Request) -> web.Response:
        """Close the modal in front, as a person would by its cross."""
        self._modals.close(_who(await request.json())[0])
        return web.json_response({"closed": True})

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
        result = await self._send(kind, payload, times=times)
        result.pop("payload", None)
        return web.json_response(result)

    async def _send(self, kind: str, payload: dict[str, Any], *, times: int) -> dict[str, Any]:
        """Send an envelope, and return with what it was acknowledged, if it was in time."""
        if not self.sockets:
            return {"acknowledged": False, "error": "no socket is open"}
        envelope = self._name("envelope")
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._unacknowledged[envelope] = answer
        message = {"envelope_id": envelope, "type": kind, "payload": payload}
        try:
            for _ in range(times):
                await self.sockets[-1].send_json(message | {"accepts_response_payload": True})
            received = await asyncio.wait_for(answer, ACKNOWLEDGED_WITHIN)
        except (TimeoutError, ConnectionError):
            return {"acknowledged": False, "error": "no answer within 3 s"}
        finally:
            del self._unacknowledged[envelope]
        return {"acknowledged": True, "payload": received}

    def _response_url(self, request: web.Request, channel: str, user: str) -> str:
        name = self._name("answer")
        self._response_urls[name] = {"channel": channel, "user": user, "used": 0}
        return f"{request.url.origin()}{RESPOND}/{name}"

    def _name(self, kind: str) -> str:
        self._count += 1
        return hashlib.sha256(f"{kind}/{self._count}".encode()).hexdigest()[:16]


def _who(body: dict[str, Any]) -> tuple[str, str]:
    return body.get("user", "U0SOMEBODY"), body.get("name", "somebody")


def _pressed(message: Message, action: str, value: str) -> dict[str, Any] | None:
    """Return a button as its press sends it, or a menu with the option of that value."""
    for block in message.get("blocks") or ():
        for element in block.get("elements") or () if block.get("type") == "actions" else ():
            if element.get("action_id") != action:
                continue
            kept = ("action_id", "text", "type", "value")
            pressed = {key: element[key] for key in kept if key in element}
            if element.get("type") != "overflow":
                return pressed
            for option in element["options"]:
                if option["value"] == value:
                    return pressed | {"selected_option": option}
    return None
