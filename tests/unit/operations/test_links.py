"""Where the pages of incidents are, as other places link to them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tests.fakes import sample_data
from watcher.operations import carrier_packet
from watcher.operations.links import NOWHERE, Addresses
from watcher.receivers.slack.message import render_parent
from watcher.web.settings import Web

BOARD = Addresses(board="https://watcher.example")
INCIDENT = sample_data.incident(diagnostics=(sample_data.diagnosis(),))
PAGE = "https://watcher.example/incidents/w-7k3mq2xd"


async def view():
    reader = sample_data.InMemoryReader()
    reader.open(INCIDENT)
    return await reader.incident_view(INCIDENT.id)


def test_documents_link_to_the_board_only_where_somebody_said_where_it_is():
    assert NOWHERE.elsewhere(INCIDENT) == {}
    links = BOARD.elsewhere(INCIDENT)
    assert links["page"] == PAGE
    assert links["report r-4c0vw1zn"].endswith("/w-7k3mq2xd/reports/r-4c0vw1zn.pdf")


async def test_the_slack_message_and_the_packet_lead_to_the_page():
    shown = await view()
    message = render_parent(shown, now=sample_data.NOW, page=BOARD.page(INCIDENT.id))
    assert f"<{PAGE}|Board>" in str(message)
    assert "|Board>" not in str(render_parent(shown, now=sample_data.NOW))
    options = carrier_packet.PacketOptions(addresses=BOARD)
    packet = "\n".join(carrier_packet.render_packet(shown, sample_data.NOW, options))
    assert f"Our reference: w-7k3mq2xd ({PAGE})." in packet


@pytest.mark.parametrize(
    "wrong", ["watcher.example", "https://w.example/", "javascript:x", "https://w.example?a=b"]
)
def test_an_address_that_links_cannot_be_built_on_is_refused(wrong):
    with pytest.raises(ValidationError):
        Web(public_url=wrong)
    assert Web(public_url="https://w.example/watcher").public_url
