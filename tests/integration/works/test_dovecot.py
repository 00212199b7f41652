"""A real mail server is read, and nothing in it changes."""

from __future__ import annotations

import pytest

from tests.fakes.works import Surroundings, mail
from tests.servers import dovecot
from watcher import model
from watcher.clock import SystemClock
from watcher.works import check, imap
from watcher.works.mailbox import Mailbox
from watcher.works.settings import Imap, Works

FOREVER = 1e9
pytestmark = pytest.mark.imap


@pytest.fixture
async def server():
    async with dovecot.running() as server:
        yield server


def settings(server, **changes) -> Imap:
    values = {
        "host": "localhost",
        "port": server.tls_port,
        "username": dovecot.USER,
        "password": dovecot.PASSWORD,
        "tls": {"ca_file": server.ca_file},
    }
    return Imap.model_validate({**values, **changes})


class World(Surroundings):
    def __init__(self, server, **changes) -> None:
        super().__init__()
        self.clock = SystemClock()  # the server dates mails by the same one
        self.config = Works(imap=settings(server, **changes))
        self.restart()

    def restart(self) -> None:
        self.mailbox = Mailbox(
            self.config,
            inbound=self.inbound,
            mail_log=self.mail_log,
            keep=self.keep_rejected,
            rejected=None,
            clock=self.clock,
        )


async def test_mails_are_read_once_and_stay_unread(server):
    world = World(server)
    for number in range(60):
        server.deliver(mail(f"W{number}", f"m{number}"))
    server.deliver(mail("W60"))  # without an id
    await world.mailbox.check(FOREVER)
    assert sorted(world.inbox.ids) == sorted(f"W{number}" for number in range(61))
    world.restart()
    server.deliver(mail("W61", "m61"))
    assert await world.mailbox.check(FOREVER) == ()
    assert len(world.inbox.ids) == len(world.outcomes) == 62
    assert server.flags() == set()


async def test_a_mailbox_that_is_numbered_again_brings_nothing_twice(server):
    world = World(server)
    server.deliver(mail("W1", "a"))
    await world.mailbox.check(FOREVER)
    before = world.mail_log.cursors[world.mailbox.name]
    server.renumber()
    server.deliver(mail("W2", "b"))
    await world.mailbox.check(FOREVER)
    assert world.outcomes == ["read", "read"]
    assert world.mail_log.cursors[world.mailbox.name] != before


async def test_thousands_of_mails_are_listed_in_one_check(server):
    for number in range(3_000):
        server.deliver(mail(message_id=f"m{number}"))
    async with imap.session(settings(server), 30) as session:
        assert (await session.examine("INBOX")).mails == 3_000
        uids = await session.search()
        assert len(uids) == 3_000
        assert len(await session.sizes(uids)) == 3_000
        assert await session.search(after=uids[-1]) == []


async def test_a_folder_may_have_any_name(server):
    server.deliver(mail("W1", "a"), ".W&APY-rks &- more")
    world = World(server, mailbox="Wörks & more")
    await world.mailbox.check(FOREVER)
    assert world.inbox.ids == ["W1"]
    (sentence, _) = await check.check_mailbox(world.config, world.clock)
    assert sentence == "Wörks & more has 1 mails, 1 of them recent enough"


async def test_what_is_wrong_is_said_with_what_to_change(server):
    async def error_of(**changes) -> str:
        with pytest.raises(model.PermanentError) as caught:
            async with imap.session(settings(server, **changes), 5) as session:
                await session.examine(changes.get("mailbox", "INBOX"))
        return str(caught.value)

    assert "its certificate is not trusted" in await error_of(tls=True)
    assert "not trusted (IP address mismatch" in await error_of(host="127.0.0.2")
    assert "does not speak TLS on this port" in await error_of(port=server.port)
    assert "refuses the login of 'noc'" in await error_of(password="wrong")
    assert "does not open the folder 'Nowhere'" in await error_of(mailbox="Nowhere")
    assert "ca_file: /nowhere cannot be read" in await error_of(tls={"ca_file": "/nowhere"})


async def test_a_server_that_waits_for_tls_is_not_waited_for(server):
    with pytest.raises(model.TemporaryError, match="mail server localhost"):
        async with imap.session(settings(server, tls=False), 1):
            pass
