"""Addresses that a vendor does not serve."""

import pytest

from tests.fakes.factories import HOUR, NOW
from watcher.clock import SystemClock
from watcher.store import store


@pytest.mark.covers("px/outside-30-days")
async def test_an_unserved_address_is_known_until_it_is_too_old(opened):
    await opened.unserved_addresses.record("1 main st", NOW, since=NOW - HOUR)
    assert await opened.unserved_addresses.last_reported("1 main st", since=NOW - HOUR) == NOW
    assert await opened.unserved_addresses.last_reported("1 main st", since=NOW) is None
    assert await opened.unserved_addresses.last_reported("2 main st", since=NOW - HOUR) is None


async def test_an_address_that_is_reported_again_counts_from_then_on(opened):
    for at in (NOW, NOW + HOUR):
        await opened.unserved_addresses.record("1 main st", at, since=NOW - HOUR)
    assert await opened.unserved_addresses.last_reported("1 main st", since=NOW) == NOW + HOUR


async def test_what_is_too_old_is_forgotten_when_another_is_kept(opened):
    await opened.unserved_addresses.record("1 main st", NOW, since=NOW - HOUR)
    await opened.unserved_addresses.record("2 main st", NOW + HOUR, since=NOW)
    assert await opened.unserved_addresses.last_reported("1 main st", since=NOW - HOUR) is None


@pytest.mark.covers("px/outside-30-days")
async def test_it_outlives_the_process(url, hosts_time):
    async with store.open(url, clock=SystemClock()) as first:
        await first.unserved_addresses.record("1 main st", NOW, since=NOW - HOUR)
    async with store.open(url, clock=SystemClock()) as second:
        assert await second.unserved_addresses.last_reported("1 main st", since=NOW - HOUR) == NOW
