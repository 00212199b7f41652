"""The page of services, and the page of one of them. Read-only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from aiohttp import web

from watcher import engine, model, off_loop, ports
from watcher.clock import Clock
from watcher.operations import links
from watcher.web import figures, middleware, query
from watcher.web.announced import AnnouncedWorks
from watcher.web.middleware import HttpError
from watcher.web.renderer import PageRenderer
from watcher.web.subjects import reading, services
from watcher.web.subjects.bands import Bands
from watcher.web.subjects.reading import ServiceReader

_INCIDENTS = 20  # on the page of a subject
_LONGEST_KEY = 500
_MOST_PAGES = 1_000
_MEASURED = timedelta(hours=24)
_MOST_METRICS = 6


class SubjectPages:
    """Handlers that answer with services."""

    def __init__(
        self,
        *,
        reader: ports.IncidentReader,
        service_reader: ServiceReader,
        rules: Callable[[], engine.Ruleset],
        announced: AnnouncedWorks,
        bands: Bands,
        clock: Clock,
        read_limit: middleware.ReadLimit,
        renderer: PageRenderer,
    ) -> None:
        self._reader = reader
        self._services = service_reader
        self._rules = rules
        self._announced = announced
        self._bands = bands
        self._clock = clock
        self._read_limit = read_limit
        self._renderer = renderer

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of the services."""
        return [
            web.get("/subjects", self.services),
            web.get("/subjects/{key:.+}", self.subject),
        ]

    async def services(self, request: web.Request) -> web.Response:
        """List the services that fit the filters in the address, the worst first."""
        filters = _filters(request)
        kept = await self._services.all()
        listed = await off_loop.run_long(
            lambda: services.listing(kept.services, filters),
            is_long=len(kept.services) > services.MOST_ON_LOOP,
        )
        return await self._renderer.respond(
            "services.html",
            now=kept.at,
            filters=filters,
            page=min(filters.page, listed.pages),
            listed=listed,
            most_sites=services.MOST_SITES,
            most="" if kept.whole else f"{reading.MOST_READ:,}",
        )

    async def subject(self, request: web.Request) -> web.Response:
        """Show one subject: how it was, what was measured, whom to call, its incidents."""
        key = request.match_info["key"]
        if len(key) > _LONGEST_KEY or not key.isprintable():
            raise HttpError(404, "there is no such subject")
        now, rules = self._clock.now(), self._rules()
        async with self._read_limit.slot():
            subject = await self._reader.subject(key)
            alerts = await self._reader.alerts(key)
            incidents = await self._reader.incidents_of(key, limit=_INCIDENTS)
            health = {health.source: health for health in await self._reader.sources()}
            works = await self._announced.by_subject()
        if subject is None:
            raise HttpError(404, links.no_subject(key))
        live = [
            incident
            for incident in incidents
            if incident.status is not model.IncidentStatus.RESOLVED
        ]
        return await self._renderer.respond(
            "subject.html",
            now=now,
            subject=subject,
            service=services.describe(subject, rules, health, services.worst_of(live), now),
            entry=rules.inventory.entry(key, subject.labels),
            figures=await self._figures(subject, rules, now),
            bands=await self._bands.of(key),
            works=works.get(key, ()),
            alerts=alerts,
            incidents=incidents,
            health=health,
        )

    async def _figures(
        self, subject: model.Subject, rules: engine.Ruleset, now: datetime
    ) -> list[figures.Figure]:
        traits = rules.sources.get(subject.source)
        drawn = []
        for metric, unit in list(traits.units.items() if traits else ())[:_MOST_METRICS]:
            start = now - _MEASURED
            async with self._read_limit.slot():
                samples = await self._reader.series(subject.key, metric, start, now)
            limits = figures.limits_of(rules, subject.source, metric)
            drawn.append(figures.figure(metric, unit, samples, limits, start=start, end=now))
        return [figure for figure in drawn if figure is not None]


def _filters(request: web.Request) -> services.Filters:
    query.check_parameters(request, {"q", "source", "site", "phase", "works", "state", "page"})
    return services.Filters(
        q=query.text(request, "q").strip(),
        source=query.text(request, "source"),
        site=query.text(request, "site"),
        phase=query.text(request, "phase"),
        works=query.text(request, "works"),
        state=query.text(request, "state"),
        page=query.whole_number(request, "page", 1, 1, _MOST_PAGES),
    )
