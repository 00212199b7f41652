"""What Slack's Web API answers: checked, and every refusal as one of our errors.

Law: nothing of an answer is trusted to have the type that its page promises. What is quoted in an
error is cleaned, short, and without the token.
Source: docs.slack.dev, the page of each method, and Slack's page on rate limits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from watcher import model, text
from watcher.http import exchange
from watcher.http.headers import parse_retry_after
from watcher.receivers.slack.refusals import GONE, GoneError, RefusedError

Answer = Mapping[str, Any]
EVENT_TYPE = "watcher_incident"  # of the metadata in our messages
OPEN = "apps.connections.open"
_TS = re.compile(r"[0-9]{1,15}\.[0-9]{1,9}")
MOST_FAULTS = 20  # that a layout may be refused for, of those that are shown
_MOST_QUOTED = 3  # of the messages that explain a refusal


_AUTH = frozenset(
    {
        *("invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive"),
        *("missing_scope", "no_permission", "not_allowed_token_type", "org_login_required"),
    }
)
_RATE_LIMITED = {"ratelimited", "rate_limited"}
_TEMPORARY = {"service_unavailable", "request_timeout", "timeout"}
# "It's possible some aspect of the operation succeeded before the error was raised" (Slack).
_UNKNOWN_OUTCOME = {"internal_error", "fatal_error"}
_ADVICE = {
    "account_inactive": "the bot was removed; install the app again and set slack.bot_token",
    "channel_not_found": "there is no such channel, or the bot cannot see it: check the channel id,"
    " and invite the bot if it is private",
    "expired_trigger_id": "Slack waits 3 seconds for a form: press again",
    "invalid_auth": "the token is wrong: set slack.bot_token (xoxb-...)",
    "is_archived": "the channel is archived: unarchive it, or configure another",
    "missing_scope": "the app lacks a scope: add it, and install the app again",
    "not_authed": "the token is missing: set slack.bot_token (xoxb-...)",
    "not_allowed_token_type": "the token is of another kind: set slack.bot_token to the bot's token"
    " (xoxb-...)",
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


class PostedMessage(Struct, frozen=True, kw_only=True):
    """A message in a channel or thread; `payload` is our metadata, empty in those of others."""

    ts: str
    payload: Mapping[str, Any]
    files: tuple[str, ...]

    def number(self, key: str) -> int:
        """Return a number of the payload; 0 when it is none that we wrote."""
        value = self.payload.get(key)
        return value if isinstance(value, int) and 0 <= value < 2**31 else 0


def parse_answer(
    reply: exchange.Reply, now: datetime, *, method: str, is_post: bool = False
) -> Answer:
    """Return a successful answer. Raises the model's errors for every other one, or GoneError."""
    body = _parse_object(reply)
    if reply.status == 200 and body.get("ok") is True:
        return body
    raise _translate(reply, body, now, method=method, is_post=is_post)


def required_text(answer: Answer, key: str) -> str:
    """Return a text that must be there. Raises AmbiguousError, as the call has been made."""
    value = answer.get(key)
    if not isinstance(value, str) or not value:
        raise model.AmbiguousError(f"Slack's answer has no {key}")
    return value


def required_ts(answer: Answer) -> str:
    """Return the ts of what was posted, which is a number with six decimals."""
    ts = required_text(answer, "ts")
    if not _TS.fullmatch(ts):
        raise model.AmbiguousError("Slack's answer has no ts")
    return ts


def messages_in(answer: Answer) -> Iterator[PostedMessage]:
    """Read the messages of a page; what is none is passed over."""
    for message in _items(answer.get("messages")):
        if not isinstance(message, dict) or not _TS.fullmatch(text.as_text(message.get("ts"))):
            continue
        metadata = _object(message.get("metadata"))
        is_ours = metadata.get("event_type") == EVENT_TYPE
        ids = [_object(file).get("id") for file in _items(message.get("files"))]
        yield PostedMessage(
            ts=message["ts"],
            payload=_object(metadata.get("event_payload")) if is_ours else {},
            files=tuple(file for file in ids if isinstance(file, str)),
        )


def next_cursor(answer: Answer) -> str:
    """Return where the next page begins; empty when there is none."""
    cursor = _object(answer.get("response_metadata")).get("next_cursor")
    return cursor if isinstance(cursor, str) else ""


def rate_limit_error(place: str, delay: float | None) -> model.TemporaryError:
    """Return the error of a rate limit, which Slack has for each method."""
    limited = model.TemporaryError(
        f"Slack was rate-limited: {place}", delay=delay, narrow=delay is not None
    )
    limited.because(model.FailureReason.RATE_LIMITED)
    return limited


def _translate(
    reply: exchange.Reply, body: Answer, now: datetime, *, method: str, is_post: bool
) -> Exception:
    place, status = reply.place, reply.status
    unanswered = model.AmbiguousError if is_post else model.TemporaryError
    code = text.clean(reply.redact(text.as_text(body.get("error"))), 60)
    delay = parse_retry_after(reply.headers.get("Retry-After", ""), now)
    if status == 429 or code in _RATE_LIMITED:
        return rate_limit_error(place, delay)
    if code in _TEMPORARY:
        return model.TemporaryError(f"Slack failed: {place}: {code}", delay=delay)
    if code in GONE:
        return GoneError(code)
    if code in _UNKNOWN_OUTCOME or status >= 500:
        return unanswered(f"Slack failed: {place}: {code or f'answered {status}'}")
    if not code:
        what = "a redirect" if 300 <= status < 400 else "without a JSON object"
        return unanswered(
            f"Invalid answer from Slack: {place}: {status}, {what}; see slack.api_url"
        )
    return _refusal(reply, body, code, _APP_ADVICE if method == OPEN else _ADVICE)


def _refusal(
    reply: exchange.Reply, body: Answer, code: str, advices: Mapping[str, str]
) -> RefusedError:
    """Return what Slack refuses, with what it says about why."""
    advice = advices.get(code, "see Slack's page of this method")
    details = [body.get("needed"), *_items(_object(body.get("response_metadata")).get("messages"))]
    quoted = [
        text.clean(reply.redact(detail))
        for detail in details[: _MOST_QUOTED + 1]
        if isinstance(detail, str) and detail
    ]
    more = f" ({'; '.join(quoted)[:500]})" if quoted else ""
    refusal = RefusedError(
        f"Slack refused the call ({code}): {reply.place}{more}: {advice}",
        code=code,
        faults=tuple(_faults(reply, body)),
    )
    if code in _AUTH:
        refusal.because(model.FailureReason.AUTH)
    return refusal


def _faults(reply: exchange.Reply, body: Answer) -> Iterator[str]:
    """Yield what blocks.validate finds wrong: where, and what."""
    for fault in _items(body.get("errors"))[:MOST_FAULTS]:
        parts = [text.as_text(_object(fault).get(key)) for key in ("pointer", "message")]
        yield text.clean(reply.redact(": ".join(part for part in parts if part)))


def _parse_object(reply: exchange.Reply) -> Answer:
    """Decode a JSON object; empty for any other body."""
    try:
        return _object(msgspec.json.decode(reply.body))
    except exchange.MALFORMED:
        return {}


def _object(value: object) -> Answer:
    return value if isinstance(value, dict) else {}


def _items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
