"""Mails of a mailbox: each is read once, and no fault of one holds up the others."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.fakes.imap import PASSWORD, USER, FakeImap
from tests.fakes.works import Surroundings, mail
from watcher import model
from watcher.works.mailbox import Mailbox
from watcher.works.reader import UnreadError

FOREVER = 1e9


class World(Surroundings):
    """A mail server and who reads it; `restart` forgets what is in memory."""

    def __init__(self, server: FakeImap) -> None:
        super().__init__(
            timeout="2s",
            max_bytes=5_000,
            imap={
                "host": "127.0.0.1",
                "port": server.port,
                "username": USER,
                "password": PASSWORD,
                "tls": False,
            },
        )
        self.server = server
        self.restart()

    def restart(self) -> None:
        self.mailbox = Mailbox(
            self.config,
            inbound=self.inbound,
            mail_log=self.mail_log,
            keep=self.keep_rejected,
            rejected=Path("rejected"),
            clock=self.clock,
        )

    async def check(self):
        return await self.mailbox.check(FOREVER)


@pytest.fixture
async def world():
    async with AsyncExitStack() as stack:
        yield World(await stack.enter_async_context(FakeImap().serving()))


async def test_each_mail_is_read_once(world):
    world.server.add(mail("W1", "a"))
    world.server.add(mail("W2", "b"))
    await world.check()
    assert world.inbox.ids == ["W1", "W2"]
    world.server.add(mail("W3", "c"))
    await world.check()
    world.restart()
    await world.check()
    assert world.inbox.ids == ["W1", "W2", "W3"]
    assert world.server.sent == 3


async def test_the_mailbox_is_only_read(world):
    world.server.add(mail("W1", "a"))
    await world.check()
    verbs = {" ".join(command.split()[:2]) for command in world.server.commands}
    assert verbs == {
        f'LOGIN "{USER}"',
        'EXAMINE "INBOX"',
        "UID SEARCH",
        "UID FETCH",
        "LOGOUT",
    }
    assert all("BODY[" not in command for command in world.server.commands)


async def test_a_mailbox_that_renumbers_its_mails_is_not_read_again(world):
    world.server.add(mail("W1", "a"))
    world.server.add(mail("W2", "b"))
    await world.check()
    world.server.renumber()
    world.server.add(mail("W3", "c"))
    await world.check()
    assert world.inbox.ids == ["W1", "W2", "W3"]
    assert world.server.sent == 3


async def test_a_mail_without_an_id_is_read_once_too(world):
    world.server.add(mail("W1"))
    world.server.add(mail("W2"))
    for _ in range(2):
        await world.check()
    world.restart()
    await world.check()
    assert world.inbox.ids == ["W1", "W2"]
    assert world.server.sent == 2


async def test_an_id_that_a_mailer_uses_twice_hides_no_notice(world):
    world.server.add(mail("W1", "a"))
    world.server.add(mail("W22", "a"))
    await world.check()
    assert world.inbox.ids == ["W1", "W22"]


async def test_mails_that_are_no_notices_are_kept_aside_and_the_others_read(world):
    world.server.add(mail(message_id="a", filler="dear sirs"))
    world.server.add(mail("W1", "b"))
    await world.check()
    assert world.inbox.ids == ["W1"]
    assert world.kept == {"mail <a>": "it is not a notice of planned works"}
    assert world.outcomes == ["rejected", "read"]


async def test_a_full_disk_does_not_hold_up_the_next_mail(world):
    world.disk = model.TemporaryError("rejected: No space left on device")
    world.server.add(mail(message_id="a", filler="dear sirs"))
    world.server.add(mail("W1", "b"))
    await world.check()
    assert world.inbox.ids == ["W1"]


async def test_a_mail_that_is_too_large_is_never_fetched(world):
    world.server.add(
        mail(
            "W1",
            "a",
        )
        + b"x" * 5_000
    )
    world.server.add(mail("W2", "b"))
    await world.check()
    assert world.inbox.ids == ["W2"]
    assert world.server.sent == 1


async def test_a_mail_that_is_larger_than_its_server_says_is_not_read(world):
    uid = world.server.add(mail("W1", "a") + b"x" * 50_000)
    world.server.sizes[uid] = 100
    await world.check()
    assert world.inbox.ids == []
    assert world.outcomes == ["rejected"]


async def test_a_mail_that_was_deleted_meanwhile_is_passed_over(world):
    world.server.add(mail("W1", "a"))
    world.server.add(mail("W2", "b"))
    world.server.faults["UID SEARCH"] = b"* SEARCH 1 2 3\r\nTAG OK done\r\n"
    await world.check()
    assert world.inbox.ids == ["W1", "W2"]


async def test_notices_that_cannot_be_stored_are_read_again(world):
    world.server.add(mail("W1", "a"))
    world.inbox.error = model.TemporaryError("the database is locked")
    with pytest.raises(model.TemporaryError, match="locked"):
        await world.check()
    world.inbox.error = None
    await world.check()
    assert world.inbox.ids == ["W1"]


async def test_a_refused_mail_does_not_hold_up_the_next(world):
    for number in range(1, 4):
        world.server.add(mail(f"W{number}", f"m{number}"))
    world.server.faults["UID FETCH 2 BODY"] = "NO it is damaged"
    await world.check()
    assert world.inbox.ids == ["W1", "W3"]
    assert world.outcomes.count("rejected") == 1


@pytest.mark.parametrize("fault", ["hang up", "bye", "NO [SERVERBUG] later"])
async def test_a_mail_that_ends_every_connection_comes_last_from_then_on(world, fault):
    for number in range(1, 5):
        world.server.add(mail(f"W{number}", f"m{number}"))
    world.server.faults["UID FETCH 2 BODY"] = fault
    for _ in range(3):
        with pytest.raises(model.TemporaryError):
            await world.check()
    assert world.inbox.ids == ["W1"]
    [remark] = await world.check()
    assert remark.startswith("the mail with UID 2 cannot be fetched: ")
    assert world.inbox.ids == ["W1", "W3", "W4"]
    world.server.faults.clear()
    world.restart()
    assert await world.check() == ()
    assert world.inbox.ids == ["W1", "W3", "W4", "W2"]
    assert world.server.sent == 4


async def test_a_server_that_hands_out_no_mail_is_a_failure_for_as_long_as_it_lasts(world):
    world.server.add(mail("W1", "a"))
    world.server.faults["UID FETCH 1 BODY"] = "hang up"
    for _ in range(6):
        with pytest.raises(model.TemporaryError, match="hangs up during UID FETCH"):
            await world.check()
    world.server.faults.clear()
    await world.check()
    assert world.inbox.ids == ["W1"]


@pytest.mark.parametrize(
    "command", ["LOGIN", "EXAMINE", "UID SEARCH", "UID FETCH", "UID FETCH 1 BODY"]
)
async def test_a_server_that_hangs_is_given_up_after_the_timeout(world, command):
    world.config = world.config.model_copy(update={"timeout": model.parse_duration("200ms")})
    world.restart()
    world.server.add(mail("W1", "a"))
    world.server.faults[command] = "hang"
    with pytest.raises(model.TemporaryError, match=r"does not answer .* within 0\.2"):
        await world.check()
    world.server.faults.clear()
    await world.check()
    assert world.inbox.ids == ["W1"]


async def test_a_folder_that_is_gone_is_a_fault_of_the_settings(world):
    world.server.mailbox = "Archive"
    with pytest.raises(
        model.PermanentError, match=r"'INBOX' \(\[NONEXISTENT\].*works\.imap\.mailb"
    ):
        await world.check()


async def test_what_does_not_fit_into_one_look_is_left_for_the_next(world):
    for number in range(120):
        world.server.add(mail(f"W{number}", f"m{number}"))
    world.clock.monotonic = iter([0.0, 2.0, *[0.0] * 9]).__next__
    assert await world.mailbox.check(1.0) == ("70 mails not read yet",)
    assert len(world.inbox.ids) == 50
    assert await world.mailbox.check(1.0) == ()
    assert len(world.inbox.ids) == 120


async def test_a_mail_that_nobody_can_read_now_stays_to_be_read_and_the_others_are(
    world, monkeypatch
):
    world.server.add(mail("W1", "a"))
    world.server.add(mail("W2", "b"))
    real = world.inbound._read

    async def refuse(content, **rest):
        if b"W1" in content:
            raise model.PermanentError("[works] parser_python: /nowhere: No such file or directory")
        return await real(content, **rest)

    with monkeypatch.context() as patch:
        patch.setattr(world.inbound, "_read", refuse)
        for _ in range(4):
            with pytest.raises(model.PermanentError, match="parser_python"):
                await world.check()
    assert world.inbox.ids == ["W2"]
    world.restart()
    await world.check()
    assert world.inbox.ids == ["W2", "W1"]
    assert world.outcomes == ["read", "read"]


def slow_on(world, monkeypatch, *works, costs=0.0):
    """Let the reader fail on mails about some works, each time after some seconds."""
    real = world.inbound._read

    async def slow(content, **rest):
        if any(work.encode() in content for work in works):
            world.clock.elapsed += costs
            raise UnreadError("reading it took more than 20 s")
        return await real(content, **rest)

    monkeypatch.setattr(world.inbound, "_read", slow)


async def test_a_mail_that_cannot_be_read_now_is_read_later_and_holds_up_no_other(
    world, monkeypatch
):
    for number in range(1, 4):
        world.server.add(mail(f"W{number}", f"m{number}"))
    with monkeypatch.context() as patch:
        slow_on(world, patch, "W1")
        with pytest.raises(model.TemporaryError, match="mail <m1> is not read yet: reading it"):
            await world.check()
    assert world.inbox.ids == ["W2", "W3"]
    assert world.outcomes == ["read", "read"]
    assert await world.check() == ()
    assert world.inbox.ids == ["W2", "W3", "W1"]
    assert world.kept == {}


async def test_a_mail_that_can_never_be_read_is_rejected_after_three_looks(world, monkeypatch):
    world.server.add(mail("W1", "m1"))
    slow_on(world, monkeypatch, "W1")
    for _ in range(2):
        with pytest.raises(model.TemporaryError):
            await world.check()
        assert world.kept == {}
    assert await world.check() == ()
    assert world.kept == {"mail <m1>": "reading it took more than 20 s"}
    assert await world.check() == ()
    assert world.outcomes == ["rejected"]


async def test_a_look_ends_in_time_though_no_mail_can_be_read_and_good_ones_come_first_next(
    world, monkeypatch
):
    for number in range(1, 10):
        world.server.add(mail(f"W{number}", f"m{number}"))
    slow_on(world, monkeypatch, *(f"W{number}" for number in range(1, 9)), costs=20.0)
    with pytest.raises(model.TemporaryError):
        await world.mailbox.check(world.clock.monotonic() + 90)
    assert world.clock.elapsed == 100
    with pytest.raises(model.TemporaryError):
        await world.mailbox.check(world.clock.monotonic() + 90)
    assert world.inbox.ids == ["W9"]


async def test_a_mail_that_is_listed_and_not_handed_out_is_asked_for_again(world):
    world.server.add(mail("W1", "m1"))
    world.server.add(mail("W2", "m2"))
    world.server.faults["UID FETCH 1 BODY"] = b"TAG OK done\r\n"
    with pytest.raises(model.TemporaryError, match="mail <m1> is not read yet: its server lists"):
        await world.check()
    assert world.inbox.ids == ["W2"]
    world.server.faults.clear()
    assert await world.check() == ()
    assert world.inbox.ids == ["W2", "W1"]


async def test_a_mail_that_is_never_handed_out_is_said_to_be_rejected(world):
    world.server.add(mail("W1", "m1"))
    world.server.faults["UID FETCH 1 BODY"] = b"TAG OK done\r\n"
    for _ in range(2):
        with pytest.raises(model.TemporaryError):
            await world.check()
    assert await world.check() == ()
    assert world.outcomes == ["rejected"]
