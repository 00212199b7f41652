"""Tells pages that something has changed, by server-sent events, so that they refresh at once.

Law: a page is right without it. A stream ends by itself before the listener's limit for an answer,
and browsers open the next one; one too many is refused, and that page refreshes every few seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter

from aiohttp import hdrs, web

from watcher import model, ports
from watcher.clock import Clock
from watcher.web import middleware, query
from watcher.web.middleware import HttpError

LASTS_SECONDS = 20.0
LOOK_SECONDS = 1.0  # how often the store is asked, however many listen
MOST_LISTENERS = 40
MOST_OF_PEER = 4  # a browser has six connections to a server: two are left for its pages
_FIRST = b"retry: 1000\n\n"


class Live:
    """The handler of /events."""

    def __init__(
        self,
        *,
        reader: ports.IncidentReader,
        listings: ports.ListingReader,
        clock: Clock,
        read_limit: middleware.ReadLimit,
    ) -> None:
        self._reader = reader
        self._listings = listings
        self._clock = clock
        self._read_limit = read_limit
        self._listeners: Counter[str] = Counter()
        self._stopping = asyncio.Event()
        self._looking = asyncio.Lock()
        self._looked_at: float | None = None
        self._mark = ""

    def routes(self) -> list[web.RouteDef]:
        """Return the route of the events."""
        return [web.get("/events", self.events)]

    async def stop(self, _: web.Application) -> None:
        """End every stream: the daemon stops."""
        self._stopping.set()

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Send `changed` whenever an incident or the sight of a source has changed."""
        query.check_parameters(request, ())
        peer = request.remote or ""
        is_full = self._listeners.total() >= MOST_LISTENERS
        if is_full or self._listeners[peer] >= MOST_OF_PEER or self._stopping.is_set():
            raise HttpError(503, "too many pages listen already", {hdrs.RETRY_AFTER: "30"})
        self._listeners[peer] += 1
        try:
            seen = await self._current()  # first: what changes from now on is said
            response = web.StreamResponse(headers={hdrs.CONTENT_TYPE: "text/event-stream"})
            await response.prepare(request)
            await response.write(_FIRST)
            await self._send(request, response, seen)
            if request.transport is not None:
                await response.write_eof()
            return response
        finally:
            self._listeners[peer] -= 1
            self._listeners += Counter()  # drops who has none left

    async def _send(self, request: web.Request, response: web.StreamResponse, seen: str) -> None:
        """Write what changes, until the time is over or nobody listens any more.

        Who leaves a page is not noticed by writing, as long as there is nothing to write; counted
        on, it would keep the place of the next page.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LASTS_SECONDS):
                while not self._stopping.is_set() and request.transport is not None:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._stopping.wait(), LOOK_SECONDS)
                    current = await self._current()
                    if current != seen:
                        seen = current
                        await response.write(f"event: changed\ndata: {seen}\n\n".encode())

    async def _current(self) -> str:
        """Return what is different after each change; what cannot be read has not changed."""
        async with self._looking:
            now = self._clock.monotonic()
            if self._looked_at is None or not now - LOOK_SECONDS < self._looked_at <= now:
                with contextlib.suppress(model.WatcherError):
                    async with self._read_limit.slot():
                        incidents = await self._listings.mark()
                        sources = await self._reader.sources()
                    sight = "".join(health.sight.value[0] for health in sources)
                    self._mark = f"{incidents}.{sight}"
                self._looked_at = now
            return self._mark
