"""The last drill and the last backup outlive the process, on both databases."""

from msgspec.structs import replace

from tests.fakes.factories import HOUR, NOW
from watcher import model
from watcher.clock import SystemClock
from watcher.store import store

FAILED = model.DrillResult(
    incident="w-1",
    at=NOW,
    receivers=("noc", "mqtt"),
    late={"noc": "channel_not_found"},
    failure="not notified within 1 min: noc (channel_not_found)",
)
BACKUP = model.Backup(at=NOW, file="/var/backups/watcher/watcher.db", size=4096)


async def test_where_there_was_none_nothing_is_known(opened):
    assert await opened.queries.self_checks() == model.SelfChecks()


async def test_the_last_of_each_is_what_the_next_process_reads(url, hosts_time):
    async with store.open(url, clock=SystemClock()) as first:
        await first.self_checks.record_drill(replace(FAILED, incident="w-0", late={}, failure=""))
        await first.self_checks.record_drill(FAILED)
        await first.self_checks.record_backup(BACKUP)
    async with store.open(url, clock=SystemClock()) as second:
        assert await second.queries.self_checks() == model.SelfChecks(drill=FAILED, backup=BACKUP)


async def test_a_backup_of_earlier_replaces_no_later_one(opened):
    await opened.self_checks.record_backup(BACKUP)
    await opened.self_checks.record_backup(replace(BACKUP, at=NOW - HOUR, file="/older"))
    assert (await opened.queries.self_checks()).backup == BACKUP
    later = replace(BACKUP, at=NOW + HOUR, file="/newer")
    await opened.self_checks.record_backup(later)
    assert (await opened.queries.self_checks()).backup == later
