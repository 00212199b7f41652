"""Which subjects planned works name, for the board and the command line."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from tests.fakes import sample_data
from tests.unit.operations.test_works import window, work
from watcher import engine, model
from watcher.daemon.affected import KEPT_FOR, AffectedSubjects
from watcher.model import WorkImpact, WorkStatus

NOW, DAY = sample_data.NOW, timedelta(days=1)


class Inventory:
    """Two circuits of Lumen, of which one has a name of two subjects, and one of Orange."""

    def __init__(self):
        self.ids = {"vyvx/1": ("1-abc", "2-DEF"), "vyvx/2": ("2-def",), "evpl/3": ("1-ABC",)}

    def entry(self, key, labels):
        return engine.InventoryEntry(circuit_ids=self.ids.get(key, ()))


@pytest.fixture
def inventory():
    return Inventory()


@pytest.fixture
def clock():
    return sample_data.FakeClock()


@pytest.fixture
def reader(inventory):
    reader = sample_data.InMemoryReader()
    reader.kept_subjects = {
        key: model.Subject(key=key, source=key.partition("/")[0], fields={}, since=NOW)
        for key in sorted(inventory.ids)
    }
    return reader


@pytest.fixture
def affected(reader, inventory, clock):
    sources = {
        name: replace(traits, carrier=carrier)
        for name, carrier in (("vyvx", "lumen"), ("evpl", "orange"))
        for traits in (sample_data.RULES.sources[name],)
    }
    rules = replace(sample_data.RULES, inventory=inventory, sources=sources)
    return AffectedSubjects(reader=reader, rules=lambda: rules, clock=clock)


async def test_a_circuit_is_a_subject_by_its_id_and_its_carrier(affected):
    find = await affected.find()
    assert find(work()) == {"1-ABC": ("vyvx/1",), "2-DEF": ("vyvx/1", "vyvx/2")}
    assert find(work(provider="orange")) == {"1-ABC": ("evpl/3",)}
    assert find(work(provider="zayo")) == {}


async def test_the_inventory_is_read_again_after_a_while(affected, inventory, clock):
    await affected.find()
    inventory.ids = {"vyvx/2": ("1-ABC",)}
    assert "2-DEF" in (await affected.find())(work())
    clock.at += KEPT_FOR
    assert (await affected.find())(work()) == {"1-ABC": ("vyvx/2",)}


async def test_works_of_ours_that_are_under_way_or_begin_within_a_week_are_coming(affected, reader):
    reader.kept_works = [
        work("LATER", window(NOW + 8 * DAY)),
        work("SOON", window(NOW - 3 * DAY), window(NOW + 2 * DAY)),
        work("NOW", window(NOW - timedelta(hours=1)), provider="orange"),
        work("OTHERS", window(NOW + DAY), provider="zayo"),
        work("GONE", window(NOW + DAY), status=WorkStatus.CANCELLED),
        work("NO", window(NOW + DAY), dismissed_by="ann"),
    ]
    first, second = await affected.coming()
    assert (first.title, first.impact, first.subjects) == ("NOW of Orange", WorkImpact.DEGRADED, 1)
    assert (second.title, second.begin) == ("SOON of Lumen", NOW + 2 * DAY)
    assert (second.impact, second.subjects) == (WorkImpact.OUTAGE, 2)


async def test_without_works_no_subject_is_read(affected, reader):
    reader.kept_subjects = None
    assert await affected.coming() == ()
