"""Slack's Web API, as far as a bot that posts incidents uses it.

Source: docs.slack.dev, the page of each method. What the pages leave open is as strict as can be:
completing one upload twice shares the file twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp import web

from watcher.simulator.slack import limits, workspace
from watcher.simulator.slack.arguments import (
    Arguments,
    SlackError,
    parse_argument,
    parse_arguments,
    parse_content,
)
from watcher.simulator.slack.modals import Modals
from watcher.simulator.slack.socket_mode import SocketMode
from watcher.simulator.slack.workspace import File, Message, Workspace

PREFIX = "/slack"
_LONGEST_ALT_TEXT = 1_000


class Slack:
    """The methods, over one workspace."""

    def __init__(
        self,
        space: Workspace,
        sockets: SocketMode,
        modals: Modals,
        *,
        bot_token: str,
        app_token: str,
    ) -> None:
        self._space = space
        self._sockets = sockets
        self._modals = modals
        self._bot_token = bot_token
        self._app_token = app_token
        self._methods: dict[str, Callable[[Arguments, web.Request], dict[str, Any]]] = {
            "apps.connections.open": self._open_connection,
            "auth.test": self._auth_test,
            "blocks.validate": _validate,
            "chat.delete": self._delete,
            "chat.getPermalink": self._permalink,
            "chat.postMessage": self._post_message,
            "chat.update": self._update,
            "conversations.history": self._history,
            "conversations.info": self._info,
            "conversations.replies": self._replies,
            "files.completeUploadExternal": self._complete_upload,
            "files.getUploadURLExternal": self._upload_url,
            "files.info": self._file_info,
            "views.open": self._open_view,
        }

    def add_routes(self, app: web.Application) -> None:
        """Serve the methods under PREFIX/api, uploads and downloads beside them."""
        app.router.add_route("*", f"{PREFIX}/api/{{method}}", self.call, name="slack.METHOD")
        app.router.add_post(f"{PREFIX}/upload/{{id}}", self.upload, name="slack.upload")
        app.router.add_get(f"{PREFIX}/files/{{id}}/{{name}}", self.download, name="slack.download")

    async def call(self, request: web.Request) -> web.Response:
        """Answer one method."""
        arguments = await parse_arguments(request)
        try:
            self._admit(request, arguments)
            method = self._methods.get(request.match_info["method"], _unknown_method)
            return web.json_response({"ok": True} | method(arguments, request))
        except SlackError as error:
            body: dict[str, Any] = {"ok": False, "error": error.error}
            if error.errors:
                body["errors"] = error.errors
            if error.messages:
                body["response_metadata"] = {"messages": error.messages}
            if error.wait:
                headers = {"Retry-After": str(error.wait)}
                return web.json_response(body, status=429, headers=headers)
            return web.json_response(body)

    async def upload(self, request: web.Request) -> web.Response:
        """Accept a file's bytes; this address needs no token."""
        file = self._space.files.get(request.match_info["id"])
        content = await request.read()
        if file is None or len(content) != file.length:
            return web.Response(status=400, text="the file is unknown or its length is another")
        file.content = content
        return web.Response(text=f"OK - {len(content)}")

    async def download(self, request: web.Request) -> web.Response:
        """Return a file's bytes to a caller with the token."""
        file = self._space.files.get(request.match_info["id"])
        if request.headers.get("Authorization") != f"Bearer {self._bot_token}":
            return web.Response(status=403, text="not allowed")
        if file is None or file.content is None:
            return web.Response(status=404, text="no such file")
        return web.Response(body=file.content, content_type=file.mimetype)

    def _admit(self, request: web.Request, arguments: Arguments) -> None:
        header = request.headers.get("Authorization", "").removeprefix("Bearer ")
        token = header or arguments.get("token", "")
        if not token:
            raise SlackError("not_authed")
        if token not in {self._bot_token, self._app_token}:
            raise SlackError("invalid_auth")
        by_app = request.match_info["method"] == "apps.connections.open"
        if by_app is not (token == self._app_token):
            raise SlackError("not_allowed_token_type")

    def _open_connection(self, _: Arguments, request: web.Request) -> dict[str, Any]:
        return {"url": self._sockets.address(request)}

    def _auth_test(self, _: Arguments, request: web.Request) -> dict[str, Any]:
        return {
            "url": str(request.url.origin()),
            "team": self._space.config.team,
            "team_id": workspace.TEAM,
            "user": workspace.BOT_NAME.lower(),
            "user_id": workspace.BOT_USER,
            "bot_id": workspace.BOT,
        }

    def _post_message(self, arguments: Arguments, _: web.Request) -> dict[str, Any]:
        channel = self._channel(arguments, "channel")
        content = self._content(arguments)
        wait = self._space.seconds_to_wait(channel)
        if wait:
            raise SlackError("ratelimited", wait=wait)
        if not any(content.get(key) for key in ("text", "blocks", "attachments")):
            raise SlackError("no_text")
        content |= self._threading(channel, arguments)
        message = self._space.post(channel, content)
        return {"channel": channel, "ts": message["ts"], "message": _shown(message)}

    def _content(self, arguments: Arguments) -> Message:
        content = parse_content(arguments)
        if content.get("blocks") and not self._space.config.takes_blocks:
            raise SlackError(
                "invalid_blocks", ["[ERROR] unsupported type [json-pointer:/blocks/0]"]
            )
        return content

    def _permalink(self, arguments: Arguments, request: web.Request) -> dict[str, Any]:
        channel = self._channel(arguments, "channel")
        ts = arguments.get("message_ts", "")
        if self._space.find(channel, ts) is None:
            raise SlackError("message_not_found")
        address = f"{request.url.origin()}/archives/{channel}/p{ts.replace('.', '')}"
        return {"channel": channel, "permalink": address}

    def _threading(self, channel: str, arguments: Arguments) -> Message:
        ts = arguments.get("thread_ts")
        if not ts:
            return {}
        parent = self._space.find(channel, ts)
        if parent is None:
            raise SlackError("thread_not_found")
        if workspace.is_reply(parent) or parent.get("subtype") == "tombstone":
            raise SlackError("cannot_reply_to_message")
        if arguments.get("reply_broadcast") in {True, "true", "1"}:
            return {"thread_ts": ts, "subtype": "thread_broadcast", "root": parent}
        return {"thread_ts": ts}

    def _update(self, arguments: Arguments, _: web.Request) -> dict[str, Any]:
        channel = self._channel(arguments, "channel")
        ts = arguments.get("ts", "")
        before = self._space.find(channel, ts)
        if before is None or before.get("subtype") == "tombstone":
            raise SlackError("message_not_found")
        if self._space.is_past_editing(ts):
            raise SlackError("edit_window_closed")
        content = self._content(arguments)
        if not any(content.get(key) for key in ("text", "blocks", "attachments")):
            raise SlackError("no_text")
        edited = "blocks" not in content and "attachments" not in content
        if "blocks" not in content:
            content["blocks"] = None
        message = self._space.update(channel, ts, content, edited=edited)
        text = message.get("text", "")
        return {"channel": channel, "ts": ts, "text": text, "message": _shown(message)}

    def _delete(self, arguments: Arguments, _: web.Request) -> dict[str, Any]:
        channel = self._channel(arguments, "channel")
        ts = arguments.get("ts", "")
        message = self._space.find(channel, ts)
        if message is None or message.get("subtype") == "tombstone":
            raise SlackError("message_not_found")
        self._space.delete(channel, ts)
        return {"channel": channel, "ts": ts}

    def _history(self, arguments: Arguments, _: web.Request) -> dict[str, Any]:
        channel = self._channel(arguments, "channel")
        newest_first = sorted(
            self._space.top(channel), key=lambda message: message["ts"], reverse=True
        )
        return _paged(_within(newest_first, arguments), arguments)

    def _replies(self, arguments: Arguments, _: web.Request) -> dict[str, Any]:
        channel = self._channel(arguments, "channel")
        ts = arguments.get("ts", "")
        thread = self._space.thread(channel, ts)
        if not thread:
            raise SlackError("thread_not_found")
        parent, replies = thread[0], thread[1:]
        return _paged([parent, *_within(replies, arguments)], arguments)

    def _info(self, arguments: Arguments, _: web.Request) -> dict[str, Any]:
        key = self._channel(arguments, "channel", member=False)
        channel = self._space.config.channels[key]
        topic = {"value": channel.topic}
        shown = {"id": key, "name": channel.name, "is_member": channel.member, "topic": topic}
        return {"channel": shown}

    def _upload_url(self, arguments: Arguments, request: web.Request) -> dict[str, Any]:
        name, length = arguments.get("filename"), str(arguments.get("length", ""))
        if not name or not length.isdecimal() or int(length) < 1:
            raise SlackError("missing_argument")
        alt_text = arguments.get("alt_txt", "")
        if len(alt_text) > _LONGEST_ALT_TEXT:
            raise SlackError("alt_txt_too_large")
        file = self._space.announce(name, int(length))
        file.alt_text = alt_text
        address = f"{request.url.origin()}{PREFIX}/upload/{file.id}"
        return {"upload_url": address, "file_id": file.id}

    def _complete_upload(self, arguments: Arguments, request: web.Request) -> dict[str, Any]:
        if not self._space.config.takes_files:
            raise SlackError("file_uploads_disabled")
        uploads = parse_argument(arguments, "files")
        if not isinstance(uploads, list) or not uploads:
            raise SlackError("missing_argument")
        files = []
        for upload in uploads:
            file = self._space.files.get(upload.get("id", ""))
            if file is None or file.content is None:
                raise SlackError("file_not_found")
            file.title = upload.get("title") or file.name
            files.append(file)
        if arguments.get("channel_id"):
            self._share(files, arguments, request)
        # Slack processes the files after this answer, so it does not yet know the shares.
        shown = [_file(file, request) | {"shares": {}, "mimetype": ""} for file in files]
        return {"files": shown}

    def _share(self, files: list[File], arguments: Arguments, request: web.Request) -> None:
        channel = self._channel(arguments, "channel_id")
        content: Message = {
            "text": arguments.get("initial_comment", ""),
            "files": [_file(file, request) for file in files],
            "subtype": "file_share",
        }
        content |= self._threading(channel, arguments)
        message = self._space.post(channel, content)
        for file in files:
            file.shares.append((channel, message["ts"]))

    def _file_info(self, arguments: Arguments, request: web.Request) -> dict[str, Any]:
        file = self._space.files.get(arguments.get("file", ""))
        if file is None:
            raise SlackError("file_not_found")
        return {"file": _file(file, request)}

    def _open_view(self, arguments: Arguments, _: web.Request) -> dict[str, Any]:
        view = parse_argument(arguments, "view")
        return {"view": self._modals.open_view(str(arguments.get("trigger_id", "")), view)}

    def _channel(self, arguments: Arguments, key: str, *, member: bool = True) -> str:
        channel: str = arguments.get(key, "")
        if channel not in self._space.config.channels:
            raise SlackError("channel_not_found")
        if member and not self._space.config.channels[channel].member:
            raise SlackError("not_in_channel")
        return channel


def _validate(arguments: Arguments, _: web.Request) -> dict[str, Any]:
    """Check blocks without posting them; Slack names each problem with a pointer."""
    if [key for key in ("blocks", "message", "view") if arguments.get(key)] != ["blocks"]:
        raise SlackError(
            "invalid_arguments", ["must provide exactly one of `blocks`, `view`, or `message`"]
        )
    problems = list(limits.problems_in(parse_argument(arguments, "blocks"), ""))
    if problems:
        errors = []
        for problem in problems:
            message, _sign, pointer = problem.removesuffix("]").partition(" [json-pointer:")
            errors.append({"code": "failed_constraint", "message": message, "pointer": pointer})
        raise SlackError("invalid_blocks", errors=errors)
    return {}


def _unknown_method(_: Arguments, __: web.Request) -> dict[str, Any]:
    raise SlackError("unknown_method")


def _shown(message: Message, *, metadata: bool = True) -> Message:
    hidden = {"root"} if metadata else {"root", "metadata"}
    return {key: value for key, value in message.items() if key not in hidden}


def _within(messages: list[Message], arguments: Arguments) -> list[Message]:
    oldest = float(arguments.get("oldest") or 0)
    latest = float(arguments.get("latest") or "inf")
    if arguments.get("inclusive") in {True, "true", "1"}:
        return [message for message in messages if oldest <= float(message["ts"]) <= latest]
    return [message for message in messages if oldest < float(message["ts"]) < latest]


def _paged(messages: list[Message], arguments: Arguments) -> dict[str, Any]:
    """Return one page; the cursor is the number of messages before the next."""
    limit = int(arguments.get("limit") or 100)
    first = int(arguments.get("cursor") or 0)
    metadata = arguments.get("include_all_metadata") in {True, "true", "1"}
    page = messages[first : first + limit]
    shown = [_shown(message, metadata=metadata) for message in page]
    more = first + limit < len(messages)
    return {
        "messages": shown,
        "has_more": more,
        "response_metadata": {"next_cursor": str(first + limit) if more else ""},
    }


def _file(file: File, request: web.Request) -> dict[str, Any]:
    address = f"{request.url.origin()}{PREFIX}/files/{file.id}/{file.name}"
    shares: dict[str, list[dict[str, str]]] = {}
    for channel, ts in file.shares:
        shares.setdefault(channel, []).append({"ts": ts})
    return {
        "id": file.id,
        "name": file.name,
        "title": file.title,
        "alt_txt": file.alt_text,
        "mimetype": file.mimetype,
        "filetype": file.name.rpartition(".")[2].lower(),
        "size": file.length,
        "url_private": address,
        "url_private_download": address,
        "shares": {"public": shares} if shares else {},
    }
