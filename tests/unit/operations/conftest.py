"""The incident builder of the receivers' tests, for documents about an incident."""

from tests.unit.receivers.conftest import builder

__all__ = ["builder"]
