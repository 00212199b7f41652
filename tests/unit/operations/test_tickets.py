"""The carrier's ticket: over the control socket, in documents and packets, and on the CLI."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from tests.fakes.incident_builder import IncidentBuilder
from tests.unit.operations.test_control_socket import InMemoryStore, serve_socket
from watcher import cli, model
from watcher.cli import tickets
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


def test_incidents_that_should_have_a_ticket_are_listed_oldest_first(monkeypatch):
    def incident(identity, minutes, *, ticket=None, flags=(), source="vyvx", group="vyvx/1"):
        began = (NOW - timedelta(minutes=minutes)).isoformat()
        return {
            "id": identity,
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
    shown = CliRunner().invoke(cli.program, ["ticket"])
    assert shown.output.splitlines() == [
        "w-b  10 h          circuit w-b",
        "w-storm  45 min        circuit w-storm",
        "w-a  31 min        circuit w-a",
    ]
