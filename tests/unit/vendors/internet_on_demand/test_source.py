"""Internet On-Demand connections as subjects."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from watcher import model
from watcher.vendors import poller
from watcher.vendors.internet_on_demand.client import Connection, Inventory
from watcher.vendors.internet_on_demand.source import MOST_UNKNOWN_STATUSES, InternetOnDemandSource


class Client:
    """Hands out what a test gives it."""

    def __init__(self, *answers: Inventory) -> None:
        self.answers = list(answers)

    async def all(self) -> Inventory:
        return self.answers.pop(0)


def inventory(*connections: Connection, **options: object) -> Inventory:
    return Inventory(connections=connections, **options)


def connection(identity: str = "c1", status: str = "active", mbps: float | None = 500.0):
    return Connection(id=identity, status=status, bandwidth_mbps=mbps, location="New York")


async def observe(*inventories: Inventory) -> list[model.Polled]:
    feed = InternetOnDemandSource("iod", Client(*inventories))
    differ = poller.Differ("iod")
    return [differ.compare(await feed.poll()) for _ in inventories]


async def test_status_and_bandwidth_become_fields():
    (polled,) = await observe(inventory(connection()))
    assert polled.seen == (
        model.Observed(
            key="iod/c1",
            fields={"status": "active", "bandwidth_mbps": 500.0},
            labels={"location": "New York"},
        ),
    )


@pytest.mark.covers("iod/status-change", "iod/bandwidth-change")
async def test_only_a_change_of_status_or_bandwidth_is_reported():
    polls = await observe(
        inventory(connection(), connection("c2")),
        inventory(connection(), connection("c2")),
        inventory(connection(status="suspended"), connection("c2", mbps=100.0)),
    )
    assert polls[1].seen == ()
    assert {subject.key: dict(subject.fields) for subject in polls[2].seen} == {
        "iod/c1": {"status": "suspended", "bandwidth_mbps": 500.0},
        "iod/c2": {"status": "active", "bandwidth_mbps": 100.0},
    }


@pytest.mark.covers("naas/status-words")
@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("Active", "active"),
        ("Change pending", "change_pending"),
        (" CHANGE  PENDING ", "change_pending"),
        ("provisioning", "provisioning"),
        ("Terminated", "terminated"),
        ("", "unknown"),
    ],
)
async def test_every_spelling_of_a_status_is_one_word(word, status):
    (polled,) = await observe(inventory(connection(status=word)))
    assert polled.seen[0].fields["status"] == status


@pytest.mark.covers("iod/odd-status")
async def test_an_odd_status_reads_as_unknown_and_is_logged_once():
    with capture_logs() as logs:
        polls = await observe(
            inventory(connection(status="Frozen")),
            inventory(connection("c2", status="frozen"), connection("c1", status="Frozen")),
        )
    assert {subject.fields["status"] for polled in polls for subject in polled.seen} == {"unknown"}
    assert [line["event"] for line in logs] == ["unknown status"]


async def test_a_vendor_that_invents_words_does_not_fill_the_log():
    many = [connection(f"c{n}", status=f"word {n}") for n in range(500)]
    with capture_logs() as logs:
        await observe(inventory(*many))
    assert len(logs) == MOST_UNKNOWN_STATUSES


@pytest.mark.covers("iod/nothing-required")
async def test_connections_without_an_id_are_logged_once_and_vanish_nothing():
    with capture_logs() as logs:
        polls = await observe(
            inventory(connection("c1"), connection("c2")),
            inventory(connection("c1"), unreadable=1),
            inventory(connection("c1"), unreadable=1),
        )
    assert [polled.complete for polled in polls] == [True, False, False]
    assert [line["event"] for line in logs] == ["connections without id"]


@pytest.mark.covers("iod/nothing-required")
async def test_a_list_in_which_no_connection_has_an_id_is_a_failed_poll():
    feed = InternetOnDemandSource("iod", Client(inventory(unreadable=2)))
    with pytest.raises(model.TemporaryError, match="none of the 2 connections"):
        await feed.poll()


@pytest.mark.covers("iod/pages")
async def test_an_incomplete_list_vanishes_nothing_and_is_remarked():
    feed = InternetOnDemandSource("iod", Client(inventory(connection("c1"), complete=False)))
    snapshot = await feed.poll()
    assert not snapshot.complete
    assert snapshot.remarks == (
        "the answer has further pages that were not read: connections may be missing",
    )


@pytest.mark.covers("iod/vanished")
async def test_a_connection_that_is_gone_from_a_whole_list_is_missed():
    polls = await observe(
        inventory(connection("c1"), connection("c2")), inventory(connection("c1"))
    )
    assert polls[1].absent == ("iod/c2",)


@pytest.mark.covers("iod/bandwidth-text", "iod/bandwidth-unit")
async def test_a_bandwidth_that_is_not_certain_is_remarked_in_the_vendors_words():
    unknown = [
        Connection(id=words, status="active", bandwidth_mbps=None, bandwidth=words)
        for words in ("1,5 Gbps", "1GE", "500", "")
    ]
    feed = InternetOnDemandSource("iod", Client(inventory(connection("c1"), *unknown)))
    assert (await feed.poll()).remarks == (
        "the bandwidth of 1 connections has no unit: check `bandwidth_unit`",
        "the bandwidth of 2 connections is unclear and counts as unknown, as in '1,5 Gbps'",
        "1 connections come without a bandwidth",
    )


async def test_there_are_no_details_to_ask_for():
    feed = InternetOnDemandSource("iod", Client())
    with pytest.raises(model.PermanentError, match="iod/c1 has no details"):
        await feed.details("iod/c1")
