"""Delivers incidents to one Slack channel: a parent message, edited in place, and its thread.

Law: an edit notifies nobody, so what people must notice becomes a post; each post is made once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import aiohttp
from aiolimiter import AsyncLimiter

from watcher import model, ports
from watcher.clock import Clock
from watcher.receivers import settings as receiver_settings
from watcher.receivers.slack import blocks, files, lookup, notification, thread
from watcher.receivers.slack.api import GoneError, SlackApi
from watcher.receivers.slack.message import SlackMessage, render_parent
from watcher.receivers.slack.session import PARENT, REPLY, SlackSession

MOST_REPLIES = 10  # more pending entries than this become one digest
DIGEST_AFTER = timedelta(minutes=5)  # several become one when one is older than this
_DUPLICATE, _LATE = "duplicate", "late"
_BURST = 5  # Slack takes about one message a second in a channel, and short bursts


class SlackReceiver:
    """One channel; `name` is the receiver's name in the settings."""

    def __init__(
        self,
        *,
        name: str,
        channel: receiver_settings.SlackReceiver,
        settings: receiver_settings.Slack,
        session: aiohttp.ClientSession,
        clock: Clock,
    ) -> None:
        self.name = name
        self._mention = channel.mention
        self._buttons = bool(settings.app_token.get_secret_value())
        self._api = SlackApi(
            settings=settings, channel=channel.channel, session=session, clock=clock
        )
        self._clock = clock
        self._rate_limit = AsyncLimiter(_BURST, _BURST)
        self._last_failure = thread.LastFailure()

    async def deliver(
        self, view: model.IncidentView, receipt: model.Receipt, delivery: ports.DeliverySession
    ) -> model.Receipt:
        """Bring the channel up to date. Raises TemporaryError or PermanentError."""
        if receipt.error:  # of another daemon, perhaps
            self._last_failure = thread.LastFailure(error=receipt.error)
        try:
            delivered = await self._deliver(view, receipt, delivery)
        except model.WatcherError as error:
            self._last_failure = thread.LastFailure(error=str(error))
            raise
        if self._last_failure.until is None:
            self._last_failure = replace(self._last_failure, until=self._clock.now())
        return delivered

    async def _deliver(
        self, view: model.IncidentView, receipt: model.Receipt, delivery: ports.DeliverySession
    ) -> model.Receipt:
        session = SlackSession(
            name=self.name,
            view=view,
            receipt=receipt,
            delivery=delivery,
            api=self._api,
            rate_limit=self._rate_limit,
            clock=self._clock,
            now=self._clock.now(),
        )
        try:
            await self._update_channel(session)
        except GoneError:
            # Somebody deleted the message: the incident needs a new one, with its files. Entries
            # that were in the old thread are not posted again.
            await session.save(handle={}, parent_version=0, files={}, intent="")
            session.unconfirmed = ""
            try:
                await self._update_channel(session)
            except GoneError as error:
                raise model.TemporaryError(
                    f"Slack ({self._api.channel}): the new message was deleted as well"
                ) from error
        return session.receipt

    async def send(self, text: str) -> None:
        """Post a sentence that belongs to no incident. Raises TemporaryError or PermanentError."""
        sentence = f":rotating_light: {blocks.escape(text, 600)}"
        sections = [blocks.section(f"{self._mention} {sentence}".lstrip())]
        message = SlackMessage(text=notification.fit(sentence, self._mention), blocks=sections)
        await self._api.post(message, payload={"receiver": self.name})

    async def _update_channel(self, session: SlackSession) -> None:
        """Post parent, entries and files, in the order in which people need them."""
        await lookup.resolve_intent(session)
        is_new = "ts" not in session.receipt.handle
        if not session.view.incident.notifies(self.name):
            # An edit calls nobody, and a channel that was notified before shows what is so now.
            if not is_new and session.receipt.parent_version != session.view.incident.version:
                await self._edit_parent(session)
            return
        if is_new:
            await self._post_parent(session)
        elif session.receipt.parent_version != session.view.incident.version:
            await self._edit_parent(session)
        # A new parent has just mentioned people, so its first entries need not.
        await self._post_entries(session, mentions=not is_new)
        await files.share_files(session)

    async def _post_parent(self, session: SlackSession) -> None:
        duplicate = session.unconfirmed == PARENT
        late = thread.late_notice(session.view.incident, session.now, self._last_failure)
        message = render_parent(
            session.view,
            now=session.now,
            mention=self._mention,
            duplicate=duplicate,
            late=late,
            buttons=self._buttons,
        )
        version = session.view.incident.version
        channel, ts = await session.perform(
            PARENT, lambda: self._api.post(message, payload=session.payload(version=version))
        )
        handle = {"channel": channel, "ts": ts}
        # Kept, so that later edits repeat it.
        handle |= {_DUPLICATE: "possible"} if duplicate else {}
        handle |= {_LATE: late} if late else {}
        await session.save(handle=handle, parent_version=version, intent="")

    async def _edit_parent(self, session: SlackSession) -> None:
        message = render_parent(
            session.view,
            now=session.now,
            mention=self._mention,
            duplicate=_DUPLICATE in session.receipt.handle,
            late=session.receipt.handle.get(_LATE, ""),
            buttons=self._buttons,
        )
        channel, ts = session.thread
        await self._api.update(message, channel=channel, ts=ts)
        # Editing twice does no harm, so this becomes durable with the next post or at the end.
        session.receipt = replace(session.receipt, parent_version=session.view.incident.version)

    async def _post_entries(self, session: SlackSession, *, mentions: bool) -> None:
        delivered = session.receipt.told_through
        pending = [entry for entry in session.view.timeline if entry.number > delivered]
        posts = [entry for entry in pending if thread.is_posted(entry)]
        if _is_backlog(posts, session):
            await self._post_reply(session, posts, mentions=mentions)
        else:
            for entry in posts:
                await self._post_reply(session, [entry], mentions=mentions)
        if pending:
            session.receipt = replace(session.receipt, told_through=pending[-1].number)

    async def _post_reply(
        self, session: SlackSession, entries: Sequence[model.Entry], *, mentions: bool
    ) -> None:
        first, last = entries[0], entries[-1]
        incident = session.view.incident
        urgent = mentions and any(notification.is_broadcast(incident, entry) for entry in entries)
        duplicate = session.unconfirmed.startswith(f"{REPLY} ")
        message = thread.render_reply(
            session.view,
            entries,
            now=session.now,
            mention=self._mention if urgent else "",
            duplicate=duplicate,
            reason=self._last_failure.reason(first.at),
        )
        span = f"{first.number}-{last.number}" if len(entries) > 1 else f"{first.number}"
        payload = session.payload(event_id=last.event_id, entries=span)
        _, ts = session.thread
        await session.perform(
            f"{REPLY} {last.number}",
            lambda: self._api.post(message, payload=payload, thread=ts, broadcast=urgent),
        )
        if duplicate:
            session.unconfirmed = ""
        await session.save(told_through=last.number, intent="")


def _is_backlog(posts: Sequence[model.Entry], session: SlackSession) -> bool:
    if len(posts) > MOST_REPLIES:
        return True
    return len(posts) > 1 and session.now - posts[0].at > DIGEST_AFTER
