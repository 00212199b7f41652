"""Slack's Web API, as far as incidents need it: thin calls, and every failure as one of our errors.

Law: nothing is retried here. A post whose outcome is unknown raises AmbiguousError, so that it is
looked up before it is repeated. An error names what happened, then a colon, then where and what to
do. Why not slack-sdk's client: docs/decisions/0030.
Source: docs.slack.dev, the page of each method, and Slack's page on rate limits.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

import aiohttp
import msgspec
from yarl import URL

from watcher import model
from watcher.clock import Clock
from watcher.http import exchange
from watcher.http.headers import parse_http_date, parse_retry_after
from watcher.receivers import settings as receiver_settings
from watcher.receivers.slack import answers
from watcher.receivers.slack.message import SlackMessage
from watcher.receivers.slack.refusals import GoneError, RefusedError

__all__ = ["GoneError", "SlackApi"]

POST, SHARE = "chat.postMessage", "files.completeUploadExternal"
TIMEOUT_SECONDS = 20.0
MOST_BYTES = 5 * exchange.MEGABYTE  # of one answer: a page of messages is the largest
UPLOAD_SECONDS = 60.0
_PAGE = 200  # messages; Slack recommends no more
_MOST_PAGES = 10
_MOST_UNREAD = 100  # searches whose place is kept

_JSON = {"Content-Type": "application/json; charset=utf-8"}


class RateLimits:
    """How long Slack asks to wait. All that use one token share it.

    Slack limits each method by itself, for the whole workspace; posts it limits by channel.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[tuple[str, str], float] = {}  # on the monotonic clock

    def check(self, method: str, channel: str) -> None:
        """Raise TemporaryError while Slack's limit for such a call lasts."""
        seconds_left = self._until.get(self._key(method, channel), 0.0) - self._clock.monotonic()
        if seconds_left > 0:
            raise answers.rate_limit_error(
                f"{_place(method, channel)}: next attempt in {seconds_left:.0f} s", seconds_left
            )

    def wait(self, method: str, channel: str, seconds: float) -> None:
        """Note that Slack asks to wait."""
        self._until[self._key(method, channel)] = self._clock.monotonic() + seconds

    def _key(self, method: str, channel: str) -> tuple[str, str]:
        return method, channel if method == POST else ""


class SlackApi:
    """One channel of one workspace. Raises the model's errors, and GoneError where documented.

    Without a `channel` it opens sockets, and answers what comes in through them.
    """

    def __init__(
        self,
        *,
        settings: receiver_settings.Slack,
        channel: str = "",
        session: aiohttp.ClientSession,
        clock: Clock,
        limits: RateLimits | None = None,
    ) -> None:
        self.channel = channel
        self._settings = settings
        self._session = session
        self._clock = clock
        self._limits = limits or RateLimits(clock)
        self._unread: dict[str, tuple[int, str]] = {}  # by search: pages read, and the next cursor
        self._zero: datetime | None = None  # Slack's time when our monotonic clock was 0

    async def check(self) -> str:
        """Try the token, and return whose it is. Raises TemporaryError or PermanentError."""
        reply = await self._call("auth.test")
        user, team = answers.required_text(reply, "user"), answers.required_text(reply, "team")
        return f"posts to {self.channel} as {user} of {team}"

    async def read_one(self) -> None:
        """Read one message of the channel. Raises TemporaryError or PermanentError.

        Whether a message was posted is looked up there, so the bot has to be a member.
        """
        arguments = {"channel": self.channel, "limit": 1, "include_all_metadata": True}
        await self._call("conversations.history", arguments, form=True)

    async def validate(self, message: SlackMessage) -> tuple[str, ...]:
        """Return what Slack finds wrong with a message's blocks; nothing is posted.

        Raises TemporaryError or PermanentError where Slack does not judge them.
        """
        arguments = {"blocks": msgspec.json.encode(message.blocks).decode()}
        try:
            await self._call("blocks.validate", arguments, form=True)
        except RefusedError as refusal:
            if refusal.code != "invalid_blocks":
                raise
            return refusal.faults or (str(refusal),)
        return ()

    async def socket_url(self) -> str:
        """Return the address for a Socket Mode connection; its ticket is a secret."""
        token = self._settings.app_token.get_secret_value()
        return answers.required_text(await self._call(answers.OPEN, token=token), "url")

    async def check_socket(self) -> str:
        """Try the app-level token without connecting. Raises Temporary- or PermanentError."""
        await self.socket_url()
        return "may open a socket for buttons and the slash command"

    async def answer(self, url: str, message: SlackMessage, *, thread: str = "") -> None:
        """Answer a press or a command: to the person alone, or into a thread for everybody.

        Slack takes five answers at one `url`, within half an hour; the address holds a secret.
        """
        body: dict[str, Any] = {
            "response_type": "in_channel" if thread else "ephemeral",
            "replace_original": False,
            "text": message.text,
            "blocks": message.blocks,
        }
        if thread:
            body["thread_ts"] = thread
        try:
            reply = await exchange.exchange(
                self._session,
                "POST",
                URL(url),
                headers=_JSON,
                content=msgspec.json.encode(body),
                within=TIMEOUT_SECONDS,
                cap=0,
                place="response_url",
                hide_url=True,
            )
        except (model.TemporaryError, ValueError) as error:
            raise model.TemporaryError(f"Slack did not accept the answer: {error}") from error
        if reply.status != 200:
            raise model.TemporaryError(
                f"Slack did not accept the answer: response_url answered {reply.status}"
            )

    async def open_form(self, trigger: str, form: Mapping[str, Any]) -> None:
        """Show somebody a form; their press, which `trigger` names, counts for 3 seconds."""
        await self._call("views.open", {"trigger_id": trigger, "view": form})

    def check_rate_limit(self, method: str) -> None:
        """Raise TemporaryError while Slack's rate limit for this method lasts, as a call would."""
        self._limits.check(method, self.channel)

    async def post(
        self,
        message: SlackMessage,
        *,
        payload: Mapping[str, Any],
        thread: str | None = None,
        broadcast: bool = False,
    ) -> tuple[str, str]:
        """Post a message, to `thread` if given, and return its channel and ts. Raises GoneError."""
        arguments: dict[str, Any] = {
            "channel": self.channel,
            "text": message.text,
            "blocks": message.blocks,
            "metadata": {"event_type": answers.EVENT_TYPE, "event_payload": dict(payload)},
            "unfurl_links": False,
            "unfurl_media": False,
        }
        if thread:
            arguments["thread_ts"] = thread
        if thread and broadcast:
            arguments["reply_broadcast"] = True
        reply = await self._call(POST, arguments, is_post=True)
        return answers.required_text(reply, "channel"), answers.required_ts(reply)

    async def update(self, message: SlackMessage, *, channel: str, ts: str) -> None:
        """Replace a message: text and blocks both, as Slack drops blocks that are not sent."""
        await self._call(
            "chat.update",
            {"channel": channel, "ts": ts, "text": message.text, "blocks": message.blocks},
        )

    async def permalink(self, *, channel: str, ts: str) -> str:
        """Return the address of a message; empty where Slack does not say."""
        try:
            reply = await self._call(
                "chat.getPermalink", {"channel": channel, "message_ts": ts}, form=True
            )
            return answers.required_text(reply, "permalink")
        except (model.WatcherError, GoneError):
            return ""  # a link is a convenience

    async def history(
        self, *, since: datetime, after: str = ""
    ) -> AsyncIterator[answers.PostedMessage]:
        """Read the channel's own messages from `since` on, with their metadata.

        `since` is on our clock, which may be hours off; what Slack has, and the ts `after`, are on
        Slack's.
        """
        if self._zero is None:
            await self._call("auth.test")
        oldest = max((since - self._ahead()).timestamp(), float(after or 0))
        async for message in self._pages(
            "conversations.history", channel=self.channel, oldest=f"{oldest:.6f}"
        ):
            yield message

    def _ahead(self) -> timedelta:
        """Return by how much our clock is ahead of Slack's, as the last answer has shown."""
        if self._zero is None:
            return timedelta(0)
        slack_now = self._zero + timedelta(seconds=self._clock.monotonic())
        return self._clock.now() - slack_now

    async def replies(self, *, channel: str, ts: str) -> AsyncIterator[answers.PostedMessage]:
        """Read a thread, with metadata. Raises GoneError."""
        async for message in self._pages("conversations.replies", channel=channel, ts=ts):
            yield message

    async def upload_url(self, filename: str, size: int, *, alt_text: str = "") -> tuple[str, str]:
        """Announce a file of `size` bytes; return its id and the address for the bytes."""
        arguments: dict[str, Any] = {"filename": filename, "length": size}
        if alt_text:
            arguments["alt_txt"] = alt_text
        reply = await self._call("files.getUploadURLExternal", arguments, form=True)
        return answers.required_text(reply, "file_id"), answers.required_text(reply, "upload_url")

    async def send_bytes(self, url: str, content: bytes) -> bool:
        """Send a file's bytes; return False if the address has expired. It needs no token."""
        try:
            reply = await exchange.exchange(
                self._session,
                "POST",
                URL(url),
                headers={"Content-Type": "application/octet-stream"},
                content=content,
                within=UPLOAD_SECONDS,
                cap=0,
                place="file upload",
                hide_url=True,
            )
        except (model.TemporaryError, ValueError) as error:
            raise model.TemporaryError(f"Slack did not answer: {error}") from error
        if reply.status == 429:
            delay = parse_retry_after(reply.headers.get("Retry-After", ""), self._clock.now())
            raise answers.rate_limit_error("file upload", delay)
        if reply.status >= 500:
            raise model.TemporaryError(f"Slack failed: file upload answered {reply.status}")
        return reply.status == 200

    async def share(
        self, file: str, *, title: str, comment: str, channel: str, thread: str
    ) -> None:
        """Share an uploaded file in a thread. Raises GoneError."""
        arguments = {
            "files": [{"id": file, "title": title}],
            "channel_id": channel,
            "thread_ts": thread,
        }
        if comment:
            arguments["initial_comment"] = comment
        await self._call(SHARE, arguments, form=True, is_post=True)

    async def _pages(self, method: str, **arguments: str) -> AsyncIterator[answers.PostedMessage]:
        """Read page by page; a search that a rate limit stopped goes on where it was."""
        search = f"{method} {arguments}"
        pages_read, cursor = self._unread.pop(search, (0, ""))
        for page in range(pages_read, _MOST_PAGES):
            if cursor:
                arguments["cursor"] = cursor
            try:
                reply = await self._call(
                    method, {"limit": _PAGE, "include_all_metadata": True, **arguments}, form=True
                )
            except model.TemporaryError:
                if len(self._unread) >= _MOST_UNREAD:
                    self._unread.clear()
                self._unread[search] = (page, cursor)
                raise
            for message in answers.messages_in(reply):
                yield message
            cursor = answers.next_cursor(reply)
            if not cursor:
                return
        raise model.PermanentError(
            f"Too many Slack messages to search: {method} ({self.channel}): more than"
            f" {_MOST_PAGES * _PAGE} messages"
        )

    async def _call(
        self,
        method: str,
        arguments: Mapping[str, Any] = MappingProxyType({}),
        *,
        form: bool = False,
        token: str = "",
        is_post: bool = False,
    ) -> answers.Answer:
        """Call a method, and return its answer, which is an object with `ok: true`.

        While Slack's limit for it lasts, nothing is sent.
        `form`: its page asks for a form instead of JSON. `is_post`: to repeat it would post twice.
        """
        self.check_rate_limit(method)
        place = _place(method, self.channel)
        unanswered = model.AmbiguousError if is_post else model.TemporaryError
        token = token or self._settings.bot_token.get_secret_value()
        headers = {"Authorization": f"Bearer {token}"}
        try:
            reply = await exchange.exchange(
                self._session,
                "POST",
                URL(f"{self._settings.api_url}/{method}"),
                headers=headers if form else headers | _JSON,
                content=_as_form(arguments) if form else msgspec.json.encode(dict(arguments)),
                within=TIMEOUT_SECONDS,
                cap=MOST_BYTES,
                place=place,
            )
        except exchange.UnsentError as error:
            raise model.TemporaryError(f"Slack could not be reached: {error}") from error
        except model.TemporaryError as error:
            raise unanswered(f"Slack did not answer: {error}") from error
        if date := parse_http_date(reply.headers.get("Date", "")):
            self._zero = date - timedelta(seconds=self._clock.monotonic())
        try:
            return answers.parse_answer(reply, self._clock.now(), method=method, is_post=is_post)
        except model.TemporaryError as error:
            if error.delay is not None:
                self._limits.wait(method, self.channel, error.delay)
            raise


def _place(method: str, channel: str) -> str:
    return f"{method} ({channel})" if channel else method


def _as_form(arguments: Mapping[str, Any]) -> dict[str, str]:
    """Return arguments as a form carries them: flags as 1 and 0, structures as JSON."""
    return {name: _as_field(value) for name, value in arguments.items()}


def _as_field(value: object) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
