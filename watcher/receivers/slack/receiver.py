"""Tells incidents in one Slack channel: a parent that is edited in place, and its thread.

Law: an edit notifies nobody, so what people must notice is also a post; a post is made once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import aiohttp
from aiolimiter import AsyncLimiter

from watcher import model, ports
from watcher.clock import Clock
from watcher.receivers import settings
from watcher.receivers.slack import blocks, files, thread
from watcher.receivers.slack.api import GoneError, SlackApi
from watcher.receivers.slack.message import SlackMessage, render_parent
from watcher.receivers.slack.session import PARENT, REPLY, SlackSession

MOST_REPLIES = 10  # more owed entries than this become one digest
DIGEST_AFTER = timedelta(minutes=5)  # and so do several, when one of them is older than this
_DUPLICATE, _LATE = "duplicate", "late"
_BURST = 5  # Slack takes about one message a second in a channel, and short bursts


class SlackReceiver:
    """One channel, told as `name`."""

    def __init__(
        self,
        *,
        name: str,
        channel: settings.SlackReceiver,
        keys: settings.Slack,
        session: aiohttp.ClientSession,
        clock: Clock,
    ) -> None:
        self.name = name
        self._mention = channel.mention
        self._buttons = bool(keys.app_token.get_secret_value())
        self._api = SlackApi(keys=keys, channel=channel.channel, session=session, clock=clock)
        self._clock = clock
        self._pace = AsyncLimiter(_BURST, _BURST)
        self._trouble = thread.Trouble()

    async def deliver(
        self, view: model.IncidentView, receipt: model.Receipt, delivery: ports.DeliverySession
    ) -> model.Receipt:
        """Bring the channel up to the dossier. Raises TemporaryError or PermanentError."""
        if receipt.error:  # a daemon before us had it
            self._trouble = thread.Trouble(error=receipt.error)
        try:
            told = await self._tell(view, receipt, delivery)
        except model.WatcherError as error:
            self._trouble = thread.Trouble(error=str(error))
            raise
        if self._trouble.until is None:
            self._trouble = replace(self._trouble, until=self._clock.now())
        return told

    async def _tell(
        self, view: model.IncidentView, receipt: model.Receipt, delivery: ports.DeliverySession
    ) -> model.Receipt:
        visit = SlackSession(
            name=self.name,
            view=view,
            receipt=receipt,
            delivery=delivery,
            api=self._api,
            pace=self._pace,
            clock=self._clock,
            now=self._clock.now(),
        )
        try:
            await self._bring_up(visit)
        except GoneError:
            # Somebody deleted the message: the incident needs a new one, with its files. What
            # the old thread told stays told.
            await visit.keep(handle={}, parent_version=0, files={}, intent="")
            visit.unsure = ""
            try:
                await self._bring_up(visit)
            except GoneError as error:
                raise model.TemporaryError(
                    f"Slack ({self._api.channel}): the new message was deleted as well"
                ) from error
        return visit.receipt

    async def cry(self, text: str) -> None:
        """Post a sentence that belongs to no incident. Raises TemporaryError or PermanentError."""
        said = blocks.say(text, 500)
        called = f"{self._mention} {said}".lstrip()
        message = SlackMessage(text=called, blocks=[blocks.section(f":rotating_light: {called}")])
        await self._api.post(message, payload={"receiver": self.name})

    async def _bring_up(self, visit: SlackSession) -> None:
        """Parent, entries, files: what people need first comes first."""
        await visit.settle_intent()
        fresh = "ts" not in visit.receipt.handle
        if fresh:
            await self._post_parent(visit)
        elif visit.receipt.parent_version != visit.view.incident.version:
            await self._edit_parent(visit)
        await self._post_entries(visit, calling=not fresh)  # else the parent has just called
        await files.share(visit)

    async def _post_parent(self, visit: SlackSession) -> None:
        duplicate = visit.unsure == PARENT
        late = thread.late_parent(visit.view.incident, visit.now, self._trouble)
        message = render_parent(
            visit.view,
            now=visit.now,
            mention=self._mention,
            duplicate=duplicate,
            late=late,
            buttons=self._buttons,
        )
        version = visit.view.incident.version
        channel, ts = await visit.act(
            PARENT, lambda: self._api.post(message, payload=visit.payload(version=version))
        )
        handle = {"channel": channel, "ts": ts}
        # So that its edits go on saying so:
        handle |= {_DUPLICATE: "possible"} if duplicate else {}
        handle |= {_LATE: late} if late else {}
        await visit.keep(handle=handle, parent_version=version, intent="")

    async def _edit_parent(self, visit: SlackSession) -> None:
        message = render_parent(
            visit.view,
            now=visit.now,
            mention=self._mention,
            duplicate=_DUPLICATE in visit.receipt.handle,
            late=visit.receipt.handle.get(_LATE, ""),
            buttons=self._buttons,
        )
        channel, ts = visit.thread
        await self._api.update(message, channel=channel, ts=ts)
        # Editing twice does no harm, so this becomes durable with the next act or at the end.
        visit.receipt = replace(visit.receipt, parent_version=visit.view.incident.version)

    async def _post_entries(self, visit: SlackSession, *, calling: bool) -> None:
        told = visit.receipt.told_through
        owed = [entry for entry in visit.view.timeline if entry.number > told]
        posts = [entry for entry in owed if thread.is_posted(entry)]
        if _is_backlog(posts, visit):
            await self._post_reply(visit, posts, calling=calling)
        else:
            for entry in posts:
                await self._post_reply(visit, [entry], calling=calling)
        if owed:
            visit.receipt = replace(visit.receipt, told_through=owed[-1].number)

    async def _post_reply(
        self, visit: SlackSession, entries: Sequence[model.Entry], *, calling: bool
    ) -> None:
        first, last = entries[0], entries[-1]
        critical = visit.view.incident.severity is model.Severity.CRITICAL
        loud = calling and critical and any(entry.notify for entry in entries)
        duplicate = visit.unsure.startswith(f"{REPLY} ")
        message = thread.reply(
            visit.view,
            entries,
            now=visit.now,
            mention=self._mention if loud else "",
            duplicate=duplicate,
            why=self._trouble.why(first.at),
        )
        span = f"{first.number}-{last.number}" if len(entries) > 1 else f"{first.number}"
        payload = visit.payload(event_id=last.event_id, entries=span)
        _, ts = visit.thread
        await visit.act(
            f"{REPLY} {last.number}",
            lambda: self._api.post(message, payload=payload, thread=ts, broadcast=loud),
        )
        if duplicate:
            visit.unsure = ""
        await visit.keep(told_through=last.number, intent="")


def _is_backlog(posts: Sequence[model.Entry], visit: SlackSession) -> bool:
    if len(posts) > MOST_REPLIES:
        return True
    return len(posts) > 1 and visit.now - posts[0].at > DIGEST_AFTER
