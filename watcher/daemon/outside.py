"""What a daemon takes from the machine: the time, the database, HTTP and the broker.

A simulation hands in others, and everything that `app.run` builds is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Protocol

import aiohttp
from msgspec import Struct, field

from watcher.clock import Clock, SystemClock
from watcher.http import exchange
from watcher.store import store

if TYPE_CHECKING:
    from watcher.receivers.mqtt.broker.client import BuildClient


class OpenStore(Protocol):
    """Opens the database of a URL."""

    def __call__(self, url: str, *, clock: Clock) -> AbstractAsyncContextManager[store.Store]:
        """Return a context within which it is open. Entering it raises what store.open raises."""


class Outside(Struct, frozen=True, kw_only=True):
    """The real things, where nothing else is given. Make one for each run: its clock starts."""

    clock: SystemClock = field(default_factory=SystemClock)
    open_store: OpenStore = store.open
    open_session: Callable[[], aiohttp.ClientSession] = exchange.open_session
    build_client: BuildClient | None = None  # the real one, loaded where there is a broker
