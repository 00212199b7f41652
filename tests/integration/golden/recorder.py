"""A Slack and a webhook that write down everything they are sent, in its order."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from aiohttp import web


@dataclass(frozen=True, kw_only=True)
class Sent:
    """One request: which method of Slack or address it went to, and what it said."""

    to: str
    body: dict[str, Any]


class Recorder:
    """Answers as Slack does; times of messages are numbers, counted up."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.url = ""
        self._number = 0

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/api/{method}", self._slack)
        app.router.add_post("/upload/{file}", self._upload)
        app.router.add_post("/hook", self._hook)
        return app

    def take(self) -> list[Sent]:
        """Give what was sent since this was last asked."""
        sent, self.sent = self.sent, []
        return sent

    async def _slack(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        body: dict[str, Any] = dict(request.query)
        if request.content_type == "application/json":
            body |= await request.json()
        elif request.method == "POST":
            body |= {key: str(value) for key, value in (await request.post()).items()}
        self.sent.append(Sent(to=method, body=body))
        self._number += 1
        answer: dict[str, Any] = {"ok": True}
        match method:
            case "chat.postMessage":
                answer |= {"channel": body["channel"], "ts": f"{self._number}.000000"}
            case "chat.update":
                answer |= {"channel": body["channel"], "ts": body["ts"]}
            case "files.getUploadURLExternal":
                file = f"F{self._number:09d}"
                answer |= {"file_id": file, "upload_url": f"{self.url}/upload/{file}"}
            case "files.completeUploadExternal":
                answer |= {"files": json.loads(body["files"])}
            case _:
                raise AssertionError(f"the recorder does not know {method}")
        return web.json_response(answer)

    async def _upload(self, request: web.Request) -> web.Response:
        content = await request.read()
        shown = content.decode("utf-8") if content.isascii() else f"{content[:4]!r}..."
        self.sent.append(Sent(to=f"upload {request.match_info['file']}", body={"content": shown}))
        return web.Response(text="OK")

    async def _hook(self, request: web.Request) -> web.Response:
        named = {key: value for key, value in request.headers.items() if key.startswith("X-")}
        body = {"headers": named, "document": await request.json()}
        self.sent.append(Sent(to="hook", body=body))
        return web.Response()
