"""What is pending: for receivers an incident names now, and at its end for those notified of it."""

from dataclasses import replace

import pytest

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


async def test_a_silence_mutes_a_receiver_that_was_notified_before(opened, record):
    await record(OPEN, 0)
    await deliver(opened, OPEN, await claim(opened, 1))
    await record(HELD, 2)
    assert set(await claim(opened, 3)) == {"mqtt"}


async def test_a_delivery_pending_before_a_silence_waits_for_its_end(opened, record):
    await record(OPEN, 0)
    await record(HELD, 1)
    assert set(await claim(opened, 2)) == {"mqtt"}
    await record(replace(OPEN, version=3), 30)
    assert "noc" in await claim(opened, 31)


async def test_a_delivery_that_ends_during_a_silence_leaves_nothing_pending(opened, record):
    await record(OPEN, 0)
    pending = await claim(opened, 1)
    await record(HELD, 2)
    await deliver(opened, OPEN, pending)
    assert set(await claim(opened, 3)) == {"mqtt"}


async def test_a_receiver_that_was_notified_of_the_start_is_notified_of_the_end(opened, record):
    await record(OPEN, 0)
    await deliver(opened, OPEN, await claim(opened, 1))
    await record(HELD, 2)
    await deliver(opened, HELD, await claim(opened, 3))
    await record(OVER, 4)
    assert set(await claim(opened, 5)) == {"noc", "mqtt"}


async def test_a_fallback_that_is_no_longer_needed_is_notified_only_of_the_end(opened, record):
    called = replace(OPEN, receivers=("noc",), fallbacks=("mqtt",))
    await record(called, 0)
    await deliver(opened, called, await claim(opened, 1))
    await record(replace(called, version=2), 2)  # news that it has not received yet
    await record(replace(called, version=3, notify=("noc",)), 3)
    assert set(await claim(opened, 4)) == {"noc"}
    await record(
        replace(called, version=4, notify=("noc",), status=OVER.status, resolved_at=NOW), 5
    )
    assert "mqtt" in await claim(opened, 6)


async def test_a_receiver_that_was_never_notified_is_not_notified_of_the_end(opened, record):
    await record(HELD, 0)
    await record(OVER, 1)
    assert set(await claim(opened, 2)) == {"mqtt"}
