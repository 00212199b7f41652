"""The simulated Slack as a person would see it, and the MQTT topics beside it.

Whatever was posted is inert here. Templates escape, scripts come from this server alone
(Content-Security-Policy), and files open as what their name says or not at all.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib import resources
from typing import Any

import jinja2
from aiohttp import web

from watcher.simulator.mqtt_broker import Tap, TappedMessage
from watcher.simulator.slack import mrkdwn, workspace
from watcher.simulator.slack.modals import Modals
from watcher.simulator.slack.workspace import Message, Workspace

_ASSETS = {
    "icon.svg": "image/svg+xml",
    "page.css": "text/css",
    "slack.js": "text/javascript",
    "mqtt.js": "text/javascript",
}
VISITOR = "U0VISITOR"  # who looks at the page
_SHOWN_INLINE = {"application/pdf", "image/png", "image/jpeg"}
_LONGEST_PAYLOAD = 20_000
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class Page:
    """Two pages: `/` is Slack, `/mqtt` the broker."""

    def __init__(self, space: Workspace, modals: Modals, tap: Tap) -> None:
        self._space = space
        self._modals = modals
        self._tap = tap
        self._templates = jinja2.Environment(
            loader=jinja2.PackageLoader("watcher.simulator", "assets"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=jinja2.ChainableUndefined,
        )
        self._templates.filters["mrkdwn"] = self._mrkdwn
        self._templates.filters["plain"] = mrkdwn.plain
        self._templates.filters["clock"] = _clock
        self._templates.filters["size"] = _size
        self._templates.tests["reply"] = workspace.is_reply

    def add_routes(self, app: web.Application) -> None:
        """Serve the pages, what they are made of, and what they poll every second."""
        app.router.add_get("/", self.slack)
        app.router.add_get("/mqtt", self.mqtt)
        app.router.add_get("/page/channel", self.channel)
        app.router.add_get("/page/topics", self.topics)
        app.router.add_get("/page/files/{id}", self.file)
        app.router.add_get("/page/{asset}", self.asset)

    async def slack(self, _: web.Request) -> web.Response:
        """Serve the frame; its script fills it."""
        return self._frame("slack.html", team=self._space.config.team)

    async def mqtt(self, _: web.Request) -> web.Response:
        """Serve the frame; its script fills it."""
        return self._frame("mqtt.html", team=self._space.config.team)

    async def asset(self, request: web.Request) -> web.Response:
        """Return a style sheet or a script."""
        name = request.match_info["asset"]
        if name not in _ASSETS:
            raise web.HTTPNotFound
        text = (resources.files("watcher.simulator") / "assets" / name).read_text(encoding="utf-8")
        return web.Response(text=text, content_type=_ASSETS[name], headers=_HEADERS)

    async def channel(self, request: web.Request) -> web.Response:
        """Return everything that one reader sees now; 204 while it is unchanged."""
        channel, thread = request.query.get("channel", ""), request.query.get("thread", "")
        if channel not in self._space.config.channels:
            channel = next(iter(self._space.config.channels))
        version = f"{self._space.version}/{channel}/{thread}"
        if request.query.get("version") == version:
            return web.Response(status=204)
        body = {
            "version": version,
            "channel": channel,
            "channels": [self._channel_entry(key) for key in self._space.config.channels],
            "messages": [self._rendered(message, "channel") for message in self._visible(channel)],
            "thread": [
                self._rendered(message, "thread") for message in self._space.thread(channel, thread)
            ],
            "modal": self._modal(),
        }
        return web.json_response(body, headers=_HEADERS)

    async def topics(self, request: web.Request) -> web.Response:
        """Return the messages that passed the broker after the number that the reader has."""
        after = int(request.query.get("after", "0"))
        body = {
            "count": self._tap.count,
            "messages": [
                _tapped(message) for message in self._tap.latest if message.number > after
            ],
            "topics": [
                {
                    "topic": message.topic,
                    "number": message.number,
                    "size": _size(len(message.payload)),
                }
                for message in sorted(self._tap.topics.values(), key=lambda latest: latest.topic)
                if message.payload
            ],
        }
        return web.json_response(body, headers=_HEADERS)

    async def file(self, request: web.Request) -> web.Response:
        """Return a shared file, to show or to download."""
        file = self._space.files.get(request.match_info["id"])
        if file is None or file.content is None:
            raise web.HTTPNotFound
        inline = file.mimetype in _SHOWN_INLINE and "download" not in request.query
        headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "max-age=3600"}
        kind = file.mimetype if inline else "application/octet-stream"
        response = web.Response(body=file.content, content_type=kind, headers=headers)
        name = "".join(c if c.isalnum() or c in "._- " else "_" for c in file.name)
        how = "inline" if inline else "attachment"
        response.headers["Content-Disposition"] = f'{how}; filename="{name}"'
        return response

    def _frame(self, template: str, **names: str) -> web.Response:
        emoji = resources.files("watcher.simulator") / "assets" / "emoji.svg"
        html = self._templates.get_template(template).render(
            emoji=emoji.read_text(encoding="utf-8"), **names
        )
        return web.Response(text=html, content_type="text/html", headers=_HEADERS)

    def _visible(self, channel: str) -> list[Message]:
        """Return the messages of a channel, and what one person alone sees there."""
        ephemeral = [
            message for message in self._space.ephemeral_messages if message["channel"] == channel
        ]
        messages = [*self._space.top(channel), *ephemeral]
        return sorted(messages, key=lambda message: str(message["ts"]))

    def _channel_entry(self, key: str) -> dict[str, Any]:
        channel = self._space.config.channels[key]
        count = sum(1 for _ in self._space.top(key))
        return {"id": key, "name": channel.name, "topic": channel.topic, "count": count}

    def _rendered(self, message: Message, place: str) -> dict[str, str]:
        template = self._templates.get_template("message.html")
        html = template.render(
            message=message,
            place=place,
            bot=workspace.BOT_NAME,
            root=message.get("root") or {},
        )
        return {"ts": message["ts"], "html": html, "day": _day(message["ts"])}

    def _modal(self) -> dict[str, str] | None:
        """Return the modal that the page's visitor has in front."""
        view = self._modals.front(VISITOR)
        if view is None:
            return None
        html = self._templates.get_template("modal.html").render(view=view)
        return {"id": view["id"], "html": html}

    def _mrkdwn(self, text: str) -> str:
        names = {key: channel.name for key, channel in self._space.config.channels.items()}
        return mrkdwn.render(text, names)


def _clock(ts: str, pattern: str = "%H:%M:%S") -> str:
    return datetime.fromtimestamp(float(ts), UTC).strftime(pattern)


def _day(ts: str) -> str:
    return _clock(ts, "%A, %B %-d")


def _size(length: int) -> str:
    if length < 1000:
        return f"{length} B"
    if length < 1_000_000:
        return f"{length / 1000:.1f} kB"
    return f"{length / 1_000_000:.1f} MB"


def _tapped(message: TappedMessage) -> dict[str, Any]:
    """Return one message as the page lists it: text where it is text, JSON indented."""
    kind, text = "text", ""
    try:
        text = message.payload.decode()
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
        kind = "json"
    except UnicodeDecodeError:
        kind = "pdf" if message.payload.startswith(b"%PDF-") else "binary"
    except json.JSONDecodeError:
        if message.payload.startswith(b"%PDF-"):
            kind, text = "pdf", ""
    if not message.payload:
        kind, text = "deleted", ""
    return {
        "number": message.number,
        "time": message.at.astimezone(UTC).strftime("%H:%M:%S.%f")[:-3],
        "topic": message.topic,
        "retain": message.retain,
        "size": _size(len(message.payload)),
        "kind": kind,
        "text": text[:_LONGEST_PAYLOAD],
    }
