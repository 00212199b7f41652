"""A stand-in for reading notices, and what a mailbox or a folder needs around it."""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.fakes.notices import notice
from watcher.works.inbound import Inbound
from watcher.works.reader import NoticeError
from watcher.works.settings import Works

NOW = datetime.fromisoformat("2026-11-29T12:00:00+00:00")


class FakeClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        self.set_by = timedelta(0)

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.elapsed) + self.set_by

    def monotonic(self) -> float:
        return self.elapsed


class FakeInbox:
    """Keeps the notices that come in, once for each key; `full` refuses them."""

    def __init__(self) -> None:
        self.works: dict[str, str] = {}
        self.woken = 0
        self.error: Exception | None = None

    async def put(self, key, command, at) -> bool:
        if self.error:
            raise self.error
        new = key not in self.works
        self.works.setdefault(key, command.notice.id)
        return new

    @property
    def ids(self) -> list[str]:
        return list(self.works.values())


class FakeMailLog:
    """Remembers mails as the store does."""

    def __init__(self) -> None:
        self.cursors: dict[str, tuple[int, int]] = {}
        self.mails: set[str] = set()

    async def cursor(self, mailbox):
        return self.cursors.get(mailbox, (0, 0))

    async def already_read(self, mails):
        return self.mails & set(mails)

    async def record(self, mailbox, cursor, mails, at, *, forget):
        assert forget < at
        self.cursors[mailbox] = cursor
        self.mails.update(mails)


async def read(content: bytes, *, origin: str, now: datetime, zone: str):
    """Read `work W1` anywhere in a message as a notice of W1."""
    words = content.decode(errors="replace").split()
    if "work" not in words:
        raise NoticeError("it is not a notice of planned works")
    return (notice((0, 60), id=words[words.index("work") + 1], origin=origin),)


class Surroundings:
    """Everything around a mailbox or a folder."""

    def __init__(self, **config) -> None:
        self.clock = FakeClock()
        self.inbox = FakeInbox()
        self.mail_log = FakeMailLog()
        self.outcomes: list[str] = []
        self.config = Works.model_validate(config)
        self.kept: dict[str, str] = {}  # reasons, by where a mail came from
        self.disk: Exception | None = None
        self.inbound = Inbound(
            read=read,
            put=self.inbox.put,
            wake=self._wake,
            clock=self.clock,
            zone="UTC",
            count=self.outcomes.append,
        )

    def keep_rejected(self, directory, content, reason, *, origin, now):
        """Keep a mail aside, in memory."""
        if self.disk:
            raise self.disk
        self.kept[origin] = reason
        return directory / "kept"

    def _wake(self) -> None:
        self.inbox.woken += 1


def mail(work: str = "", message_id: str = "", filler: str = "") -> bytes:
    """Return a mail about a work, or about none."""
    head = f"Message-ID: <{message_id}>\r\n" if message_id else ""
    return f"From: noc@lumen.example\r\n{head}\r\n{f'work {work}' if work else filler}\r\n".encode()
