"""Slack's Web API, as far as incidents need it: thin calls, and every failure as one of our errors.

Law: nothing is retried here. A post whose outcome is unknown raises AmbiguousError, so that it is
looked up before it is repeated; slack-sdk's own retry would post it twice. An error names what
happened, then a colon, then where and what to do.
Source: docs.slack.dev, the page of each method, and Slack's page on rate limits.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Mapping
from datetime import datetime
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from watcher import model
from watcher.clock import Clock
from watcher.receivers import settings as receiver_settings
from watcher.receivers.slack.message import SlackMessage
from watcher.receivers.slack.refusals import GONE, GoneError, RefusedError

EVENT_TYPE = "watcher_incident"
POST, SHARE = "chat.postMessage", "files.completeUploadExternal"
OPEN = "apps.connections.open"
TIMEOUT_SECONDS = 20.0
UPLOAD_SECONDS = 60.0
_PAGE = 200  # messages; Slack recommends no more
_MOST_PAGES = 10

Reply = Mapping[str, Any]


_RATE_LIMITED = {"ratelimited", "rate_limited"}
_TEMPORARY = {"service_unavailable", "request_timeout", "timeout"}
# "It's possible some aspect of the operation succeeded before the error was raised" (Slack).
_UNKNOWN_OUTCOME = {"internal_error", "fatal_error"}
_ADVICE = {
    "account_inactive": "the bot was removed; install the app again and set slack.bot_token",
    "channel_not_found": "there is no such channel, or the bot cannot see it: check the channel id,"
    " and invite the bot if it is private",
    "invalid_auth": "the token is wrong: set slack.bot_token (xoxb-...)",
    "is_archived": "the channel is archived: unarchive it, or configure another",
    "missing_scope": "the app lacks a scope: add it, and install the app again",
    "not_authed": "the token is missing: set slack.bot_token (xoxb-...)",
    "not_in_channel": "the bot is not a member of the channel: /invite it there",
    "restricted_action": "a workspace rule forbids it: ask an administrator of Slack",
    "token_expired": "the token has expired: install the app again and set slack.bot_token",
    "token_revoked": "the token was revoked: install the app again and set slack.bot_token",
}
_BAD_APP_TOKEN = {
    *("invalid_auth", "missing_scope", "not_allowed_token_type", "not_authed"),
    *("token_expired", "token_revoked"),
}
_APP_ADVICE = dict.fromkeys(
    _BAD_APP_TOKEN,
    "set slack.app_token to an app-level token (xapp-...) with the scope connections:write",
)


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
    ) -> None:
        self.channel = channel
        self._settings = settings
        self._session = session
        self._clock = clock
        self._quiet_until: dict[str, float] = {}  # by method, on the monotonic clock
        self._unread: dict[str, tuple[int, str]] = {}  # by search: pages read, and the next cursor
        self._client = AsyncWebClient(
            token=settings.bot_token.get_secret_value(),
            base_url=f"{settings.api_url}/",
            session=session,
            retry_handlers=[],
        )

    async def check(self) -> str:
        """Try the token, and return whose it is. Raises TemporaryError or PermanentError."""
        reply = await self._call("auth.test", self._client.auth_test())
        user, team = _required_text(reply, "user"), _required_text(reply, "team")
        return f"posts to {self.channel} as {user} of {team}"

    async def socket_url(self) -> str:
        """Return the address for a Socket Mode connection; its ticket is a secret."""
        token = self._settings.app_token.get_secret_value()
        reply = await self._call(OPEN, self._client.apps_connections_open(app_token=token))
        return _required_text(reply, "url")

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
            async with self._session.post(
                url,
                json=body,
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
                allow_redirects=False,
            ) as response:
                if response.status != 200:
                    raise model.TemporaryError(
                        f"Slack did not accept the answer: response_url answered {response.status}"
                    )
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise model.TemporaryError(
                f"Slack did not accept the answer: response_url ({_name(error)})"
            ) from error

    def check_rate_limit(self, method: str) -> None:
        """Raise TemporaryError while Slack's rate limit for this method lasts.

        Slack limits each method by itself: while posts are limited, edits may still be allowed.
        """
        seconds_left = self._quiet_until.get(method, 0.0) - self._clock.monotonic()
        if seconds_left > 0:
            raise _rate_limit_error(
                f"{method} ({self.channel}): next attempt in {seconds_left:.0f} s", seconds_left
            )

    async def post(
        self,
        message: SlackMessage,
        *,
        payload: Mapping[str, Any],
        thread: str | None = None,
        broadcast: bool = False,
    ) -> tuple[str, str]:
        """Post a message, to `thread` if given, and return its channel and ts. Raises GoneError."""
        arguments: dict[str, Any] = {"thread_ts": thread} if thread else {}
        if thread and broadcast:
            arguments["reply_broadcast"] = True
        reply = await self._call(
            POST,
            self._client.chat_postMessage(
                channel=self.channel,
                text=message.text,
                blocks=message.blocks,
                metadata={"event_type": EVENT_TYPE, "event_payload": dict(payload)},
                unfurl_links=False,
                unfurl_media=False,
                **arguments,
            ),
            is_post=True,
        )
        return _required_text(reply, "channel"), _required_text(reply, "ts")

    async def update(self, message: SlackMessage, *, channel: str, ts: str) -> None:
        """Replace a message: text and blocks both, as Slack drops blocks that are not sent."""
        await self._call(
            "chat.update",
            self._client.chat_update(
                channel=channel, ts=ts, text=message.text, blocks=message.blocks
            ),
        )

    async def permalink(self, *, channel: str, ts: str) -> str:
        """Return the address of a message; empty where Slack does not say."""
        try:
            reply = await self._call(
                "chat.getPermalink", self._client.chat_getPermalink(channel=channel, message_ts=ts)
            )
        except (model.WatcherError, GoneError):
            return ""  # a link is a convenience
        return str(reply.get("permalink") or "")

    async def history(self, *, since: datetime) -> AsyncIterator[Reply]:
        """Read the channel's own messages from `since` on, with their metadata."""
        async for message in self._pages(
            "conversations.history", channel=self.channel, oldest=f"{since.timestamp():.6f}"
        ):
            yield message

    async def replies(self, *, channel: str, ts: str) -> AsyncIterator[Reply]:
        """Read a thread, with metadata. Raises GoneError."""
        async for message in self._pages("conversations.replies", channel=channel, ts=ts):
            yield message

    async def upload_url(self, filename: str, size: int, *, alt_text: str = "") -> tuple[str, str]:
        """Announce a file of `size` bytes; return its id and the address for the bytes."""
        reply = await self._call(
            "files.getUploadURLExternal",
            self._client.files_getUploadURLExternal(
                filename=filename, length=size, alt_txt=alt_text or None
            ),
        )
        return _required_text(reply, "file_id"), _required_text(reply, "upload_url")

    async def send_bytes(self, url: str, content: bytes) -> bool:
        """Send a file's bytes; return False if the address has expired. It needs no token."""
        try:
            async with self._session.post(
                url,
                data=content,
                headers={"Content-Type": "application/octet-stream"},
                timeout=aiohttp.ClientTimeout(total=UPLOAD_SECONDS),
                allow_redirects=False,
            ) as response:
                if response.status == 429:
                    raise _rate_limit_error("file upload", _retry_after(response.headers))
                if response.status >= 500:
                    raise model.TemporaryError(
                        f"Slack failed: file upload answered {response.status}"
                    )
                return response.status == 200
        except (aiohttp.ClientError, TimeoutError) as error:
            raise model.TemporaryError(
                f"Slack did not answer: file upload ({_name(error)})"
            ) from error

    async def share(
        self, file: str, *, title: str, comment: str, channel: str, thread: str
    ) -> None:
        """Share an uploaded file in a thread. Raises GoneError."""
        await self._call(
            SHARE,
            self._client.files_completeUploadExternal(
                files=[{"id": file, "title": title}],
                channel_id=channel,
                thread_ts=thread,
                initial_comment=comment or None,
            ),
            is_post=True,
        )

    async def _pages(self, method: str, **arguments: Any) -> AsyncIterator[Reply]:
        """Read page by page; a search that a rate limit stopped goes on where it was."""
        search = f"{method} {arguments}"
        pages_read, cursor = self._unread.pop(search, (0, ""))
        for page in range(pages_read, _MOST_PAGES):
            if cursor:
                arguments["cursor"] = cursor
            try:
                reply = await self._call(
                    method,
                    self._client.api_call(
                        method,
                        http_verb="GET",
                        params={"limit": _PAGE, "include_all_metadata": True, **arguments},
                    ),
                )
            except model.TemporaryError:
                self._unread[search] = (page, cursor)
                raise
            for message in reply.get("messages") or ():
                if isinstance(message, dict):
                    yield message
            cursor = (reply.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return
        raise model.PermanentError(
            f"Too many Slack messages to search: {method} ({self.channel}): more than"
            f" {_MOST_PAGES * _PAGE} messages"
        )

    async def _call(self, method: str, call: Awaitable[Any], *, is_post: bool = False) -> Reply:
        place = f"{method} ({self.channel})" if self.channel else method
        unanswered = model.AmbiguousError if is_post else model.TemporaryError
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                reply = (await call).data
        except SlackApiError as error:
            advice = _APP_ADVICE if method == OPEN else _ADVICE
            fault = _translate_error(error, place, advice, is_post=is_post)
            if isinstance(fault, model.TemporaryError) and fault.delay is not None:
                self._quiet_until[method] = self._clock.monotonic() + fault.delay
            raise fault from error
        except aiohttp.ClientConnectorError as error:  # nothing has been sent
            raise model.TemporaryError(
                f"Slack could not be reached: {place}: {error.strerror}"
            ) from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise unanswered(f"Slack did not answer: {place} ({_name(error)})") from error
        except (AttributeError, UnicodeDecodeError, json.JSONDecodeError) as error:
            # slack-sdk trusts that an answer is a JSON object.
            raise unanswered(f"Invalid answer from Slack: {place}") from error
        if not isinstance(reply, dict):
            raise unanswered(f"Invalid answer from Slack: {place}")
        return reply


def _rate_limit_error(place: str, delay: float | None) -> model.TemporaryError:
    return model.TemporaryError(
        f"Slack was rate-limited: {place}", delay=delay, narrow=delay is not None
    )


def _translate_error(
    error: SlackApiError, place: str, advices: Mapping[str, str], *, is_post: bool
) -> Exception:
    response = error.response
    # slack-sdk hands in its own response, or aiohttp's when the body was no JSON.
    status: int = getattr(response, "status_code", 0) or getattr(response, "status", 0)
    data = getattr(response, "data", None)
    body = data if isinstance(data, dict) else {}
    code = str(body.get("error") or "")
    unanswered = model.AmbiguousError if is_post else model.TemporaryError
    delay = _retry_after(getattr(response, "headers", None) or {})
    if status == 429 or code in _RATE_LIMITED:
        return _rate_limit_error(place, delay)
    if code in _TEMPORARY:
        return model.TemporaryError(f"Slack failed: {place}: {code}", delay=delay)
    if code in GONE:
        return GoneError(code)
    if code in _UNKNOWN_OUTCOME or status >= 500:
        return unanswered(f"Slack failed: {place}: {code or f'answered {status}'}")
    if not code:
        return unanswered(
            f"Invalid answer from Slack: {place}: {status} without a JSON object; see slack.api_url"
        )
    advice = advices.get(code, "see Slack's page of this method")
    details = [str(body["needed"])] if body.get("needed") else []
    messages = (body.get("response_metadata") or {}).get("messages") or ()
    details += [str(message) for message in messages[:3]]
    more = f" ({'; '.join(details)[:500]})" if details else ""
    text = f"Slack refused the call ({code}): {place}{more}: {advice}"
    return RefusedError(text, code=code)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds in Retry-After, which Slack gives as a whole number."""
    value = next((v for k, v in headers.items() if k.lower() == "retry-after"), "")
    return float(value) if value.isdecimal() else None


def _required_text(reply: Reply, key: str) -> str:
    value = reply.get(key)
    if not isinstance(value, str) or not value:
        raise model.AmbiguousError(f"Slack's answer has no {key}")
    return value


def _name(error: Exception) -> str:
    return type(error).__name__
