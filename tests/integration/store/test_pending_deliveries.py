"""What is pending: for receivers an incident names now, and at its end for those notified of it."""

import pytest
from msgspec.structs import replace

from tests.fakes import factories
from tests.fakes.factories import MINUTE, NOW, incident
from watcher import model


@pytest.fixture
def record(opened, token):
    async def commit(changed, minute):
        await opened.commits.commit(token, factories.commit(changed, at=NOW + minute * MINUTE))

    return commit


async def claim(opened, minute):
    claimed = await opened.outbox.claim(
        now=NOW + minute * MINUTE, receivers=("noc", "mqtt"), lease=MINUTE / 2, limit=9
    )
    return {pending.receipt.receiver: pending for pending in claimed}


async def deliver(opened, seen, claimed):
    for pending in claimed.values():
        receipt = replace(pending.receipt, parent_version=seen.version, told_through=seen.entries)
        await opened.outbox.release(receipt, pending.token, again_at=None)


OPEN = incident(notify=("noc", "mqtt"), receivers=("noc", "mqtt"), version=1)
HELD = replace(OPEN, version=2, notify=("mqtt",), flags=("silenced",))
OVER = replace(HELD, version=3, status=model.IncidentStatus.RESOLVED, resolved_at=NOW)


async def test_nothing_is_pending_for_a_receiver_that_is_not_notified_yet(opened, record):
    await record(replace(OPEN, notify=()), 0)
    assert await claim(opened, 1) == {}
    await record(replace(OPEN, version=2), 1)
    assert set(await claim(opened, 2)) == {"noc", "mqtt"}


async def test_during_a_silence_only_the_message_of_who_was_notified_before_is_edited(
    opened, record
):
    await record(OPEN, 0)
    await deliver(opened, OPEN, await claim(opened, 1))
    await record(HELD, 2)
    claimed = await claim(opened, 3)
    assert set(claimed) == {"mqtt", "noc"}
    await deliver(opened, HELD, claimed)
    await record(replace(HELD, entries=7), 4)  # an entry waits for the silence to end
    assert set(await claim(opened, 5)) == {"mqtt"}


async def test_entries_that_an_edit_leaves_out_are_pending_once_the_receiver_is_notified_again(
    opened, record
):
    await record(OPEN, 0)
    await deliver(opened, OPEN, await claim(opened, 1))
    silenced = replace(HELD, entries=7)
    await record(silenced, 2)
    claimed = await claim(opened, 3)
    await deliver(opened, replace(silenced, entries=OPEN.entries), claimed)  # as Slack does
    assert "noc" not in await claim(opened, 4)
    await record(replace(OPEN, version=3, entries=7), 5)
    assert "noc" in await claim(opened, 6)


async def test_who_was_called_before_the_incident_reopened_has_its_message_edited(opened, record):
    called = replace(OPEN, receivers=("noc", "mqtt"))
    await record(called, 0)
    await deliver(opened, called, await claim(opened, 1))
    over = replace(called, version=2, status=model.IncidentStatus.RESOLVED, resolved_at=NOW)
    await record(over, 2)
    await deliver(opened, over, await claim(opened, 3))
    reopened = replace(OPEN, version=3, notify=("noc",), receivers=("noc",))
    await record(reopened, 4)  # mqtt is not among its receivers any more
    assert set(await claim(opened, 5)) == {"noc", "mqtt"}


async def test_a_delivery_pending_before_a_silence_waits_for_its_end(opened, record):
    await record(OPEN, 0)
    await record(HELD, 1)
    assert set(await claim(opened, 2)) == {"mqtt"}
    await record(replace(OPEN, version=3), 30)
    assert "noc" in await claim(opened, 31)


async def test_a_delivery_that_ends_during_a_silence_leaves_an_edit_pending(opened, record):
    await record(OPEN, 0)
    pending = await claim(opened, 1)
    await record(HELD, 2)
    await deliver(opened, OPEN, pending)
    again = await claim(opened, 3)
    assert set(again) == {"mqtt", "noc"}
    await deliver(opened, HELD, again)
    assert await claim(opened, 4) == {}


async def test_a_receiver_that_was_notified_of_the_start_is_notified_of_the_end(opened, record):
    await record(OPEN, 0)
    await deliver(opened, OPEN, await claim(opened, 1))
    await record(HELD, 2)
    await deliver(opened, HELD, await claim(opened, 3))
    await record(OVER, 4)
    assert set(await claim(opened, 5)) == {"noc", "mqtt"}


async def test_a_fallback_that_is_no_longer_needed_gets_edits_and_the_end(opened, record):
    called = replace(OPEN, receivers=("noc",), fallbacks=("mqtt",))
    await record(called, 0)
    await deliver(opened, called, await claim(opened, 1))
    await record(replace(called, version=2), 2)  # news that it has not received yet
    stopped = replace(called, version=3, notify=("noc",))
    await record(stopped, 3)
    claimed = await claim(opened, 4)
    assert set(claimed) == {"noc", "mqtt"}  # what mqtt has is out of date
    await deliver(opened, stopped, claimed)
    await record(replace(stopped, entries=9), 4)
    assert set(await claim(opened, 5)) == {"noc"}
    await record(
        replace(called, version=4, notify=("noc",), status=OVER.status, resolved_at=NOW), 6
    )
    assert "mqtt" in await claim(opened, 7)


async def test_a_receiver_that_was_never_notified_is_not_notified_of_the_end(opened, record):
    await record(HELD, 0)
    await record(OVER, 1)
    assert set(await claim(opened, 2)) == {"mqtt"}
