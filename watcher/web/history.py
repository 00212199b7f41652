"""The page that lists incidents: what is open, and what was, by filters in the address."""

from __future__ import annotations

from aiohttp import web
from msgspec.structs import replace

from watcher import ports
from watcher.clock import Clock
from watcher.web import middleware, query
from watcher.web.renderer import PageRenderer

PER_PAGE = 100


class HistoryPage:
    """The handler that lists incidents."""

    def __init__(
        self,
        *,
        listings: ports.ListingReader,
        clock: Clock,
        read_limit: middleware.ReadLimit,
        renderer: PageRenderer,
    ) -> None:
        self._listings = listings
        self._clock = clock
        self._read_limit = read_limit
        self._renderer = renderer

    def routes(self) -> list[web.RouteDef]:
        """Return the route of the list."""
        return [web.get("/incidents", self.list)]

    async def list(self, request: web.Request) -> web.Response:
        """List incidents, newest first; drills only where the address asks for them."""
        query.check_parameters(request, {*query.FILTERS, "cursor"})
        wanted = query.incident_filter(request)
        after = query.incident_cursor(request)
        drills = wanted.drills is True
        async with self._read_limit.slot():
            incidents = await self._listings.incidents(
                replace(wanted, drills=drills), after=after, limit=PER_PAGE + 1
            )
        more = len(incidents) > PER_PAGE
        incidents = incidents[:PER_PAGE]
        return await self._renderer.respond(
            "history.html",
            now=self._clock.now(),
            wanted=wanted,
            given=request.query,
            drills=drills,
            incidents=incidents,
            first=after is None,
            older=query.next_address(request, cursor=query.cursor_after(incidents[-1]))
            if more
            else "",
        )
