"""The poller's tests run in virtual time."""

from __future__ import annotations

import pytest

from tests.fakes.virtual_time import VirtualClock


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def virtually(clock):
    """Run a coroutine in the clock's virtual time, and return its result."""
    return clock.run
