"""An account and a connection of the vendors' unit tests, for the vendor's own document."""

from tests.unit.vendors.conftest import (
    call_counter,
    clock,
    connect,
    no_waits,
    oauth2_account,
    session,
    unused_port,
    vendor,
)

__all__ = [
    "call_counter",
    "clock",
    "connect",
    "no_waits",
    "oauth2_account",
    "session",
    "unused_port",
    "vendor",
]
