"""`watcher works` beside a daemon, as a person types it."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from msgspec.structs import replace

from tests.unit.operations.test_control_socket import InMemoryStore, serve_socket
from tests.unit.operations.test_works import window, work
from watcher import model
from watcher.clock import SystemClock


class Store(InMemoryStore):
    """A store with planned works, which obeys what is decided about them."""

    def __init__(self, *works):
        super().__init__()
        self.works_by_key = {kept.key: kept for kept in works}

    async def works(self):
        return list(self.works_by_key.values())

    async def submit(self, key, command, at):
        before = self.works_by_key[command.work]
        confirmed = isinstance(command, model.WorkConfirmed)
        self.works_by_key[command.work] = replace(
            before,
            confirmed_by=command.by if confirmed else "",
            dismissed_by="" if confirmed else command.by,
        )
        return await super().submit(key, command, at)


@pytest.fixture
def store():
    soon = SystemClock().now() + timedelta(days=2)
    return Store(
        work("CHG-1/a b", window(soon)),
        work("CHG-2", window(soon + timedelta(days=1)), provider="orange"),
        work("OLD", window(soon - timedelta(days=9))),
    )


@pytest.fixture
async def works(watcher, store, tmp_path):
    async with serve_socket(store, tmp_path / "control.sock") as path:

        async def typed(*words):
            return await watcher("works", *words, "--socket", str(path))

        yield typed


async def test_what_lies_ahead_is_listed_and_the_rest_where_asked_for(works):
    done = await works("list")
    header, first, second = done.out.splitlines()
    assert header.split() == ["WORKS", "STATE", "WINDOW", "IN", "IMPACT", "REMARK"]
    assert first.startswith("lumen/CHG-1/a b  ahead  20")
    assert "  2 d  outage of 2 circuits  fibre moves" in first.replace("1 d 23 h", "2 d")
    assert second.startswith("orange/CHG-2     ahead")
    assert "lumen/OLD        over" in (await works("list", "--past")).out
    listed = json.loads((await works("list", "--json")).out)
    assert [document["key"] for document in listed] == ["lumen/CHG-1/a b", "orange/CHG-2"]


async def test_nothing_known_is_said(works, store):
    store.works_by_key.clear()
    assert (await works("list")).out == "no planned works lie ahead\n"
    assert (await works("list", "--past")).out == "no planned works are known\n"


async def test_one_is_shown_by_how_its_id_begins(works):
    assert (await works("show", "chg-1")).out.splitlines()[0] == "CHG-1/a b of Lumen: ahead"
    assert json.loads((await works("show", "lumen/CHG-1/a b", "--json")).out)["id"] == "CHG-1/a b"
    several = await works("show", "chg")
    assert several.code == 1
    assert "chg matches several: lumen/CHG-1/a b, orange/CHG-2; type more of the id" in several.err
    assert "there are no planned works nothing" in (await works("show", "nothing")).err


async def test_people_confirm_and_dismiss(works, store):
    done = await works("dismiss", "chg-1/a", "--by", "ann")
    assert done.out == "lumen/CHG-1/a b dismissed: outages in its windows call people\n"
    assert store.works_by_key["lumen/CHG-1/a b"].dismissed_by.startswith("ann")
    assert "  dismissed by ann" in (await works("list")).out.splitlines()[1]
    done = await works("confirm", "chg-1/a", "--by", "bob")
    assert done.out == "lumen/CHG-1/a b confirmed\n"
    kept = store.works_by_key["lumen/CHG-1/a b"]
    assert (kept.confirmed_by[:3], kept.dismissed_by) == ("bob", "")
