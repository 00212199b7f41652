"""A small IMAP server with one folder, which fails where a test asks it to."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes

USER, PASSWORD = "noc@example.net", 'se"cret'


class FakeImap:
    """`mails` are by UID. `faults` has a fault for a command, or for `UID FETCH 7 BODY`:

    a status line such as `NO [UNAVAILABLE] later`, "hang", "hang up", "bye", or bytes that are
    sent instead of an answer. `commands` are those that came, `flags_set` must stay empty.
    """

    def __init__(self, mails: dict[int, bytes] | None = None, *, mailbox: str = "INBOX") -> None:
        self.mails = mails or {}
        self.mailbox = mailbox
        self.validity = 1
        self.greeting = b"* OK [CAPABILITY IMAP4rev1] ready"
        self.faults: dict[str, str | bytes] = {}
        self.sizes: dict[int, int] = {}  # that it claims, where they are wrong
        self.commands: list[str] = []
        self.sent = 0  # bodies of mails
        self.port = 0
        self._writers: set[asyncio.StreamWriter] = set()

    def add(self, content: bytes) -> int:
        """Deliver a mail; return its UID."""
        uid = max(self.mails, default=0) + 1
        self.mails[uid] = content
        return uid

    def renumber(self) -> None:
        """Count the mails anew, as after a restored backup."""
        self.validity += 1
        self.mails = {uid + 100: mail for uid, mail in self.mails.items()}

    @asynccontextmanager
    async def serving(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[FakeImap]:
        """Listen on a free port."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for writer in set(self._writers):
                writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            writer.write(self.greeting + b"\r\n")
            while line := await reader.readline():
                tag, _, rest = line.decode().rstrip("\r\n").partition(" ")
                while literal := re.search(r"\{(\d+)\}$", rest):
                    writer.write(b"+ go on\r\n")
                    text = (await reader.readexactly(int(literal[1]))).decode()
                    after = (await reader.readline()).decode().rstrip("\r\n")
                    rest = f"{rest[: literal.start()]}<{text}>{after}"
                self.commands.append(rest)
                if not await self._answer(writer, tag, rest):
                    break
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _answer(self, writer: asyncio.StreamWriter, tag: str, command: str) -> bool:
        fault = self._fault(command)
        match fault:
            case "hang":
                await asyncio.Event().wait()
            case "hang up":
                return False
            case "bye":
                writer.write(b"* BYE shutting down\r\n")
                await writer.drain()
                return False
            case bytes():
                writer.write(fault.replace(b"TAG", tag.encode()))
                return True
            case str():
                writer.write(f"{tag} {fault}\r\n".encode())
                return True
        words = self._words(command)
        for word in words[:-1]:
            writer.write(word + b"\r\n")
        writer.write(tag.encode() + b" " + words[-1] + b"\r\n")
        return command != "LOGOUT"

    def _words(self, command: str) -> list[bytes]:
        name, _, rest = command.partition(" ")
        match name:
            case "LOGIN":
                password = PASSWORD.replace('"', '\\"')
                good = rest == f'"{USER}" "{password}"'
                return [b"OK hello" if good else b"NO [AUTHENTICATIONFAILED] no"]
            case "EXAMINE":
                return self._examine(rest)
            case "UID":
                return self._uid(rest)
            case "LOGOUT":
                return [b"* BYE", b"OK bye"]
            case _:
                return [b"BAD what?"]

    def _fault(self, command: str) -> str | bytes | None:
        if fetch := re.match(r"UID FETCH (\d+) .*BODY\.PEEK\[\]", command):
            return self.faults.get(f"UID FETCH {fetch[1]} BODY")
        return next((f for name, f in self.faults.items() if command.startswith(name)), None)

    def _examine(self, name: str) -> list[bytes]:
        if name != f'"{self.mailbox}"':
            return [b"NO [NONEXISTENT] no such folder"]
        return [
            b"* FLAGS (\\Seen)",
            b"* %d EXISTS" % len(self.mails),
            b"* OK [UIDVALIDITY %d] valid" % self.validity,
            b"OK [READ-ONLY] examined",
        ]

    def _uid(self, rest: str) -> list[bytes]:
        if search := re.match(r"SEARCH UID (\d+):\*", rest):
            matches = {uid for uid in self.mails if uid >= int(search[1])}
            matches |= {max(self.mails)} if self.mails else set()  # as RFC 3501 has it
            return [b"* SEARCH" + b"".join(b" %d" % uid for uid in sorted(matches)), b"OK done"]
        fetch = re.match(r"FETCH ([\d,]+) \((.*)\)$", rest)
        assert fetch
        answer = [b"* 1 FETCH (FLAGS (\\Seen) UID 999999)"]  # a flag that somebody has set
        for number, uid in enumerate(map(int, fetch[1].split(",")), start=1):
            if mail := self.mails.get(uid):
                answer.append(b"* %d FETCH (%s)" % (number, self._item(uid, mail, fetch[2])))
        return [*answer, b"OK done"]

    def _item(self, uid: int, mail: bytes, what: str) -> bytes:
        if part := re.search(r"BODY\.PEEK\[\]<0\.(\d+)>", what):
            self.sent += 1
            mail = mail[: int(part[1])]
            return b"UID %d FLAGS () BODY[]<0> {%d}\r\n%s" % (uid, len(mail), mail)
        message_id = message_from_bytes(mail)["Message-ID"]
        header = f"Message-ID: {message_id}\r\n\r\n".encode() if message_id else b"\r\n"
        size = self.sizes.get(uid, len(mail))
        return b"BODY[HEADER.FIELDS (MESSAGE-ID)] {%d}\r\n%s UID %d RFC822.SIZE %d" % (
            len(header),
            header,
            uid,
            size,
        )
