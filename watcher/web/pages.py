"""The pages for people: the board and an incident. Read-only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

from aiohttp import web

from watcher import model, ports
from watcher.clock import Clock
from watcher.operations import links, status
from watcher.web import api, board, figures, middleware, reports, triage
from watcher.web.middleware import HttpError
from watcher.web.renderer import STATIC, PageRenderer, static_file
from watcher.web.subjects.reading import Counts

_OPEN = (model.IncidentStatus.OPEN, model.IncidentStatus.ACKNOWLEDGED)
_SORTED = 1_000  # live incidents that are read to find the most urgent
_MOST_CHARTS = 4  # of one incident
_LEAD = timedelta(hours=6)  # before a breach
_LONGEST_CHART = timedelta(hours=48)
_LATEST = 200  # resolved incidents that are read; those merged into a storm are not shown


class Pages:
    """Handlers that answer in HTML."""

    def __init__(
        self,
        *,
        reader: ports.IncidentReader,
        listings: ports.ListingReader,
        reporter: status.StatusReporter,
        count_services: Callable[[], Awaitable[Counts]],
        stuck: Callable[[], str],
        clock: Clock,
        read_limit: middleware.ReadLimit,
        renderer: PageRenderer,
    ) -> None:
        self._reader = reader
        self._listings = listings
        self._reporter = reporter
        self._count_services = count_services
        self._stuck = stuck
        self._clock = clock
        self._read_limit = read_limit
        self._renderer = renderer

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of all pages."""
        return [
            web.get("/", self.board),
            web.get("/incidents/{id:[A-Za-z0-9_-]+}", self.incident),
            web.get("/static/{name}", self.static),
        ]

    async def board(self, _: web.Request) -> web.Response:
        """Show the board; when the store cannot be read, what this process remembers, with 503."""
        now = self._clock.now()
        live: list[model.Incident] = []
        resolved: list[model.Incident] = []
        unreadable, counts = "", Counts(by_source={})
        try:
            async with self._read_limit.slot():
                current = await self._reporter.read()
                live = await self._reader.incidents(statuses=_OPEN, limit=_SORTED)
                resolved = await self._reader.resolved(since=now - board.RECENT, limit=_LATEST)
            counts = await self._count_services()
        except model.WatcherError as error:
            current, unreadable = self._reporter.from_memory(), str(error)
        shown = board.compose(
            current,
            live=live,
            resolved=resolved,
            stuck=self._stuck(),
            unreadable=unreadable,
            now=now,
        )
        return await self._renderer.respond(
            "board.html",
            http_status=503 if unreadable else 200,
            now=now,
            status=current,
            board=shown,
            health={health.source: health for health in current.sources},
            unreadable=unreadable,
            counts=counts,
        )

    async def incident(self, request: web.Request) -> web.Response:
        """Show one incident with its timeline, alerts and receipts."""
        key = request.match_info["id"]
        async with self._read_limit.slot():
            view = await self._reader.incident_view(key)
            receipts = await self._reader.receipts(key)
            delivered = await self._listings.notifications(key, limit=api.MOST_NOTIFICATIONS)
            sources = await self._reader.sources()
        if view is None:
            raise HttpError(404, links.no_incident(key))
        return await self._renderer.respond(
            "incident.html",
            now=self._clock.now(),
            view=view,
            incident=view.incident,
            receipts=receipts,
            notifications=triage.notifications(delivered, receipts),
            most_notifications=api.MOST_NOTIFICATIONS,
            first=triage.first_finding(view.incident),
            charts=await self._charts(view),
            most_pages=reports.MOST_PAGES,
            health={health.source: health for health in sources},
        )

    async def _charts(self, view: model.IncidentView) -> list[tuple[str, figures.Figure]]:
        """Return what was measured around the breaches of an incident."""
        drawn = []
        breaches = [alert for alert in view.by_subject if alert.metric and alert.limit is not None]
        for alert in breaches[:_MOST_CHARTS]:
            end = min(view.incident.end or self._clock.now(), self._clock.now())
            start = max(min(alert.since, view.incident.begin) - _LEAD, end - _LONGEST_CHART)
            async with self._read_limit.slot():
                samples = await self._reader.series(alert.subject, alert.metric, start, end)
            limits = [(alert.rule, alert.limit)] if alert.limit is not None else []
            figure = figures.figure(
                alert.metric, alert.unit, samples, limits, start=start, end=end, mark=alert.since
            )
            if figure is not None:
                drawn.append((alert.name, figure))
        return drawn

    async def static(self, request: web.Request) -> web.Response:
        """Serve one of the static files in STATIC."""
        name = request.match_info["name"]
        if name not in STATIC:
            raise web.HTTPNotFound
        return web.Response(text=static_file(name), content_type=STATIC[name])
