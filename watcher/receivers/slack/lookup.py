"""What became of a post whose outcome is unknown: it is looked up in Slack before it is repeated.

An intent is left over from a crash, or from an answer that never came (law 5). Our metadata in the
messages, and the ids of files, tell whether the post was made. Where the look-up itself fails, the
post is repeated as a possible duplicate.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any

from watcher import model
from watcher.receivers.slack import parent
from watcher.receivers.slack.api import EVENT_TYPE, Reply
from watcher.receivers.slack.refusals import GoneError
from watcher.receivers.slack.session import FILE, MOVED, PARENT, REPLY, UNTAKEN, SlackSession

MOST_LOOKUPS = 3  # failed look-ups, before a post is repeated without knowing
_CLOCK_SKEW = timedelta(minutes=5)  # between us and Slack, at most


async def resolve_intent(session: SlackSession) -> None:
    """Find out whether the post of an earlier delivery's intent was made."""
    intent = session.receipt.intent
    kind, _, key = intent.partition(" ")
    try:
        if kind == PARENT:
            await _find_parent(session)
        elif kind == REPLY:
            await _find_reply(session, int(key))
        elif kind == FILE:
            await _find_file(session, key)
        elif kind == UNTAKEN:
            await _find_sentence_about_file(session, key)
        elif kind == MOVED:
            await _find_last_reply(session)
    except model.PermanentError:
        session.unconfirmed = intent
    except model.TemporaryError:
        if session.receipt.failures < MOST_LOOKUPS:
            raise
        session.unconfirmed = intent


async def _find_parent(session: SlackSession) -> None:
    replaces = parent.predecessor(session.receipt.handle)
    since = session.view.incident.opened_at - _CLOCK_SKEW
    if replaces:  # what replaces a message is newer than it
        since = max(since, datetime.fromtimestamp(float(replaces), UTC))
    async for message in session.api.history(since=since):
        metadata = _metadata(session, message)
        if metadata is None or "event_id" in metadata:
            continue
        if metadata.get("replaces", "") == replaces:
            await parent.adopt(
                session,
                channel=session.api.channel,
                ts=str(message["ts"]),
                version=int(metadata.get("version", 0)),
                late="",
            )
            return


async def _find_reply(session: SlackSession, number: int) -> None:
    channel, ts = session.thread
    expected = f"{session.view.incident.id}-{number}"
    async for message in session.api.replies(channel=channel, ts=ts):
        metadata = _metadata(session, message)
        if metadata is not None and metadata.get("event_id") == expected:
            told_through = max(session.receipt.told_through, number)
            await session.save(told_through=told_through, intent="")
            return


async def _find_file(session: SlackSession, key: str) -> None:
    channel, ts = session.thread
    expected = session.receipt.files.get(key, "").partition(" ")[2]
    async for message in session.api.replies(channel=channel, ts=ts):
        if any(file.get("id") == expected for file in message.get("files") or ()):
            await session.save_file(key, f"done {expected}")
            return


async def _find_sentence_about_file(session: SlackSession, key: str) -> None:
    channel, ts = session.thread
    async for message in session.api.replies(channel=channel, ts=ts):
        metadata = _metadata(session, message)
        if metadata is not None and metadata.get("file") == key:
            await session.save_file(key, UNTAKEN)
            return


async def _find_last_reply(session: SlackSession) -> None:
    old, new = parent.moved(session)
    if not old:
        return
    with contextlib.suppress(GoneError):  # then it needs no last reply
        async for message in session.api.replies(channel=session.thread[0], ts=old):
            metadata = _metadata(session, message)
            if metadata is not None and metadata.get("moved") == new:
                await parent.forget_old_thread(session)
                return


def _metadata(session: SlackSession, message: Reply) -> dict[str, Any] | None:
    """Return the metadata of a message of this incident and receiver; None for any other."""
    metadata = message.get("metadata") or {}
    payload = metadata.get("event_payload") or {}
    ours = (
        metadata.get("event_type") == EVENT_TYPE
        and payload.get("incident") == session.view.incident.id
        and payload.get("receiver") == session.name
    )
    return payload if ours else None
