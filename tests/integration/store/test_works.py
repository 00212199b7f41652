"""Planned works: kept with every notice, for a start, for a replay and for the ledger."""

from datetime import timedelta

from msgspec.structs import replace

from tests.fakes.factories import HOUR, NOW
from watcher import model, ports

NOTICE = model.Notice(
    provider="lumen",
    id="12345-1",
    status=model.WorkStatus.CONFIRMED,
    windows=(model.WorkWindow(begin=NOW, end=NOW + HOUR),),
    circuits=(model.AffectedCircuit(id="C1", impact=model.WorkImpact.OUTAGE),),
    sequence=2,
    received_at=NOW,
)
WORK = model.Work(notice=NOTICE, history=(replace(NOTICE, sequence=1),), asked=("C1",))


async def commit(opened, token, work=WORK):
    event = model.NoticeRead(notice=work.notice)
    await opened.commits.commit(token, ports.Commit(at=NOW, event=event, effects=(work,)))


async def test_works_are_loaded_as_they_were_committed_last(opened, token):
    await commit(opened, token, model.Work(notice=NOTICE))
    await commit(opened, token)
    assert await opened.queries.works() == [WORK]
    loaded = await opened.commits.load(now=NOW, reopen_within=HOUR, keep_samples=HOUR)
    assert loaded.works == (WORK,)


async def test_a_replay_has_them_from_the_journal_and_from_a_checkpoint(opened, token):
    await commit(opened, token)
    assert [record.what async for record in opened.journal.records(NOW)] == [
        model.NoticeRead(notice=NOTICE)
    ]
    later = NOW + HOUR
    await opened.journal.checkpoint(later, reopen_within=HOUR, keep_samples=HOUR)
    (checkpoint,) = [record.what async for record in opened.journal.records(later)]
    assert checkpoint.works == (WORK,)


async def test_works_go_when_they_have_been_over_for_the_retention_time(opened, token):
    await commit(opened, token)
    await opened.retention.prune(NOW + HOUR)
    assert await opened.queries.works() == [WORK]
    await opened.retention.prune(NOW + HOUR + timedelta(seconds=1))
    assert await opened.queries.works() == []


async def test_a_notice_waits_in_the_inbox_once(opened):
    event = model.NoticeRead(notice=NOTICE)
    again = replace(NOTICE, received_at=NOW + HOUR, origin="mail 2")
    assert again.digest == NOTICE.digest
    key = f"notice/{NOTICE.digest}"
    assert await opened.inbox.submit(key, event, NOW)
    assert not await opened.inbox.submit(key, model.NoticeRead(notice=again), NOW)
    (letter,) = await opened.inbox.read()
    assert letter.command == event
