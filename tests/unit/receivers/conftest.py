"""What the tests of all receivers share."""

import pytest

from tests.fakes.incident_builder import FakeClock, IncidentBuilder, InMemoryDelivery


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def builder() -> IncidentBuilder:
    return IncidentBuilder()


@pytest.fixture
def delivery(builder) -> InMemoryDelivery:
    return InMemoryDelivery(builder, "noc")
