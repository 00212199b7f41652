"""What the tests of all receivers share."""

import pytest

from tests.receivers.story import Drawer, StillClock, Story


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def story() -> Story:
    return Story()


@pytest.fixture
def drawer(story) -> Drawer:
    return Drawer(story, "noc")
