"""The mail client: what it sends, what it makes of answers, and what ends a session."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import asynccontextmanager

import hypothesis
import pytest
from hypothesis import strategies as st

from tests.fakes.fuzzing import examples
from tests.fakes.imap import USER, FakeImap
from watcher import model
from watcher.works import imap
from watcher.works import imap_syntax as syntax
from watcher.works.settings import Imap


def settings(port: int, **changes) -> Imap:
    values = {"host": "127.0.0.1", "port": port, "username": USER, "password": 'se"cret'}
    return Imap.model_validate({**values, "tls": False, **changes})


@asynccontextmanager
async def saying(*answers: bytes):
    """Serve a server that greets, then gives these answers, one for each line that comes."""
    connections = set()

    async def serve(reader, writer):
        connections.add(asyncio.current_task())
        try:
            writer.write(answers[0])
            for answer in answers[1:]:
                line = await reader.readline()
                writer.write(answer.replace(b"TAG", line.split(b" ")[0]))
            await writer.drain()
            await asyncio.sleep(0)
            writer.close()
        except ConnectionError:
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.gather(*connections)


async def error_of(*answers: bytes) -> model.WatcherError:
    async with saying(*answers) as port:
        with pytest.raises(model.WatcherError) as caught:
            async with imap.session(settings(port), 1.0) as session:
                await session.examine("INBOX")
                await session.search()
    return caught.value


HELLO, IN = b"* OK ready\r\n", b"TAG OK in\r\n"


@pytest.mark.parametrize(
    ("answers", "kind", "words"),
    [
        ([b"* BYE too many\r\n"], model.TemporaryError, "is not available: too many"),
        ([b"220 smtp ESMTP\r\n"], model.PermanentError, "is not a mail server: it says '220"),
        ([b""], model.TemporaryError, "hangs up during greeting"),
        ([HELLO], model.TemporaryError, "hangs up during LOGIN"),
        ([HELLO, b"TAG NO no\r\n"], model.PermanentError, "refuses the login"),
        ([HELLO, b"TAG BAD no\r\n"], model.PermanentError, "refuses the login"),
        ([HELLO, b"TAG NO [UNAVAILABLE] x\r\n"], model.TemporaryError, "refuses the login"),
        ([HELLO, b'TAG NO se"cret?\r\n'], model.PermanentError, r"\(\.\.\.\?\)"),
        ([HELLO, b"* BYE idle\r\n"], model.TemporaryError, "hangs up during LOGIN: idle"),
        ([HELLO, IN, b"TAG NO gone\r\n"], model.PermanentError, r"set works\.imap\.mailbox"),
        ([HELLO, IN, b"TAG NO [INUSE] x\r\n"], model.TemporaryError, "does not open the folder"),
        ([HELLO, IN, b"{99999999999}\r\n"], model.TemporaryError, "more bytes than were asked"),
        ([HELLO, IN, b"hello\r\n"], model.TemporaryError, "sent an unexpected response: hello"),
        ([HELLO, IN, IN, b"TAG BAD no\r\n"], model.TemporaryError, "refuses UID SEARCH: no"),
    ],
)
async def test_each_way_to_fail_has_its_sentence(answers, kind, words):
    error = await error_of(*answers)
    assert isinstance(error, kind)
    with pytest.raises(kind, match=words):
        raise error


async def test_a_line_without_an_end_does_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(imap, "LONGEST_LINE", 10_000)
    error = await error_of(HELLO, IN, b"* " + b"x" * 50_000)
    assert "a line that has no end" in str(error)


async def test_who_is_logged_in_already_does_not_log_in():
    async with (
        saying(b"* PREAUTH hi\r\n", b"* OK [UIDVALIDITY 7]\r\n* 3 EXISTS\r\nTAG OK\r\n") as port,
        imap.session(settings(port), 1.0) as session,
    ):
        assert await session.examine("INBOX") == imap.Folder(validity=7, mails=3)


async def test_what_cannot_be_quoted_is_sent_as_a_literal():
    async with FakeImap().serving() as server:
        with pytest.raises(model.PermanentError, match="refuses the login"):
            async with imap.session(settings(server.port, password="pä\nss"), 1.0):
                pass
        assert server.commands == [f'LOGIN "{USER}" <pä\nss>']


def test_folders_have_their_names_in_modified_utf_7():
    names = {
        "INBOX": "INBOX",
        "R&D": "R&-D",
        "Entwürfe": "Entw&APw-rfe",
        "日本語": "&ZeVnLIqe-",
        "a\u00e9/\u00ffb": "a&AOk-/&AP8-b",
    }
    assert {name: syntax.encode_mailbox(name) for name in names} == names


@pytest.mark.parametrize(
    ("line", "items"),
    [
        ([b"* 1 FETCH (UID 5 RFC822.SIZE 9)"], {"UID": b"5", "RFC822.SIZE": b"9"}),
        ([b"* 1 fetch (uid 5)"], {"UID": b"5"}),
        ([b'* 1 FETCH (BODY[] "a\\"b" UID 5)'], {"BODY[]": b'a"b', "UID": b"5"}),
        ([b"* 1 FETCH (BODY[]<0> ", b"a) (b", b" UID 5)"], {"BODY[]<0>": b"a) (b", "UID": b"5"}),
        ([b"* 1 FETCH (FLAGS () UID 5)"], {"UID": b"5"}),
        ([b"* 1 FETCH (FLAGS (\\Seen $x) UID 5)"], {"UID": b"5"}),
        (
            [b"* 1 FETCH (BODY[HEADER.FIELDS (MESSAGE-ID)] NIL UID 5)"],
            {"BODY[HEADER.FIELDS (MESSAGE-ID)]": b"", "UID": b"5"},
        ),
        ([b"* 5 EXISTS"], None),
        ([b"* OK [FETCH (UID 5)]"], None),
    ],
)
def test_what_a_server_says_of_a_mail_is_read_in_each_of_its_forms(line, items):
    assert syntax.fetched(line) == items


@pytest.mark.parametrize(
    ("header", "identity"),
    [
        (b"Message-ID: <a@b>\r\n\r\n", "<a@b>"),
        (b"message-id:\r\n <a@b>\r\n\r\n", "<a@b>"),
        (b"\r\n", ""),
        (b"", ""),
        (b"Message-ID:\r\n\r\n", ""),
    ],
)
def test_a_message_id_may_be_folded_or_missing(header, identity):
    assert syntax.message_id(header) == identity


ODD_PARTS = st.sampled_from(
    [
        *(b"* ", b"TAG ", b"OK", b"NO ", b"FETCH (", b"UID 1 ", b"BODY[]<0> ", b"{3}\r\n", b"\r\n"),
        *(b"abc", b")", b'"', b"SEARCH 1 2", b"9" * 30, b"1 ", b"+ ", b"EXISTS", b"\0\xff"),
        *(b"[UIDVALIDITY x]", b"{" + b"9" * 12 + b"}\r\n", b"BYE", b"(" * 200),
    ]
)


class Deaf:
    """A connection that nobody listens at."""

    def write(self, data: bytes) -> None:
        """Drop it."""

    async def drain(self) -> None:
        """Do not wait."""


@pytest.mark.fuzz
@hypothesis.given(st.lists(ODD_PARTS, max_size=40).map(b"".join), st.integers(0, 4))
@examples(300)
def test_whatever_a_server_says_ends_in_an_answer_or_a_sentence(answers, command):
    async def ask():
        reader = asyncio.StreamReader(limit=100_000)
        reader.feed_data(answers.replace(b"TAG", b"w1"))
        reader.feed_eof()
        session = imap.Session(reader, Deaf(), "mail server", 5.0)
        with contextlib.suppress(model.TemporaryError, model.PermanentError):
            match command:
                case 0:
                    await session.greet()
                case 1:
                    await session.examine("INBOX")
                case 2:
                    await session.search()
                case 3:
                    await session.sizes([1, 2])
                case _:
                    await session.mail(1, 10, 10)

    asyncio.run(ask())
