"""The server of the vendors' unit tests, for a daemon that polls it."""

from tests.unit.vendors.conftest import vendor

__all__ = ["vendor"]
