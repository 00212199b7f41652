"""What became of a post whose outcome is unknown: it is looked up in Slack before it is repeated.

An intent is left over from a crash, or from an answer that never came (law 5). Our metadata in the
messages, and the ids of files, tell whether the post was made. Where the look-up itself fails, the
post is repeated as a possible duplicate.
"""

from __future__ import annotations

import contextlib
from datetime import timedelta

from watcher import model
from watcher.receivers.slack import parent
from watcher.receivers.slack.answers import PostedMessage
from watcher.receivers.slack.refusals import GoneError
from watcher.receivers.slack.session import FILE, MOVED, PARENT, REPLY, UNTAKEN, SlackSession

MOST_LOOKUPS = 3  # failed look-ups, before a post is repeated without knowing
_MARGIN = timedelta(minutes=5)  # Slack says its time to the second, and answers take a while


async def resolve_intent(session: SlackSession) -> None:
    """Find out whether the post of an earlier delivery's intent was made."""
    if session.intended_at is not None:
        return  # it is this delivery's own
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
    since = min(session.view.incident.opened_at, session.now) - _MARGIN
    # What replaces a message is newer than it.
    async for message in session.api.history(since=since, after=replaces):
        if not _is_ours(session, message) or "event_id" in message.payload:
            continue
        if message.payload.get("replaces", "") == replaces:
            await parent.adopt(
                session,
                channel=session.api.channel,
                ts=message.ts,
                version=message.number("version"),
                late="",
            )
            return


async def _find_reply(session: SlackSession, number: int) -> None:
    channel, ts = session.thread
    expected = f"{session.view.incident.id}-{number}"
    async for message in session.api.replies(channel=channel, ts=ts):
        if _is_ours(session, message) and message.payload.get("event_id") == expected:
            told_through = max(session.receipt.told_through, number)
            await session.save(told_through=told_through, intent="")
            return


async def _find_file(session: SlackSession, key: str) -> None:
    channel, ts = session.thread
    expected = session.receipt.files.get(key, "").partition(" ")[2]
    async for message in session.api.replies(channel=channel, ts=ts):
        if expected in message.files:
            await session.save_file(key, f"done {expected}")
            return


async def _find_sentence_about_file(session: SlackSession, key: str) -> None:
    channel, ts = session.thread
    async for message in session.api.replies(channel=channel, ts=ts):
        if _is_ours(session, message) and message.payload.get("file") == key:
            await session.save_file(key, UNTAKEN)
            return


async def _find_last_reply(session: SlackSession) -> None:
    old, new = parent.moved(session)
    if not old:
        return
    with contextlib.suppress(GoneError):  # then it needs no last reply
        async for message in session.api.replies(channel=session.thread[0], ts=old):
            if _is_ours(session, message) and message.payload.get("moved") == new:
                await parent.forget_old_thread(session)
                return


def _is_ours(session: SlackSession, message: PostedMessage) -> bool:
    """Whether it is a message of this incident and receiver."""
    return (
        message.payload.get("incident") == session.view.incident.id
        and message.payload.get("receiver") == session.name
    )
