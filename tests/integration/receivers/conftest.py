"""The fixtures of the receivers' unit tests, for tests with a real broker."""

from tests.unit.receivers.conftest import builder, clock, delivery

__all__ = ["builder", "clock", "delivery"]
