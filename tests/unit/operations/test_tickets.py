"""The carrier's ticket: over the control socket, in documents and packets, and on the CLI."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from tests.fakes.incident_builder import IncidentBuilder
from tests.unit.operations.test_control_socket import InMemoryStore, serve_socket
from watcher import cli, model
from watcher.cli import common, tickets
from watcher.operations import carrier_packet, control_socket, documents
from watcher.receivers.slack.message import render_parent

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
TICKET = model.Ticket(
    number="4711",
    state=model.TicketState.PENDING,
    url="https://carrier.example/t/4711",
    by="ana",
    at=NOW,
)


@pytest.fixture
def store():
    return InMemoryStore()


@pytest.fixture
async def socket(store, tmp_path):
    async with serve_socket(store, tmp_path / "control.sock") as path:
        yield path


async def test_a_ticket_becomes_a_command(socket, store):
    body = {"by": "ada", "number": " 4711\n", "url": "https://carrier.example/4711"}
    await control_socket.ask(
        socket, "POST", "/incidents/w-open/ticket", body | {"state": "pending"}
    )
    (command,) = store.commands.values()
    assert (command.number, command.state) == ("4711", model.TicketState.PENDING)


@pytest.mark.parametrize(
    ("incident", "body", "words"),
    [
        ("w-open", {"number": "1"}, "`by` is required"),
        ("w-open", {"by": "ada"}, "w-open has no ticket yet: name its number"),
        ("w-none", {"by": "ada", "number": "1"}, "there is no incident w-none"),
        (
            "w-open",
            {"by": "ada", "number": "1", "state": "open"},
            "`state` is one of acknowledged,",
        ),
        ("w-open", {"by": "ada", "number": "1", "url": "file:///x"}, "has to start with https://"),
    ],
)
async def test_a_ticket_that_cannot_be_recorded_is_refused_in_words(
    socket, store, incident, body, words
):
    with pytest.raises(model.PermanentError, match=words):
        await control_socket.ask(socket, "POST", f"/incidents/{incident}/ticket", body)
    assert not store.commands


@pytest.fixture
def builder():
    builder = IncidentBuilder()
    builder.change(ticket=TICKET)
    return builder


def test_the_document_the_packet_and_the_message_have_it(builder):
    view = builder.incident_view()
    ticket = documents.incident(view).ticket
    assert (ticket.number, ticket.state, ticket.by) == ("4711", "pending", "ana")
    assert "Your ticket: 4711" in carrier_packet.render_packet(view, NOW)
    shown = str(render_parent(view, now=NOW).blocks)
    assert "Carrier's ticket: <https://carrier.example/t/4711|4711> (*waits for us*)" in shown


def test_incidents_that_should_have_a_ticket_are_listed_the_worst_and_oldest_first(monkeypatch):
    def incident(identity, minutes, *, ticket=None, flags=(), source="vyvx", group="vyvx/1"):
        began = (NOW - timedelta(minutes=minutes)).isoformat()
        return {
            "id": identity,
            "severity": "critical",
            "status": "open",
            "ended_at": None,
            "title": f"circuit {identity}",
            "began_at": began,
            "ticket": ticket,
            "flags": flags,
            "source": source,
            "group": group,
        }

    reply = {
        "now": NOW.isoformat(),
        "ticket_after": 1800.0,
        "incidents": [
            incident("w-young", 29),
            incident("w-has", 90, ticket={"number": "1"}),
            incident("w-drill", 90, flags=["drill"]),
            incident("w-planned", 90, flags=["blind", "planned"]),
            incident("w-unseen", 90, group="vyvx"),
            incident("w-receiver", 90, source="receivers", group="noc"),
            incident("w-a", 31, group="vyvx{site=NYC}"),
            incident("w-storm", 45, group="vyvx/*"),
            incident("w-b", 600),
        ],
    }
    monkeypatch.setattr(tickets, "request", lambda *_: reply)
    reply["incidents"].append(incident("w-mild", 900) | {"severity": "warning"})
    shown = CliRunner().invoke(cli.program, ["ticket"])
    header, *rows = shown.output.splitlines()
    assert header.split() == ["INCIDENT", "SEVERITY", "STATUS", "BEGAN", "LASTS", "TITLE"]
    assert [row.split("  ")[0] for row in rows] == ["w-b", "w-storm", "w-a", "w-mild"]
    assert " 10 h " in rows[0]
    assert rows[0].endswith("  circuit w-b")


def test_programs_get_the_documents_of_those_that_should_have_a_ticket(monkeypatch):
    short = {"id": "w-b", "title": "b", "began_at": "2026-11-21T02:00:00Z", "ticket": None}
    short |= {"flags": [], "source": "vyvx", "group": "vyvx/1"}
    asked = []

    def request(_config, _socket, _method, resource, body=None):
        asked.append((resource, body))
        if resource.endswith("form=documents"):
            return {"incidents": [{"id": "w-b", "schema_version": 1}, {"id": "w-c"}]}
        if resource.endswith("/ids"):
            return {"ids": ["w-b234abcd"]}
        if body is not None:
            return {"incident": {"id": "w-b234abcd", "ticket": {"number": "4711"}}}
        return {"now": NOW.isoformat(), "ticket_after": 1800.0, "incidents": [short]}

    monkeypatch.setattr(tickets, "request", request)
    monkeypatch.setattr(common, "request", request)
    listed = CliRunner().invoke(cli.program, ["ticket", "--json"])
    assert json.loads(listed.output) == [{"id": "w-b", "schema_version": 1}]
    words = ["ticket", "b2", "4711", "--by", "ana", "--json"]
    recorded = CliRunner().invoke(cli.program, words)
    assert json.loads(recorded.output) == {"incident": "w-b234abcd", "ticket": {"number": "4711"}}
    assert asked[-1][0] == "/incidents/w-b234abcd/ticket"
