"""The journal as a replay reads it."""

import pytest
from sqlalchemy import insert, text

from tests.fakes import factories
from tests.fakes.factories import HOUR, MINUTE, NOW
from watcher import model, ports
from watcher.clock import SystemClock
from watcher.store import store, tables

KEYS = {"reopen_within": 10 * MINUTE, "keep_samples": HOUR}


async def records(opened, since=NOW):
    return [record async for record in opened.journal.records(since)]


async def test_a_journal_is_read_in_order_without_the_reasons_of_refusals(opened, token):
    poll = model.Polled(source="vyvx", seen=(), total=1)
    refused = model.Acknowledged(incident="nobody", by="ann")
    await opened.commits.commit(token, factories.commit(*factories.outage_effects(), event=poll))
    await opened.commits.commit(
        token, factories.commit(event=refused, note="no such", at=NOW + MINUTE)
    )
    read = ports.RulesRead(version="3f9a")
    await opened.commits.commit(token, factories.commit(event=read, at=NOW + HOUR))
    assert await records(opened) == [
        ports.Recorded(at=NOW, what=poll),
        ports.Recorded(at=NOW + MINUTE, what=refused),
        ports.Recorded(at=NOW + HOUR, what=read),
    ]


async def test_reading_starts_with_what_a_restart_would_have_loaded_before(opened, token):
    await opened.commits.commit(
        token, factories.commit(*factories.outage_effects(), factories.sample())
    )
    loaded = await factories.load(opened)
    for minutes in (1, 2, 9):
        at = NOW + minutes * MINUTE
        await opened.journal.checkpoint(at, **KEYS)
        note = model.Noted(incident="i1", by="ann", text=str(minutes))
        await opened.commits.commit(token, factories.commit(event=note, at=at))
    recorded = await records(opened, NOW + 3 * MINUTE)
    assert recorded[0] == ports.Recorded(at=NOW + 2 * MINUTE, what=loaded)
    assert [record.what.text for record in recorded[1:]] == ["2", "9"]
    extent = await opened.journal.extent(NOW + 3 * MINUTE)
    assert (extent.start, extent.end) == (NOW + 2 * MINUTE, NOW + 9 * MINUTE)


async def test_a_long_journal_is_read_in_pieces_and_whole(opened):
    rows = [{"at": NOW, "kind": "ticked", "data": "{}"}] * 2_500
    async with opened.database.write() as connection:
        await connection.execute(insert(tables.journal), rows)
    assert len(await records(opened)) == 2_500
    assert (await opened.journal.extent(NOW)).rows == 2_500


async def test_an_unknown_record_is_a_sentence(opened, token):
    await opened.commits.commit(token, factories.commit(factories.alert()))
    async with opened.database.write() as connection:
        await connection.execute(text("UPDATE journal SET kind = 'dreamt'"))
    with pytest.raises(model.PermanentError, match="a record of kind 'dreamt'"):
        await records(opened)


async def test_a_journal_is_read_beside_the_daemon_that_writes_it(url, opened, token):
    await opened.commits.commit(token, factories.commit(factories.alert()))
    async with store.open_to_read(url, clock=SystemClock()) as reader:
        assert len(await records(reader)) == 1
        await opened.commits.commit(token, factories.commit(factories.alert(), at=NOW + MINUTE))
        assert len(await records(reader)) == 2


async def test_reading_makes_no_database(tmp_path):
    file = tmp_path / "none.db"
    with pytest.raises(model.PermanentError, match="does not exist"):
        async with store.open_to_read(f"sqlite:///{file}", clock=SystemClock()):
            pass
    assert not file.exists()
    file.touch()
    with pytest.raises(model.PermanentError, match="are at revision none"):
        async with store.open_to_read(f"sqlite:///{file}", clock=SystemClock()):
            pass
