"""The board counts the services of each source, and does not wait long for it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from msgspec.structs import replace

from tests.fakes import sample_data
from tests.unit.web.test_pages import words
from watcher import model
from watcher.web import middleware
from watcher.web.announced import AnnouncedWorks
from watcher.web.subjects import reading
from watcher.web.subjects.reading import ServiceReader


@pytest.fixture
def service_reader(reader, clock):
    sample_data.bad_night(reader)
    return ServiceReader(
        reader=reader,
        listings=reader,
        rules=lambda: sample_data.RULES,
        announced=AnnouncedWorks(reader=reader, subjects=sample_data.find_subjects, clock=clock),
        clock=clock,
        read_limit=middleware.ReadLimit(),
    )


async def test_each_source_has_the_counts_of_its_services_which_lead_to_them(serve, reader):
    reporter = sample_data.bad_night(reader)
    sample_data.full_house(reader)
    async with serve(reporter=reporter) as site:
        page = (await site.get("/")).text
        vyvx = page[page.index('<span class="name">vyvx</span>') :]
        vyvx = vyvx[: vyvx.index("</li>")]
        assert "down" in words(vyvx)
        assert "up" in words(vyvx)
        evpl = page[page.index('<span class="name">evpl</span>') :]
        assert "500 unknown" in words(evpl[: evpl.index("</li>")])  # it is blind
        down = await site.get("/subjects?source=vyvx&state=down")
    assert 'href="/subjects?source=vyvx&amp;state=down"' in vyvx
    number = vyvx[vyvx.index("state=down") :].partition(">")[2].partition(" ")[0]
    assert f"{number} fit, the worst first" in words(down.text)


async def test_counts_are_read_again_once_they_are_old(service_reader, reader, clock):
    first = await service_reader.counts()
    assert first.by_source["vyvx"]["down"] == 1
    well = reader.kept_subjects["vyvx/1234567"]
    reader.kept_subjects["vyvx/1234567"] = replace(well, fields={"state": "online"})
    clock.at += timedelta(seconds=9)
    assert await service_reader.counts() == first
    clock.at += timedelta(seconds=1)
    assert (await service_reader.counts()).by_source["vyvx"]["up"] == 1


async def test_the_longer_counting_takes_the_less_often_it_is_done(service_reader, reader, clock):
    first = await service_reader.counts()
    service_reader._kept = replace(service_reader._kept, took=timedelta(seconds=2))
    reader.kept_subjects.clear()
    clock.at += timedelta(seconds=39)
    assert await service_reader.counts() == first
    clock.at += timedelta(seconds=1)
    assert (await service_reader.counts()).by_source == {}


async def test_who_asks_while_it_takes_long_gets_the_counts_of_before(
    service_reader, reader, clock, monkeypatch
):
    monkeypatch.setattr(reading, "_PATIENCE_SECONDS", 0.01)
    first = await service_reader.counts()
    clock.at += timedelta(minutes=5)
    reader.hangs = True
    assert await service_reader.counts() == first
    (under_way,) = service_reader.readings._under_way.values()
    await service_reader.readings.stop(None)
    assert under_way.cancelled()


async def test_counts_that_cannot_be_read_are_those_of_before(service_reader, reader, clock):
    first = await service_reader.counts()
    clock.at += timedelta(minutes=5)
    reader.broken = "the disk is full"
    assert await service_reader.counts() == first


async def test_several_who_ask_at_once_read_once(service_reader, reader):
    asked = []
    subjects = reader.subjects

    async def counted(**query):
        asked.append(query)
        return await subjects(**query)

    reader.subjects = counted
    await asyncio.gather(*(service_reader.all() for _ in range(5)))
    assert len(asked) == 1


async def test_what_the_store_says_is_raised_to_who_lists_services(service_reader, reader):
    reader.broken = "the disk is full"
    with pytest.raises(model.TemporaryError, match="the disk is full"):
        await service_reader.all()
