"""A small Slack that keeps messages and files, and fails when a test asks it to."""

import json
from collections import deque
from email.utils import formatdate
from typing import Any

from aiohttp import web

CHANNEL = "C0123456789"
BEGAN = 1_795_230_622  # what time it is for Slack


class FakeSlack:
    """`plan(method, fault)` queues a fault: a code, a status, "drop" after or "hang up" before."""

    def __init__(self) -> None:
        self.messages: dict[str, dict[str, Any]] = {}
        self.files: dict[str, bytes | None] = {}
        self.calls: list[str] = []
        self.url = ""
        self._faults: dict[str, deque[Any]] = {}
        self._methods = {
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "conversations.history": self._history,
            "conversations.replies": self._replies_of,
            "files.getUploadURLExternal": self._upload_url,
            "files.completeUploadExternal": self._share,
            "auth.test": lambda _: {"user": "watcher", "team": "noc"},
        }

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/api/{method}", self._call)
        app.router.add_post("/upload/{id}", self._upload)
        app.on_response_prepare.append(_date)
        return app

    def fail_next(self, method: str, *faults: Any) -> None:
        self._faults.setdefault(method, deque()).extend(faults)

    @property
    def parents(self) -> list[dict[str, Any]]:
        return [message for message in self.messages.values() if "thread_ts" not in message]

    @property
    def replies(self) -> list[dict[str, Any]]:
        return [
            message
            for message in self.messages.values()
            if "thread_ts" in message and "files" not in message
        ]

    @property
    def shared(self) -> list[bytes]:
        return [
            self.files[file["id"]]
            for message in self.messages.values()
            for file in message.get("files", ())
        ]

    def delete(self, ts: str) -> None:
        del self.messages[ts]

    async def _call(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        self.calls.append(method)
        arguments = dict(request.query)
        if request.content_type == "application/json":
            arguments |= await request.json()
        else:
            arguments |= dict(await request.post())
        assert request.headers["Authorization"] == "Bearer xoxb-test"
        fault = self._faults[method].popleft() if self._faults.get(method) else None
        if fault == "hang up":
            request.transport.close()
            return web.Response()
        match fault:
            case {"status": status, **headers}:
                return web.Response(status=status, text="<html>", headers=headers)
            case {"body": text, "type": content_type}:
                return web.Response(text=text, content_type=content_type)
            case str() if fault != "drop":
                return web.json_response({"ok": False, "error": fault})
        answer = self._methods[method](arguments)
        if fault == "drop":
            request.transport.close()
        answer = answer if "ok" in answer else {"ok": True, **answer}
        return web.json_response(answer)

    def _add(self, message: dict[str, Any]) -> dict[str, Any]:
        ts = f"{BEGAN}.{len(self.messages) + len(self.calls):06d}"
        self.messages[ts] = {**message, "ts": ts}
        return {"channel": CHANNEL, "ts": ts}

    def _post(self, arguments: dict[str, Any]) -> dict[str, Any]:
        assert arguments["unfurl_links"] is False
        assert arguments["unfurl_media"] is False
        thread = arguments.get("thread_ts")
        if thread and thread not in self.messages:
            return {"ok": False, "error": "thread_not_found"}
        kept = ("text", "blocks", "metadata", "thread_ts", "reply_broadcast")
        return self._add({key: arguments[key] for key in kept if key in arguments})

    def _update(self, arguments: dict[str, Any]) -> dict[str, Any]:
        if arguments["ts"] not in self.messages:
            return {"ok": False, "error": "message_not_found"}
        message = self.messages[arguments["ts"]]
        message |= {"text": arguments["text"], "blocks": arguments["blocks"]}
        return {"channel": CHANNEL, "ts": arguments["ts"]}

    def _history(self, arguments: dict[str, Any]) -> dict[str, Any]:
        assert arguments["include_all_metadata"] == "1"
        oldest = float(arguments["oldest"])
        return {"messages": [message for message in self.parents if float(message["ts"]) >= oldest]}

    def _replies_of(self, arguments: dict[str, Any]) -> dict[str, Any]:
        ts = arguments["ts"]
        if ts not in self.messages:
            return {"ok": False, "error": "thread_not_found"}
        thread = [message for message in self.messages.values() if message.get("thread_ts") == ts]
        first = int(arguments.get("cursor") or 0)  # one message a page, to have pages
        page = [self.messages[ts], *thread][first : first + 1]
        cursor = str(first + 1) if first < len(thread) else ""
        return {"messages": page, "response_metadata": {"next_cursor": cursor}}

    def _upload_url(self, arguments: dict[str, Any]) -> dict[str, Any]:
        assert int(arguments["length"]) > 0
        file = f"F{len(self.files):09d}"
        self.files[file] = None
        return {"file_id": file, "upload_url": f"{self.url}/upload/{file}"}

    def _share(self, arguments: dict[str, Any]) -> dict[str, Any]:
        files = json.loads(arguments["files"])
        if any(self.files.get(file["id"]) is None for file in files):
            return {"ok": False, "error": "file_not_found"}
        message = {"text": arguments.get("initial_comment", ""), "files": files}
        self._add({**message, "thread_ts": arguments["thread_ts"]})
        return {"files": files}

    async def _upload(self, request: web.Request) -> web.Response:
        self.calls.append("upload")
        fault = self._faults["upload"].popleft() if self._faults.get("upload") else None
        if fault == "hang up":
            request.transport.close()
        if isinstance(fault, int):
            return web.Response(status=fault)
        assert "Authorization" not in request.headers
        self.files[request.match_info["id"]] = await request.read()
        return web.Response(text="OK")


async def _date(_: web.Request, response: web.StreamResponse) -> None:
    response.headers["Date"] = formatdate(BEGAN, usegmt=True)
