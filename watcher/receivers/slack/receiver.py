"""Delivers incidents to one Slack channel: a parent message, edited in place, and its thread.

Law: an edit notifies nobody, so what people must notice becomes a post; each post is made once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

import aiohttp
from aiolimiter import AsyncLimiter
from msgspec.structs import replace

from watcher import model, ports
from watcher.clock import Clock
from watcher.operations.links import NOWHERE, Addresses
from watcher.receivers import settings as receiver_settings
from watcher.receivers.slack import (
    blocks,
    files,
    lookup,
    notification,
    parent,
    refusals,
    thread,
)
from watcher.receivers.slack.api import RateLimits, SlackApi
from watcher.receivers.slack.message import SlackMessage
from watcher.receivers.slack.refusals import GoneError
from watcher.receivers.slack.session import PARENT, REPLY, SlackSession
from watcher.receivers.slack.template import MessageTemplate

MOST_REPLIES = 10  # more pending entries than this become one digest
DIGEST_AFTER = timedelta(minutes=5)  # several become one when one is older than this
_BURST = 5  # Slack takes about one message a second in a channel, and short bursts


class SlackReceiver:
    """One channel; `name` is the receiver's name in the settings."""

    first_intent = PARENT  # implements ports.Intending

    def __init__(
        self,
        *,
        name: str,
        channel: receiver_settings.SlackReceiver,
        settings: receiver_settings.Slack,
        session: aiohttp.ClientSession,
        clock: Clock,
        limits: RateLimits | None = None,
        template: MessageTemplate | None = None,
        find_mention: Callable[[str], str] = str,
        addresses: Addresses = NOWHERE,
    ) -> None:
        self._addresses = addresses
        self.name = name
        self._written_mention = channel.mention
        self._find_mention = find_mention
        self._template = template
        self._buttons = bool(settings.app_token.get_secret_value())
        self._api = SlackApi(
            settings=settings,
            channel=channel.channel,
            session=session,
            clock=clock,
            limits=limits,
        )
        self._clock = clock
        self._rate_limit = AsyncLimiter(_BURST, _BURST)
        self._last_error = ""
        self._failed_until: float | None = None  # on the monotonic clock; None while it lasts

    @property
    def _last_failure(self) -> thread.LastFailure:
        if self._failed_until is None:
            return thread.LastFailure(error=self._last_error)
        ago = timedelta(seconds=self._clock.monotonic() - self._failed_until)
        return thread.LastFailure(error=self._last_error, until=self._clock.now() - ago)

    @property
    def _mention(self) -> str:
        """What calls people now: a rota hands over from one to the next."""
        return self._find_mention(self._written_mention)

    @property
    def _appearance(self) -> parent.Appearance:
        return parent.Appearance(
            mention=self._mention,
            buttons=self._buttons,
            template=self._template,
            addresses=self._addresses,
        )

    async def try_out(self) -> bool:
        """Return whether the token is valid and reads the channel; implements ports.Trying.

        What cannot be read is left to `watcher check --connect`: a message may be posted there all
        the same.
        """
        await self._api.check()
        try:
            await self._api.read_one()
        except model.PermanentError:
            return False
        return True

    async def deliver(
        self, view: model.IncidentView, receipt: model.Receipt, delivery: ports.DeliverySession
    ) -> model.Receipt:
        """Bring the channel up to date. Raises TemporaryError or PermanentError."""
        if receipt.error:  # of another daemon, perhaps
            self._last_error, self._failed_until = receipt.error, None
        try:
            delivered = await self._deliver(view, receipt, delivery)
        except model.WatcherError as error:
            self._last_error, self._failed_until = str(error), None
            raise
        if self._failed_until is None:
            self._failed_until = self._clock.monotonic()
        return delivered

    async def _deliver(
        self, view: model.IncidentView, receipt: model.Receipt, delivery: ports.DeliverySession
    ) -> model.Receipt:
        session = SlackSession(
            name=self.name,
            view=view,
            receipt=replace(receipt, due=None),  # what it was due for is done now, or set again
            delivery=delivery,
            api=self._api,
            rate_limit=self._rate_limit,
            clock=self._clock,
            now=self._clock.now(),
            intended_at=delivery.intended_at,
        )
        try:
            await self._update_channel(session)
        except GoneError:
            # Entries that were in the old thread are not posted again.
            await parent.forget(session)
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
        await refusals.send(
            message, lambda form: self._api.post(form, payload={"receiver": self.name})
        )

    async def _update_channel(self, session: SlackSession) -> None:
        """Post parent, entries and files, in the order in which people need them.

        Of an incident that this channel is not notified of now, a message that is there already is
        kept true, which notifies nobody; nothing is posted.
        """
        await lookup.resolve_intent(session)
        if not parent.is_posted(session) and _says_nothing(session):
            session.drop_intent()
            return
        late_edit: model.TemporaryError | None = None
        has_mentioned = False
        try:
            has_mentioned = await parent.bring_up_to_date(
                session, self._appearance, self._last_failure
            )
        except model.TemporaryError as error:
            if not error.narrow or not parent.is_posted(session):
                raise
            late_edit = error  # edits are limited by themselves: replies need not wait for them
        if session.may_post:
            # A new parent has just mentioned people, so its first entries need not.
            await self._post_entries(session, mentions=not has_mentioned)
            await files.share_files(session)
            session.receipt = replace(session.receipt, due=files.next_list_at(session))
        if late_edit is not None:
            raise late_edit

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
        everybody = mentions and any(
            notification.is_broadcast(incident, entry) for entry in entries
        )
        called = notification.people_called(incident, entries)
        mention = " ".join(dict.fromkeys([*([self._mention] if everybody else []), *called]))
        shown = any(notification.is_shown_to_all(incident, entry) for entry in entries)
        broadcast = everybody or shown or bool(called)
        duplicate = session.unconfirmed.startswith(f"{REPLY} ")
        message = thread.render_reply(
            session.view,
            entries,
            now=session.now,
            mention=mention,
            duplicate=duplicate,
            reason=self._last_failure.reason(first.at),
        )
        span = f"{first.number}-{last.number}" if len(entries) > 1 else f"{first.number}"
        payload = session.payload(event_id=last.event_id, entries=span)
        _, ts = session.thread
        await session.perform(
            f"{REPLY} {last.number}",
            lambda: refusals.send_or_stub(
                message,
                lambda form: self._api.post(form, payload=payload, thread=ts, broadcast=broadcast),
                incident,
            ),
        )
        if duplicate:
            session.unconfirmed = ""
        await session.save(told_through=last.number, intent="")


def _says_nothing(session: SlackSession) -> bool:
    """Return whether an incident that was never posted stays so, and note what it is up to.

    What is suppressed now may be posted later; what was suppressed when it ended is not.
    """
    incident = session.view.incident
    if not session.may_post:
        return True
    if incident.end is None or not incident.suppressed_by:
        return False
    session.receipt = replace(
        session.receipt, parent_version=incident.version, told_through=incident.entries
    )
    return True


def _is_backlog(posts: Sequence[model.Entry], session: SlackSession) -> bool:
    if len(posts) > MOST_REPLIES:
        return True
    return len(posts) > 1 and session.now - posts[0].at > DIGEST_AFTER
