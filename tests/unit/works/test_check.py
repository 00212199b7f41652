"""What `watcher check --connect` says of a mailbox and a folder, and that it takes nothing."""

from __future__ import annotations

import pytest

from tests.fakes.imap import PASSWORD, USER, FakeImap
from tests.fakes.works import FakeClock, mail
from watcher import model
from watcher.works import check
from watcher.works.settings import Works


def settings(port: int, password: str = PASSWORD) -> Works:
    imap = {"host": "127.0.0.1", "port": port, "username": USER, "password": password}
    return Works.model_validate({"imap": {**imap, "tls": False}})


async def test_a_mailbox_that_can_be_read_is_described_and_nothing_is_fetched():
    async with FakeImap({7: mail("W1", "a")}).serving() as server:
        outcome = await check.check_mailbox(settings(server.port), FakeClock())
        assert outcome == ("INBOX has 1 mails, 1 of them recent enough", ())
        assert server.sent == 0


async def test_a_wrong_password_is_said_with_what_to_change():
    async with FakeImap().serving() as server:
        with pytest.raises(model.PermanentError) as caught:
            await check.check_mailbox(settings(server.port, "wrong"), FakeClock())
    assert str(caught.value) == (
        f"mail server 127.0.0.1:{server.port} refuses the login of 'noc@example.net'"
        " ([AUTHENTICATIONFAILED] no): set works.imap.username and works.imap.password"
    )


async def test_a_folder_is_described_and_its_files_stay(tmp_path):
    (tmp_path / "a.eml").write_text("work W1")
    assert await check.check_folder(tmp_path) == (
        f"{tmp_path} can be read; waiting: 1 file",
        (),
    )
    with pytest.raises(model.PermanentError, match="there is no such folder"):
        await check.check_folder(tmp_path / "x")


def test_only_what_is_configured_is_tried(tmp_path):
    assert check.attempts(Works(), FakeClock()) == {}
    attempts = check.attempts(Works(directory=tmp_path), FakeClock())
    assert list(attempts) == ["works.directory"]
    attempts["works.directory"].close()
