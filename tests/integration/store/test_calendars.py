"""The calendars of rotas: kept as they were last read, for a start and for a replay."""

from datetime import timedelta

from msgspec.structs import replace

from tests.fakes.factories import HOUR, NOW
from watcher import model, ports

CALENDAR = model.Calendar(
    rota="video",
    shifts=(model.Shift(begin=NOW, end=NOW + HOUR, person="ann"),),
    read_at=NOW,
    until=NOW + HOUR,
)


async def test_the_last_one_of_each_rota_is_loaded(opened, token):
    failed = replace(CALENDAR, error="answered 500")
    for calendar in (CALENDAR, failed):
        event = model.CalendarRead(calendar=calendar)
        commit = ports.Commit(at=NOW, event=event, effects=(calendar,))
        await opened.commits.commit(token, commit)
    assert await opened.queries.calendars() == [failed]
    loaded = await opened.commits.load(
        now=NOW, reopen_within=timedelta(minutes=10), keep_samples=timedelta(hours=1)
    )
    assert loaded.calendars == (failed,)


async def test_a_replay_has_it_from_the_journal_and_from_a_checkpoint(opened, token):
    event = model.CalendarRead(calendar=CALENDAR)
    await opened.commits.commit(token, ports.Commit(at=NOW, event=event, effects=(CALENDAR,)))
    records = [record.what async for record in opened.journal.records(NOW)]
    assert records == [event]
    later = NOW + HOUR
    await opened.journal.checkpoint(later, reopen_within=HOUR, keep_samples=HOUR)
    (checkpoint,) = [record.what async for record in opened.journal.records(later)]
    assert checkpoint.calendars == (CALENDAR,)
