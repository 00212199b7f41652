"""An account and a connection of the vendors' unit tests, for the vendor's own document."""

from tests.unit.vendors.conftest import (
    clock,
    connect,
    meter,
    no_waits,
    oauth2_account,
    session,
    unused_port,
    vendor,
)

__all__ = [
    "clock",
    "connect",
    "meter",
    "no_waits",
    "oauth2_account",
    "session",
    "unused_port",
    "vendor",
]
