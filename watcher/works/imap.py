"""A mailbox over IMAP (RFC 9051, and RFC 3501 before it), which can only be read.

Law: a folder is opened with EXAMINE and a mail is fetched with BODY.PEEK, so that nothing in a
mailbox changes, not even what counts as unread. Every command has a deadline, every answer a bound,
and a connection that is lost is an error at once. Why it is our own: docs/decisions/0035.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date

from msgspec import Struct

from watcher import model, system_words
from watcher.text import clean
from watcher.works import imap_syntax as syntax
from watcher.works.imap_syntax import Line
from watcher.works.settings import Imap, Tls

LONGEST_LINE = 4_000_000  # bytes of a line: the numbers of half a million mails
MOST_LINES = 100_000  # of the answer to one command
SLOWEST = 200_000  # bytes a second of a mail, at least, before it counts as hanging
# RFC 5530: what a server says of itself, and not of the name or the password.
_PASSING = frozenset({"UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG", "OVERQUOTA"})


class RefusedError(model.TemporaryError):
    """The server refuses one command, and the connection goes on; `words` are its own.

    `passing`: it says that it may not last.
    """

    def __init__(self, server: str, command: str, words: str, *, passing: bool) -> None:
        super().__init__(f"{server} refuses {command}: {words}")
        self.words = words
        self.passing = passing


class Listed(Struct, frozen=True, kw_only=True):
    """A mail as the server lists it; `message_id` is empty where it has none."""

    uid: int
    size: int
    message_id: str


class Folder(Struct, frozen=True, kw_only=True):
    """A folder that was opened: numbers of mails count as long as `validity` is the same."""

    validity: int
    mails: int


def place(settings: Imap) -> str:
    """Return the mailbox in words."""
    return f"mailbox {settings.mailbox} of {settings.username} on {settings.host}:{settings.port}"


@asynccontextmanager
async def session(settings: Imap, timeout: float) -> AsyncIterator[Session]:  # noqa: ASYNC109  # of each answer, not of it all
    """Log in, and out again; `timeout` is in seconds for one answer.

    Raises PermanentError for what a person has to change, TemporaryError for anything else.
    """
    server = f"mail server {settings.host}:{settings.port}"
    try:
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_connection(
                settings.host, settings.port, ssl=tls_context(settings), limit=LONGEST_LINE
            )
    except TimeoutError as error:
        raise model.TemporaryError(f"{server}: no connection within {timeout:g} s") from error
    except ssl.SSLCertVerificationError as error:
        raise model.PermanentError(
            f"{server}: its certificate is not trusted ({error.verify_message}):"
            " set works.imap.tls = {ca_file = ...}, or works.imap.host to the name in it"
        ) from error
    except ssl.SSLError as error:
        raise model.PermanentError(
            f"{server}: it does not speak TLS on this port ({error.reason}):"
            " set works.imap.port to the one for IMAP over TLS, mostly 993"
        ) from error
    except OSError as error:
        raise model.TemporaryError(f"{server}: {system_words.of_error(error)}") from error
    opened = Session(reader, writer, server, timeout)
    try:
        await opened.greet()
        await opened.log_in(settings.username, settings.password.get_secret_value())
        yield opened
        await opened.log_out()
    finally:
        writer.transport.abort()  # to close TLS in peace may mean to wait for a server that hangs


def tls_context(settings: Imap) -> ssl.SSLContext | None:
    """Return how the server has to identify itself; None without TLS."""
    if settings.tls is False:
        return None
    ca_file = settings.tls.ca_file if isinstance(settings.tls, Tls) else None
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise model.PermanentError(
            f"works.imap.tls.ca_file: {ca_file} cannot be read: {system_words.of_error(error)}"
        ) from error


class Session:
    """A connection with somebody logged in; `session` makes it."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        server: str,
        timeout: float,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._server = server
        self._timeout = timeout
        self._number = 0
        self._logged_in = False

    async def greet(self) -> None:
        """Read what a server says first."""
        async with self._deadline("greeting", self._timeout):
            words = syntax.words(await self._line(LONGEST_LINE))
        kind = words.upper().partition(" ")[2].partition(" ")[0]
        if kind == "BYE":
            raise model.TemporaryError(f"{self._server} is not available: {words[6:]}")
        if not words.startswith("* ") or kind not in {"OK", "PREAUTH"}:
            raise model.PermanentError(f"{self._server} is not a mail server: it says {words!r}")
        self._logged_in = kind == "PREAUTH"

    async def log_in(self, username: str, password: str) -> None:
        """Log in with a password. Raises PermanentError where it is refused."""
        if self._logged_in:
            return
        try:
            await self._command(
                "LOGIN", syntax.encode_string(username), syntax.encode_string(password)
            )
        except RefusedError as error:
            words = error.words.replace(password, "...") if password else error.words
            refused = f"{self._server} refuses the login of {username!r} ({words})"
            if error.passing:
                raise model.TemporaryError(refused) from None
            raise model.PermanentError(
                f"{refused}: set works.imap.username and works.imap.password"
            ) from None

    async def log_out(self) -> None:
        """Say goodbye; what was read has been read, whatever becomes of it."""
        with contextlib.suppress(model.WatcherError):
            await self._command("LOGOUT")

    async def examine(self, mailbox: str) -> Folder:
        """Open a folder to read it. Raises PermanentError where it is gone."""
        try:
            lines = await self._command(
                "EXAMINE", syntax.encode_string(syntax.encode_mailbox(mailbox))
            )
        except RefusedError as error:
            refused = f"{self._server} does not open the folder {mailbox!r} ({error.words})"
            if error.passing:
                raise model.TemporaryError(refused) from None
            raise model.PermanentError(f"{refused}: set works.imap.mailbox") from None
        validity = mails = 0
        for line in lines:
            text = syntax.words(line)
            code = syntax.CODE.search(text)
            if code and code[1].upper() == "UIDVALIDITY":
                validity = syntax.figure(code[2])
            if re.fullmatch(r"\* \d+ EXISTS", text, re.IGNORECASE):
                mails = syntax.figure(text.split()[1])
        return Folder(validity=validity, mails=mails)

    async def search(self, *, after: int = 0, since: date | None = None) -> list[int]:
        """Return the numbers of mails after one, and not older than a day, in their order."""
        criteria = ["UID", f"{after + 1}:*"]
        if since is not None:
            criteria += ["SINCE", syntax.encode_date(since)]
        matches: set[int] = set()
        for line in await self._command("UID SEARCH", *criteria):
            words = syntax.words(line, LONGEST_LINE).split()
            if [word.upper() for word in words[:2]] == ["*", "SEARCH"]:
                matches.update(syntax.figure(word) for word in words[2:])
        return sorted(uid for uid in matches if uid > after)  # `n:*` always has the last one

    async def sizes(self, uids: Sequence[int]) -> list[Listed]:
        """Return sizes and message ids of mails; one that is gone is left out."""
        what = "(UID RFC822.SIZE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])"
        listed = []
        for items in await self._fetch(uids, what, len(uids) * 10_000, self._timeout):
            header = next((v for k, v in items.items() if k.startswith("BODY[HEADER")), b"")
            uid, size = syntax.figure(items["UID"]), syntax.figure(items.get("RFC822.SIZE"))
            listed.append(Listed(uid=uid, size=size, message_id=syntax.message_id(header)))
        return sorted(listed, key=lambda mail: mail.uid)

    async def mail(self, uid: int, most: int, size: int) -> bytes | None:
        """Return the first `most` bytes of a mail, as they are; None where it is gone.

        `size` is what the server says, and how long it may take.
        """
        what = f"(UID BODY.PEEK[]<0.{most}>)"
        for items in await self._fetch([uid], what, most, self._timeout + size / SLOWEST):
            for name, value in items.items():
                if name.startswith("BODY["):
                    return value
        return None

    async def _fetch(
        self, uids: Iterable[int], what: str, most: int, seconds: float
    ) -> list[Mapping[str, bytes]]:
        wanted = frozenset(uids)
        numbers = ",".join(str(uid) for uid in sorted(wanted))
        lines = await self._command("UID FETCH", numbers, what, most=most, seconds=seconds)
        items = [syntax.fetched(line) for line in lines]
        # A server may speak of other mails meanwhile: of a flag that somebody has set.
        return [
            answer
            for answer in items
            if answer is not None and syntax.figure(answer.get("UID")) in wanted
        ]

    async def _command(
        self, name: str, *arguments: str | bytes, most: int = 0, seconds: float | None = None
    ) -> list[Line]:
        """Send a command; return what the server says until it is done.

        A text is sent as it is, bytes as a literal; `most` bytes of literals may come. Raises
        RefusedError, and TemporaryError for a connection that is of no use any more.
        """
        self._number += 1
        tag = f"w{self._number}".encode()
        async with self._deadline(name, seconds or self._timeout):
            self._writer.write(tag + b" " + name.encode())
            for argument in arguments:
                if isinstance(argument, str):
                    self._writer.write(b" " + argument.encode())
                    continue
                self._writer.write(b" {%d}\r\n" % len(argument))
                await self._writer.drain()
                words = syntax.words(line := await self._line(LONGEST_LINE))
                if line[0].startswith(tag):
                    raise self._refusal(name, words.partition(" ")[2])
                if not words.startswith("+"):
                    raise self._unexpected(words)
                self._writer.write(argument)
            self._writer.write(b"\r\n")
            await self._writer.drain()
            return await self._answer(name, tag, 2 * most + LONGEST_LINE)

    async def _answer(self, name: str, tag: bytes, most: int) -> list[Line]:
        lines: list[Line] = []
        while len(lines) < MOST_LINES:
            line = await self._line(most)
            most -= sum(len(part) for part in line)
            first, _, rest = line[0].partition(b" ")
            if first == tag:
                status = syntax.words([rest])
                if status.upper().startswith("OK"):
                    return lines
                raise self._refusal(name, status)
            if first != b"*":
                raise self._unexpected(syntax.words(line))
            if rest[:3].upper() == b"BYE" and name != "LOGOUT":
                raise model.TemporaryError(
                    f"{self._server} hangs up during {name}: {syntax.words([rest[3:]])}"
                )
            lines.append(line)
        raise self._unexpected(f"more than {MOST_LINES:,} lines")

    async def _line(self, most: int) -> Line:
        """Read a line with its literals, of no more than `most` bytes in all."""
        parts: Line = []
        while True:
            text = (await self._reader.readuntil(b"\n")).rstrip(b"\r\n")
            literal = syntax.LITERAL.search(text)
            parts.append(text[: literal.start()] if literal else text)
            most -= len(text) + (int(literal[1]) if literal else 0)
            if most < 0:
                raise self._unexpected(f"an answer of more bytes than were asked for ({most})")
            if literal is None:
                return parts
            parts.append(await self._reader.readexactly(int(literal[1])))

    @asynccontextmanager
    async def _deadline(self, name: str, seconds: float) -> AsyncIterator[None]:
        """Put what goes wrong with a connection into our words."""
        try:
            async with asyncio.timeout(seconds) as bound:
                yield
        except TimeoutError as error:
            if not bound.expired():
                raise model.TemporaryError(f"{self._server}: the connection timed out") from error
            raise model.TemporaryError(
                f"{self._server} does not answer {name} within {seconds:g} s"
            ) from error
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise model.TemporaryError(f"{self._server} hangs up during {name}") from error
        except asyncio.LimitOverrunError as error:
            raise self._unexpected("a line that has no end") from error
        except OSError as error:
            raise model.TemporaryError(
                f"{self._server}: the connection is lost during {name}"
                f" ({system_words.of_error(error)})"
            ) from error

    def _refusal(self, command: str, status: str) -> RefusedError:
        code = syntax.CODE.search(status)
        words = re.sub(r"^(NO|BAD)\s*", "", status, flags=re.IGNORECASE) or "no reason given"
        passing = code is not None and code[1].upper() in _PASSING
        return RefusedError(self._server, command, words, passing=passing)

    def _unexpected(self, what: str) -> model.TemporaryError:
        return model.TemporaryError(f"{self._server} sent an unexpected response: {clean(what)}")
