"""Reads the mails of one mailbox that nobody has read yet, each on its own.

Law: where a mailbox was read up to is stored with each mail, after its notices; so a restart reads
nothing twice and leaves nothing out. A mail that its server cannot hand out comes last from then
on, and is tried again: it never holds up the others, and it is never forgotten. One that we cannot
read now comes last as well, and is rejected after some tries.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import structlog

from watcher import model, ports
from watcher.clock import Clock
from watcher.works import imap
from watcher.works.entries import UnreadError
from watcher.works.inbound import TRIES, Inbound
from watcher.works.rejected import keep_rejected
from watcher.works.settings import Imap, Works

BATCH = 50  # mails that are listed at once
MARGIN = timedelta(days=2)  # a search has days and no zone

log = structlog.get_logger()


class Open(Protocol):
    """Opens a session with the mail server; `imap.session`."""

    def __call__(self, settings: Imap, timeout: float) -> AbstractAsyncContextManager[imap.Session]:
        """Log in."""


class Keep(Protocol):
    """Keeps a message aside, with the reason; `keep_rejected`."""

    def __call__(
        self, directory: Path, content: bytes, reason: str, *, origin: str, now: datetime
    ) -> Path:
        """Return where it is now. Raises TemporaryError."""


class Mailbox:
    """Keeps in memory only which mails could not be fetched or read."""

    def __init__(
        self,
        config: Works,
        *,
        inbound: Inbound,
        mail_log: ports.MailLog,
        rejected: Path,
        clock: Clock,
        open_session: Open = imap.session,
        keep: Keep = keep_rejected,
    ) -> None:
        self._config = config
        self._imap = config.imap
        self.name = f"{config.imap.username}@{config.imap.host}/{config.imap.mailbox}"
        self._inbound = inbound
        self._log = mail_log
        self._keep = keep
        self._rejected = rejected
        self._clock = clock
        self._open = open_session
        self._failures: Counter[int] = Counter()  # of fetching mails, by UID: TRIES, then last
        self._unread: Counter[int] = Counter()  # of reading them, which the connection outlives
        self._others_are_fine = False  # so that a failure is the mail's and not the server's
        self._validity = 0

    async def check(self, until: float) -> tuple[str, ...]:
        """Read what is new, until a time on the monotonic clock; return remarks.

        Raises TemporaryError or PermanentError where the mailbox cannot be read.
        """
        timeout = self._config.timeout.total_seconds()
        async with self._open(self._imap, timeout) as session:
            folder = await session.examine(self._imap.mailbox)
            validity, last = await self._log.cursor(self.name)
            if folder.validity != validity or not validity:
                if validity:
                    log.info(
                        "UIDVALIDITY changed: mails are read again, by message id",
                        mailbox=self.name,
                    )
                last = 0
            if folder.validity != self._validity:
                self._validity = folder.validity
                self._failures.clear()
                self._unread.clear()
            since = (self._clock.now() - self._imap.since - timedelta(days=1)).date()
            uids = await session.search(after=last, since=since)
            self._failures = Counter({uid: n for uid, n in self._failures.items() if uid in uids})
            self._unread = Counter({uid: n for uid, n in self._unread.items() if uid in uids})
            return await self._read(session, _Progress(uids, last), until)

    async def _read(
        self, session: imap.Session, progress: _Progress, until: float
    ) -> tuple[str, ...]:
        suspects = {uid for uid in progress.uids if self._failures[uid] >= TRIES}
        queue = sorted(
            progress.uids,
            key=lambda uid: (uid in suspects and self._failures[uid], self._unread[uid]),
        )
        size = 1 if self._failures or self._unread else BATCH
        while queue and self._clock.monotonic() < until:
            batch, queue = queue[:size], queue[size:]
            try:
                if left := await self._read_batch(session, batch, progress):
                    queue, size = [*left, *queue], 1
            except model.TemporaryError as error:
                blamed = progress.current
                self._failures[blamed] += 1
                if blamed not in suspects or not self._others_are_fine:
                    raise
                if progress.problem:
                    raise progress.problem from error
                log.warning("a mail cannot be fetched", uid=blamed, error=str(error))
                return (f"the mail with UID {blamed} cannot be fetched: {error}",)
            for uid in batch:
                self._failures.pop(uid, None)
            self._others_are_fine = bool(self._failures)
        if progress.problem:
            raise progress.problem
        return (f"{model.format_count(len(queue), 'mail')} not read yet",) if queue else ()

    async def _read_batch(
        self, session: imap.Session, batch: Sequence[int], progress: _Progress
    ) -> Sequence[int]:
        """Return what is left of a batch after one that could not be read, and took its time."""
        progress.current = batch[0]
        listed = await session.sizes(batch)
        gone = set(batch) - {mail.uid for mail in listed}
        already_read = await self._log.already_read([self._key(mail) for mail in listed])
        for place, mail in enumerate(listed, start=1):
            if self._key(mail) in already_read:
                progress.done.add(mail.uid)
                continue
            progress.current = mail.uid
            try:
                await self._read_mail(session, mail)
            except model.PermanentError as error:  # the settings' fault: it stays to be read
                if not isinstance(progress.problem, model.PermanentError):
                    progress.problem = error
                continue
            except UnreadError as error:
                progress.problem = progress.problem or error
                progress.done.update(gone)
                await self._record(progress, [])
                return [later.uid for later in listed[place:]]
            self._unread.pop(mail.uid, None)
            progress.done.add(mail.uid)
            await self._record(progress, [self._key(mail)])
        progress.done.update(gone)
        await self._record(progress, [])
        return []

    async def _read_mail(self, session: imap.Session, mail: imap.Listed) -> None:
        most = self._config.max_bytes
        origin = f"mail {mail.message_id or f'UID {mail.uid}'}"
        too_large = f"it has {mail.size:,} bytes, more than {most:,} ([works] max_bytes)"
        if mail.size > most:
            self._inbound.reject(origin, f"{too_large}: it is only in the mailbox")
            return
        try:
            content = await session.mail(mail.uid, most + 1, mail.size)
        except imap.RefusedError as error:
            if error.passing:
                raise
            self._inbound.reject(origin, f"{error}: it is only in the mailbox")
            return
        if content is None:
            lost = "its server lists it, and answers without it"
            self._count_unread(mail.uid, origin, UnreadError(lost))
            self._inbound.reject(origin, f"{lost}: it is only in the mailbox")
            return
        if len(content) > most:
            self._inbound.reject(origin, f"it has more than {most:,} bytes: only in the mailbox")
            return
        try:
            reason = await self._inbound.take(content, origin)
        except UnreadError as error:
            self._count_unread(mail.uid, origin, error)
            reason = self._inbound.reject(origin, str(error))
        if reason:
            await self._keep_aside(content, reason, origin)

    def _count_unread(self, uid: int, origin: str, error: UnreadError) -> None:
        """Count an attempt. Raises UnreadError while there are some left."""
        self._unread[uid] += 1
        if self._unread[uid] < TRIES:
            raise UnreadError(f"{origin} is not read yet: {error}") from error

    async def _keep_aside(self, content: bytes, reason: str, origin: str) -> None:
        """Keep a mail for somebody to look at; the mailbox has it, whatever happens here."""
        try:
            await asyncio.to_thread(
                self._keep,
                self._rejected,
                content,
                reason,
                origin=origin,
                now=self._clock.now(),
            )
        except model.TemporaryError as error:
            log.warning("a rejected mail is only in the mailbox", origin=origin, error=str(error))

    def _key(self, mail: imap.Listed) -> str:
        """Return what makes a mail the same one: its id and size, so that no other one hides it.

        A mail without an id is known by its place.
        """
        what = mail.message_id or f"{self.name}\n{self._validity}\n{mail.uid}"
        return hashlib.sha256(f"{what}\n{mail.size}".encode()).hexdigest()

    async def _record(self, progress: _Progress, mails: Sequence[str]) -> None:
        now = self._clock.now()
        cursor = (self._validity, progress.cursor())
        forget = now - self._imap.since - MARGIN
        await self._log.record(self.name, cursor, mails, now, forget=forget)


class _Progress:
    """Which of the mails that were found have been read."""

    def __init__(self, uids: Sequence[int], last: int) -> None:
        self.uids = uids
        self.done: set[int] = set()
        self.current = 0  # which is being read
        self.problem: model.WatcherError | None = None
        self._last = last
        self._at = 0

    def cursor(self) -> int:
        """Return the last UID up to which every mail has been read."""
        while self._at < len(self.uids) and self.uids[self._at] in self.done:
            self._last = self.uids[self._at]
            self._at += 1
        return self._last
