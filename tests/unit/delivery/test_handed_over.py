"""Deliveries that a commit has claimed already: the worker that waits need not look for them."""

import asyncio

from tests.fakes.virtual_time import run
from tests.unit.delivery.test_worker import DeliveryHarness
from watcher import model


async def claimed(harness, incident):
    """Return what a commit would have claimed of an incident."""
    harness.outbox.happen(incident)
    wanted = harness.delivery.claim()
    assert wanted is not None
    return await harness.outbox.claim(
        now=wanted.now, receivers=list(wanted.intents), lease=wanted.lease, limit=1
    )


def test_what_is_handed_over_is_delivered_at_once_and_without_a_look_for_it():
    async def scenario():
        harness = DeliveryHarness("noc")
        async with harness.running():
            await asyncio.sleep(0.5)
            pending = await claimed(harness, "a")
            asked = harness.outbox.asked
            harness.delivery.take(pending)
            while not harness.receivers["noc"].delivered:  # noqa: ASYNC110  virtual time
                await asyncio.sleep(0)
            assert harness.outbox.asked == asked
            await harness.settled(within=1)
        assert harness.receivers["noc"].delivered == [("a", 1)]

    run(scenario())


def test_only_a_receiver_that_has_nothing_to_do_has_something_claimed_for_it():
    async def scenario():
        harness = DeliveryHarness("noc", "mqtt")
        assert harness.delivery.claim() is None  # it has not started
        async with harness.running():
            await asyncio.sleep(0.5)
            assert set(harness.delivery.claim().intents) == {"noc", "mqtt"}
            harness.receivers["noc"].seconds = 3
            harness.outbox.happen("a")
            harness.wakeup.set()
            await asyncio.sleep(1)
            assert set(harness.delivery.claim().intents) == {"mqtt"}
            await asyncio.sleep(4)
            assert set(harness.delivery.claim().intents) == {"noc", "mqtt"}
        assert harness.delivery.claim() is None

    run(scenario())


def test_nothing_is_claimed_for_a_receiver_that_fails():
    async def scenario():
        harness = DeliveryHarness("noc")
        harness.outbox.happen("a")
        harness.receivers["noc"].faults = lambda: model.TemporaryError("Slack is down")
        async with harness.running():
            for _ in range(300):
                await asyncio.sleep(0.1)
                assert harness.delivery.claim() is None

    run(scenario())


def test_nothing_is_claimed_for_a_receiver_whose_connection_is_broken():
    async def scenario():
        harness = DeliveryHarness("mqtt")
        async with harness.running():
            await asyncio.sleep(0.5)
            harness.delivery.set_fault("mqtt", model.PermanentError("internal error"))
            assert harness.delivery.claim() is None

    run(scenario())


def test_a_claim_names_the_intent_of_a_receiver_that_writes_intents():
    async def scenario():
        harness = DeliveryHarness("noc", "mqtt")
        harness.receivers["noc"].first_intent = "parent"
        async with harness.running():
            await asyncio.sleep(0.5)
            wanted = harness.delivery.claim()
        assert wanted.intents == {"noc": "parent", "mqtt": ""}

    run(scenario())


def test_what_is_handed_to_a_busy_worker_comes_next():
    async def scenario():
        harness = DeliveryHarness("noc")
        harness.receivers["noc"].seconds = 3
        async with harness.running():
            await asyncio.sleep(0.5)
            first, second = await claimed(harness, "a"), await claimed(harness, "b")
            harness.delivery.take(first)
            await asyncio.sleep(1)
            harness.delivery.take(second)
            await harness.settled(within=8)
        assert harness.receivers["noc"].delivered == [("a", 1), ("b", 1)]

    run(scenario())
