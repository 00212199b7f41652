"""Which mails of a mailbox have been read, on both databases."""

from tests.fakes.factories import HOUR, NOW
from watcher.clock import SystemClock
from watcher.store import store


async def test_a_mailbox_that_was_never_read_has_no_cursor(opened):
    assert await opened.mail_log.cursor("noc@mail/INBOX") == (0, 0)
    assert await opened.mail_log.already_read(["a"]) == frozenset()


async def test_cursor_and_mails_outlive_the_process(url, hosts_time):
    async with store.open(url, clock=SystemClock()) as first:
        await first.mail_log.record("noc", (7, 41), ["a"], NOW, forget=NOW - HOUR)
        await first.mail_log.record("noc", (7, 42), ["b"], NOW, forget=NOW - HOUR)
    async with store.open(url, clock=SystemClock()) as second:
        assert await second.mail_log.cursor("noc") == (7, 42)
        assert await second.mail_log.already_read(["a", "b", "c"]) == {"a", "b"}


async def test_mails_that_no_search_would_find_any_more_are_forgotten(opened):
    await opened.mail_log.record("noc", (7, 1), ["old"], NOW - 2 * HOUR, forget=NOW - 3 * HOUR)
    await opened.mail_log.record("noc", (7, 2), ["new"], NOW, forget=NOW - HOUR)
    assert await opened.mail_log.already_read(["old", "new"]) == {"new"}
    assert await opened.mail_log.cursor("noc") == (7, 2)
