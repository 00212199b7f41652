"""What tests of several rooms need: servers, and how examples are drawn."""

from __future__ import annotations

import os

import hypothesis
import pytest

from tests.servers.mosquitto import mosquitto
from tests.servers.postgresql import databases, postgresql_url, template
from tests.servers.rabbitmq import rabbitmq

__all__ = [
    "databases",
    "mosquitto",
    "postgresql_url",
    "rabbitmq",
    "template",
]  # fixtures for everybody


# The gate judges a change, so it draws the same examples for the same tests; at a maintainer's desk
# they are drawn again each time, which is where a law finds what nobody thought of.
hypothesis.settings.register_profile("gate", derandomize=True, deadline=None, print_blob=True)
hypothesis.settings.register_profile("desk", deadline=None)
hypothesis.settings.load_profile("gate" if os.environ.get("WATCHER_CI") else "desk")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "covers(row, ...): the rows of docs/reference/vendors.md that a test covers"
    )
