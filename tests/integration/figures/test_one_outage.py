"""One outage, one set of figures: each place says the same begin, end and duration."""

import asyncio
import json
import re
from contextlib import asynccontextmanager
from datetime import timedelta
from html import unescape

import aiohttp
import pytest

from tests.fakes import sample_data
from tests.integration.upgrade.write_database import WrittenInstallation, opened_at
from tests.unit.replay.installation import START, FakeClock
from tests.unit.web.conftest import parts
from watcher import cli
from watcher.clock import Wakeup
from watcher.operations import carrier_packet, control_socket, documents, explain
from watcher.operations.commands import CommandService
from watcher.web import server
from watcher.web.settings import Web

NOW = 1_800
CIRCUIT = "vyvx/1"
# Reported 20 s later, and closed a minute later: figures of the report would be 5 min 20 s.
BEGIN, END, LASTED = "03:01:00", "03:05:40", "4 min 40 s"


@pytest.fixture(params=["offline", "degraded offline", "degraded offline degraded"])
def over(request, tmp_path):
    """An outage that is over, with one face or with several."""
    installation = WrittenInstallation(tmp_path)
    states = request.param.split()
    faces = [(60 + 90 * number, {"1": state}) for number, state in enumerate(states)]
    confirmed = [(after + 25, {}) for after, _ in faces]
    installation.run(
        (0, {"1": "online"}),
        *sorted((*faces, *confirmed), key=lambda event: event[0]),
        (340, {"1": "online"}),
        (401, {}),
        (700, {}),
    )
    return installation


@asynccontextmanager
async def reading(installation):
    """The incident with its view, and the store that it is in."""
    async with opened_at(installation, NOW) as opened:
        (incident,) = await opened.queries.incidents()
        yield opened, await opened.queries.incident_view(incident.id)


def at(after):
    return START + timedelta(seconds=after)


def words(text):
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", text)).split())


async def test_the_timeline_and_the_document_agree(over):
    async with reading(over) as (_, view):
        written = json.loads(documents.incident(view).encode())
        assert written["began_at"] == f"2026-11-21T{BEGIN}.000Z"
        assert written["ended_at"] == f"2026-11-21T{END}.000Z"
        assert written["fault"] == "vyvx-service"
        assert written["opened_at"] > written["began_at"]
        assert written["resolved_at"] > written["ended_at"]
        (alert,) = written["alerts"]
        assert (alert["subject"], alert["to"], alert["until"]) == (
            CIRCUIT,
            "online",
            written["ended_at"],
        )
        assert view.timeline[-1].text == f"recovered at {END} UTC after {LASTED}: online"


async def test_why_and_the_packet_agree(over):
    async with reading(over) as (opened, view):
        receipts = await opened.queries.receipts(view.incident.id)
        _, status, *lines = explain.explain_incident(view, receipts, {}, at(NOW))
        figures = f"from 2026-11-21 {BEGIN} UTC to 2026-11-21 {END} UTC, {LASTED}"
        assert figures in status
        assert not [line for line in lines if "-> online" in line or "online since" in line]
        packet = carrier_packet.render_packet(view, at(NOW))
        assert f"Downtime: {LASTED} (recovered), 2026-11-21 {BEGIN} to 2026-11-21 {END}" in packet
        (circuit,) = [line for line in packet if line.startswith("- vyvx")]
        assert f"to 2026-11-21 {END}, finally online, was " in circuit


async def test_the_board_and_the_page_of_the_incident_agree(over):
    clock = FakeClock()
    clock.at = at(NOW)
    async with reading(over) as (opened, view):
        reporter = sample_data.reporter(sample_data.InMemoryReader())
        async with (
            server.serve(
                Web(listen="127.0.0.1:0"),
                stuck=lambda: "",
                ready=lambda: True,
                reporter=reporter,
                **parts(opened.queries, opened.listings),
                clock=clock,
            ) as port,
            aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
        ):
            pages = {}
            for path in ("/", f"/incidents/{view.incident.id}", f"/subjects/{CIRCUIT}"):
                async with session.get(path) as answer:
                    pages[path] = words(await answer.text())
            async with session.get(f"/api/v1/incidents/{view.incident.id}") as answer:
                written = await answer.json()
    row = f"Recovered 24 min ago, at {END[:5]} UTC, after {LASTED}"
    assert row in pages["/"]
    assert row in pages[f"/subjects/{CIRCUIT}"]
    page = pages[f"/incidents/{view.incident.id}"]
    assert f"since {BEGIN} UTC {LASTED}" in page
    assert f"Recovered at {END} UTC" in page
    assert page.count(f"{CIRCUIT}: affected from ") == 1
    assert f"to {END} UTC, finally online, was " in page
    assert written["began_at"] == f"2026-11-21T{BEGIN}.000Z"
    assert written["ended_at"] == f"2026-11-21T{END}.000Z"


async def test_the_command_line_agrees(over, monkeypatch, capsys):
    clock = FakeClock()
    clock.at = at(NOW)
    socket = over.directory / "control.sock"

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["watcher", *arguments, "--socket", str(socket)])
        with pytest.raises(SystemExit) as exited:
            cli.main()
        assert not exited.value.code
        return capsys.readouterr().out

    async def nothing():
        return {}

    async with reading(over) as (opened, view):
        commands = CommandService(
            reader=opened.queries,
            inbox=opened.inbox,
            ingest=Wakeup(),
            clock=clock,
            receivers=("noc",),
        )
        served = control_socket.ControlSocket(
            reader=opened.queries, commands=commands, clock=clock, status=nothing, reload=nothing
        )
        async with served.serve(socket):
            listed = await asyncio.to_thread(run, "incidents", "--all")
            (written,) = json.loads(await asyncio.to_thread(run, "incidents", "--all", "--json"))
            why = await asyncio.to_thread(run, "why", view.incident.id)
    assert f"2026-11-21T{BEGIN}Z  {LASTED} " in listed
    assert written["began_at"] == f"2026-11-21T{BEGIN}.000Z"
    assert written["ended_at"] == f"2026-11-21T{END}.000Z"
    assert f"to 2026-11-21 {END} UTC, {LASTED}" in why


def test_replay_and_its_comparison_agree(over, monkeypatch, capsys):
    monkeypatch.chdir(over.directory)
    (over.directory / "other.yaml").write_text(
        "rules: [{name: other, source: vyvx, transition: {field: state, to: [impaired]}}]\n"
    )

    def run(*arguments):
        since = ("--since", "2026-11-21T00:00Z")
        monkeypatch.setattr("sys.argv", ["watcher", "replay", *since, *arguments])
        with pytest.raises(SystemExit) as exited:
            cli.main()
        assert not exited.value.code
        return capsys.readouterr().out.splitlines()

    assert f"recovered at {END} UTC after {LASTED}: online" in run()[-2]
    (lost,) = [line for line in run("--rules", "other.yaml") if "  lost: " in line]
    assert lost.startswith(f"2026-11-21 {BEGIN}  lost: vyvx-service  ")
    assert lost.endswith(f"({CIRCUIT}, {LASTED})")
