"""Slack: channels that keep every message, and the trace of each write."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import format_datetime
from typing import Any

from tests.year.faults import SlackFault
from tests.year.network import Answer, HungUpError, Request, answer_json
from tests.year.peers.sockets import ADDRESS
from tests.year.world import World

HOST = "slack.invalid"
_PAGE = 5
_SHARE = "files.completeUploadExternal"
_WRITES = {"chat.postMessage", "chat.update", _SHARE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A message as people see it: its text, and for each action the incident of its button."""

    ts: str
    text: str
    actions: Mapping[str, str]


class Slack:
    """The Web API, as far as a receiver and its buttons use it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._messages: dict[str, dict[str, Any]] = {}
        self._files = 0
        self._shown: dict[str, list[Shown]] = {}
        self.views: dict[str, dict[str, Any]] = {}  # the forms that were opened, by the press
        self._lists: dict[str, str] = {}  # by the file's id, what is in it

    async def serve(self, request: Request) -> Answer:
        """Answer one call; it and the answer take a while to arrive."""
        world, method = self._world, request.url.name
        await world.travel()
        if request.url.parent.name == "actions":
            world.record("answered", id=method, text=request.arguments["text"])
            return answer_json({"ok": True})
        fault = world.spoilt(SlackFault)
        kind = "" if fault is None else fault.kind
        answer, status = self._refusal(fault, method)
        if not answer:
            if method == "upload":
                self._keep_list(request)
            answer = self._answer(method, dict(request.arguments))
        is_lost = kind == "answer_lost" and method in _WRITES
        if method in _WRITES:
            world.record(
                "slack",
                method=method,
                channel=request.arguments.get("channel") or request.arguments.get("channel_id"),
                ts=answer.get("ts", request.arguments.get("ts", "")),
                thread_ts=request.arguments.get("thread_ts", ""),
                text=self._text(method, request.arguments),
                done=answer["ok"],
                answered=status == 200 and not is_lost,
                error=answer.get("error", ""),
            )
            world.posted()
        await world.travel()
        if is_lost:
            raise HungUpError
        headers = {"Date": format_datetime(world.now(), usegmt=True)}
        if status == 429:
            headers["Retry-After"] = "20"
        return answer_json(answer, status, headers)

    def _refusal(self, fault: SlackFault | None, method: str) -> tuple[dict[str, Any], int]:
        """Return what Slack answers instead of doing anything; empty where it does."""
        match fault:
            case SlackFault(kind="down"):
                return {"ok": False}, 503
            case SlackFault(kind="limited", method=limited) if limited == method:
                return {"ok": False, "error": "ratelimited"}, 429
            case SlackFault(kind="no_edits") if method == "chat.update":
                return {"ok": False, "error": "edit_window_closed"}, 200
            case _:
                return {}, 200

    def shown(self, channel: str, name: str) -> list[Shown]:
        """Return the newest message about something as it was at first and is now."""
        about = [
            versions
            for ts, versions in self._shown.items()
            if self._messages[ts]["channel"] == channel and name in versions[0].text
        ]
        return about[-1] if about else []

    def _show(self, ts: str, arguments: Mapping[str, Any]) -> None:
        """Keep the text and the buttons of a message that is not in a thread."""
        if "thread_ts" in self._messages[ts] or not self._world.plan.has_buttons:
            return
        elements = [
            element
            for block in arguments.get("blocks", ())
            for element in block.get("elements", ())
            if block["type"] == "actions"
        ]
        actions = {e["action_id"]: e["value"] for e in elements if "value" in e}
        for element in elements:
            for option in element.get("options", ()):
                action, _, incident = option["value"].partition("/")
                actions[action] = incident
        version = Shown(ts=ts, text=arguments["text"], actions=actions)
        self._shown.setdefault(ts, []).append(version)

    def _answer(self, method: str, arguments: dict[str, Any]) -> dict[str, Any]:
        answer = {
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "conversations.history": self._history,
            "conversations.replies": self._replies,
            "files.getUploadURLExternal": self._announce,
            "views.open": self._open_view,
            "apps.connections.open": lambda _: {"ok": True, "url": ADDRESS},
            "upload": lambda _: {"ok": True},
            _SHARE: self._share,
            "chat.getPermalink": lambda _: {"ok": True, "permalink": f"https://{HOST}/p"},
            "auth.test": lambda _: {"ok": True, "user": "watcher", "team": "noc"},
        }
        return answer[method](arguments)

    def _update(self, arguments: dict[str, Any]) -> dict[str, Any]:
        if arguments["ts"] not in self._messages:
            return {"ok": False, "error": "message_not_found"}
        self._messages[arguments["ts"]]["text"] = arguments["text"]
        self._show(arguments["ts"], arguments)
        return {"ok": True, "channel": arguments["channel"], "ts": arguments["ts"]}

    def _history(self, arguments: dict[str, Any]) -> dict[str, Any]:
        oldest = float(arguments.get("oldest", 0))
        messages = [
            message
            for message in self._messages.values()
            if "thread_ts" not in message
            and message["channel"] == arguments["channel"]
            and float(message["ts"]) >= oldest
        ]
        return _page(messages[::-1], arguments)

    def _replies(self, arguments: dict[str, Any]) -> dict[str, Any]:
        ts = arguments["ts"]
        if ts not in self._messages:
            return {"ok": False, "error": "thread_not_found"}
        thread = [message for message in self._messages.values() if message.get("thread_ts") == ts]
        return _page([self._messages[ts], *thread], arguments)

    def _open_view(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self.views[arguments["trigger_id"]] = arguments["view"]
        self._world.record("opened", id=arguments["trigger_id"])
        return {"ok": True}

    def _announce(self, _: dict[str, Any]) -> dict[str, Any]:
        self._files += 1
        name = f"F{self._files:04}"
        return {"ok": True, "file_id": name, "upload_url": f"https://{HOST}/{name}/upload"}

    def _keep_list(self, request: Request) -> None:
        """Keep what is in a file of text; a picture says nothing here."""
        content: bytes = request.arguments["content"]
        if content.isascii():
            self._lists[request.url.parent.name] = content.decode()

    def _share(self, arguments: dict[str, Any]) -> dict[str, Any]:
        files = json.loads(arguments["files"])
        answer = self._post({**arguments, "text": arguments.get("initial_comment", "")})
        if answer["ok"]:
            self._messages[answer["ts"]]["files"] = files
        return answer

    def _text(self, method: str, arguments: Mapping[str, Any]) -> str:
        """Return what a write says; of a file its name and comment, and of a list its rows."""
        if method != _SHARE:
            return str(arguments["text"])
        files = json.loads(arguments["files"])
        names = (f"{file['id']} {file['title']}" for file in files)
        rows = (self._lists[file["id"]] for file in files if file["id"] in self._lists)
        return " ".join((*names, arguments.get("initial_comment", ""), *rows))

    def _post(self, arguments: dict[str, Any]) -> dict[str, Any]:
        thread = arguments.get("thread_ts")
        if thread and thread not in self._messages:
            return {"ok": False, "error": "thread_not_found"}
        ts = f"{int(self._world.now().timestamp())}.{len(self._messages):06d}"
        kept = ("text", "metadata", "thread_ts")
        message = {key: arguments[key] for key in kept if key in arguments}
        message["channel"] = arguments.get("channel") or arguments.get("channel_id")
        self._messages[ts] = {**message, "ts": ts}
        self._show(ts, arguments)
        return {"ok": True, "channel": message["channel"], "ts": ts}


def _page(messages: list[dict[str, Any]], arguments: dict[str, Any]) -> dict[str, Any]:
    """Return some of the messages: Slack may give fewer than were asked for."""
    begin = int(arguments.get("cursor", 0))
    end = begin + _PAGE
    cursor = {"next_cursor": str(end)} if end < len(messages) else {}
    return {"ok": True, "messages": messages[begin:end], "response_metadata": cursor}
