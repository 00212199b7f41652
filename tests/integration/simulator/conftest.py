"""The simulator of its unit tests, for real clients and a browser."""

from tests.unit.simulator.conftest import (
    account_of,
    clock,
    http,
    post_incident,
    scenario,
    session,
    sim,
    slack,
)

__all__ = ["account_of", "clock", "http", "post_incident", "scenario", "session", "sim", "slack"]
