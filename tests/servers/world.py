"""A vendor of Vyvx services and a Slack that answer at once, for benchmarks and the loop."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import web

from watcher.clock import SystemClock

FIRST = 1_000_000


def _now() -> float:
    return SystemClock().now().timestamp()


@dataclass(kw_only=True)
class World:
    """The vendor and Slack; `slack` holds (time, method, text) of each call."""

    services: dict[str, dict[str, str]]
    polls: int = 0
    answered_at: float = 0.0
    details: int = 0
    slack: list[tuple[float, str, str]] = field(default_factory=list)
    body: bytes = b""

    def set(self, state: str, *keys: str) -> None:
        """Set the state of services, of all if none is named, from the next poll on."""
        for key in keys or self.services:
            self.services[key] = {"state": state, "ingress_state": "online"}
        self.body = msgspec.json.encode({"data": {"services": self.services}})
        self.answered_at = 0.0

    def posts_since(self, moment: float) -> list[float]:
        """Return when messages were posted since then; checks of the token are none."""
        posted = "chat.postMessage"
        return [at for at, method, _ in self.slack if at >= moment and method == posted]

    def app(self) -> web.Application:
        app = web.Application(client_max_size=50_000_000)
        app.router.add_get("/vyvx/customer/service/_active/status", self._poll)
        app.router.add_get("/vyvx/customer/service/{id}/details", self._details)
        app.router.add_get("/vyvx/customer/service/{id}/history", self._history)
        app.router.add_route("*", "/api/{method}", self._call)
        app.router.add_post("/upload", self._upload)
        return app

    async def _poll(self, _: web.Request) -> web.Response:
        self.polls += 1
        self.answered_at = self.answered_at or _now()
        return web.Response(body=self.body, content_type="application/json")

    async def _details(self, request: web.Request) -> web.Response:
        self.details += 1
        key = request.match_info["id"]
        always = {"start": "2026-01-01T00:00:00.000Z", "end": ""}
        schedule = {"scheduled": always, "activated": [always]}
        entry = {"name": f"Feed {key}", "reservations": [{"id": key, "schedule": schedule}]}
        return web.json_response({"data": {"services": {key: entry}}})

    async def _history(self, request: web.Request) -> web.Response:
        key = request.match_info["id"]
        return web.json_response({"data": {"services": {key: {"history": {"events": []}}}}})

    async def _call(self, request: web.Request) -> web.Response:
        at = _now()
        body = await request.json() if request.content_type == "application/json" else {}
        self.slack.append((at, request.match_info["method"], str(body.get("text", ""))))
        upload = request.url.with_path("/upload").with_query({})
        answer: dict[str, Any] = {"ok": True, "channel": "C0000000001", "messages": []}
        answer |= {"ts": f"{at:.6f}", "file_id": "F1", "upload_url": str(upload)}
        return web.json_response(answer)

    async def _upload(self, request: web.Request) -> web.Response:
        await request.read()
        return web.Response(text="OK")
