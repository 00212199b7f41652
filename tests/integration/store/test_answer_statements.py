"""Every page, list and answer takes as many statements for 480 incidents as for 120.

There are as many works, silences, samples and notifications, and one of the incidents is a storm.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from msgspec.structs import replace
from sqlalchemy import insert
from yarl import URL

from tests.fakes import factories, sample_data
from tests.fakes.factories import HOUR, MINUTE, NOW
from tests.integration.store.test_statement_counts import outages
from watcher import model
from watcher.clock import Wakeup
from watcher.daemon.availability import LedgerReader
from watcher.http import server as guarded
from watcher.metrics import Metrics
from watcher.operations import control_socket, status
from watcher.operations.commands import CommandService
from watcher.store import codec, tables
from watcher.web import server
from watcher.web.settings import Web

FEW, MANY = 120, 480  # more than 100 alerts, which are counted, and fewer than one statement names
STORM, SUBJECT, LINE = "w-00000", "vyvx/0", "evpl/L1"
ENDLESS = {"/events"}


class Clock(sample_data.FakeClock):
    """Stands still while everything is from."""

    def __init__(self) -> None:
        self.at = NOW


def everything(size: int) -> Iterator[model.Effect]:
    """Yield outages, of which the first is a storm of all, and as much of everything else."""
    version = 1_000 * size
    yield from outages(size, version=version)
    yield factories.subject(LINE, fields={"utilization": 81.5})
    yield factories.health("evpl")
    for number in range(size):
        yield factories.incident_alert(STORM, subject=f"vyvx/{number}", rule="storm")
        yield factories.entry(version + number + 1, STORM)
        yield factories.sample(NOW - number * MINUTE)
        yield model.Silence(
            id=f"s-{number}",
            matchers=(model.Matcher(name="site", value=f"S{number}"),),
            begin=NOW - HOUR,
            end=NOW + HOUR,
            by="ann",
        )
        notice = replace(sample_data.WORK.notice, id=f"CHG-{number}")
        yield replace(sample_data.WORK, notice=notice)


async def grow(opened, token, size) -> None:
    await opened.commits.commit(token, factories.commit(*everything(size)))
    kept = [
        model.Notification(
            incident=STORM,
            receiver="noc",
            first_entry=number,
            last_entry=number,
            pending_since=NOW,
            first_attempt_at=NOW,
            delivered_at=NOW,
        )
        for number in range(size)
    ]
    rows = [{"incident": STORM, "data": codec.encode(notification)} for notification in kept]
    async with opened.database.write() as connection:
        await connection.execute(insert(tables.notifications), rows)


@pytest.fixture
def asked(monkeypatch):
    """The applications that are served, in their order."""
    applications: list[web.Application] = []
    for name in ("serve_tcp", "serve_unix"):
        serve = getattr(guarded, name)

        def remembering(app, *args, serve=serve):
            applications.append(app)
            return serve(app, *args)

        monkeypatch.setattr(guarded, name, remembering)
    return applications


def reporter(opened):
    async def usages():
        return []

    return status.StatusReporter(
        instance="ops1",
        version="1",
        since=NOW,
        sources=["vyvx"],
        reader=opened.queries,
        metrics=Metrics(version="1", sources=["vyvx"], receivers=["noc", "mqtt"]),
        overview=lambda: None,
        receivers=lambda: {"noc": status.ReceiverState(), "mqtt": status.ReceiverState()},
        usages=usages,
        now=lambda: NOW,
    )


@asynccontextmanager
async def board(opened):
    ledgers = LedgerReader(store=opened, rules=lambda: sample_data.RULES, clock=Clock())
    async with server.serve(
        Web(listen="127.0.0.1:0"),
        stuck=lambda: "",
        ready=lambda: True,
        reporter=reporter(opened),
        reader=opened.queries,
        listings=opened.listings,
        rules=lambda: sample_data.RULES,
        read_ledger=ledgers.month,
        read_ledger_between=ledgers.between,
        subjects_of=sample_data.find_subjects,
        clock=Clock(),
    ) as port:
        yield aiohttp.TCPConnector(), f"http://127.0.0.1:{port}"


@asynccontextmanager
async def socket(opened, path):
    commands = CommandService(
        reader=opened.queries,
        inbox=opened.inbox,
        ingest=Wakeup(),
        clock=Clock(),
        receivers=("noc", "mqtt"),
    )
    answering = control_socket.ControlSocket(
        reader=opened.queries,
        commands=commands,
        clock=Clock(),
        status=reporter(opened).read,
        reload=lambda: None,
        subjects_of=sample_data.find_subjects,
    )
    async with answering.serve(path / "c.sock"):
        yield aiohttp.UnixConnector(str(path / "c.sock")), "http://localhost"


def lists_of(app) -> list[str]:
    """Return an address for each route that is only read."""
    given = {
        "{id}": STORM,
        "{prefix}": "w-",
        "{work}": "CHG-1",
        "{name}": "watcher.css",
        "{run}": "r1",
        "{page}": "1",
    }
    addresses = []
    for route in app.router.routes():
        address = route.resource.canonical
        if route.method != "GET" or address in ENDLESS:
            continue
        for key in (SUBJECT, LINE) if "subjects/{key}" in address else ("lumen/CHG-1",):
            filled = address.replace("{key}", STORM if "/why/" in address else key)
            for name, value in given.items():
                filled = filled.replace(name, value)
            addresses.append(filled)
    return addresses


async def count(app, where, statements) -> dict[str, int]:
    """Return how many statements each answer takes."""
    counts = {}
    connector, url = where
    async with aiohttp.ClientSession(connector=connector) as session:
        for address in lists_of(app):
            statements.clear()
            for query in ("?limit=100", "?form=documents", ""):  # what it does not know is refused
                async with session.get(URL(url + address + query, encoded=True)) as answer:
                    await answer.read()
                    if answer.status != 400:
                        break
            assert answer.status in {200, 404}, (address, await answer.text())
            # A PDF is read by itself: many of them together would not fit into memory.
            counts[address] = sum("FROM papers" not in text for text in statements)
    return counts


@pytest.mark.timeout(120)
async def test_nothing_that_is_asked_takes_a_statement_for_each_row(
    opened, token, statements, asked, tmp_path
):
    few, many = [], []
    for size, counts in ((FEW, few), (MANY, many)):
        await grow(opened, token, size)
        for served in (board(opened), socket(opened, tmp_path)):
            async with served as where:
                counts.append(await count(asked[-1], where, statements))
    addresses = {address for counts in few for address in counts}
    assert {"/", "/subjects", "/works", "/api/v1/incidents", "/incidents", "/silences"} <= addresses
    more = {
        address: (number, larger[address])
        for smaller, larger in zip(few, many, strict=True)
        for address, number in smaller.items()
        if number != larger[address]
    }
    assert more == {}
