"""The JSON API below /api/v1: the same documents as on MQTT, read-only (docs/reference/api.md).

Law: every list is bounded and says how to go on, and an error is a problem document (RFC 9457).
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from aiohttp import hdrs, web

from watcher import engine, model, ports
from watcher.clock import Clock
from watcher.operations import documents, links, status
from watcher.operations.links import Addresses
from watcher.web import middleware, query, triage
from watcher.web.announced import AnnouncedWorks
from watcher.web.middleware import HttpError
from watcher.web.openapi import document as openapi

MOST_INCIDENTS, MOST_SUBJECTS, MOST_ENTRIES, MOST_NOTIFICATIONS = 100, 1_000, 1_000, 200
PDF_POLICY = "frame-ancestors 'none'"  # a browser's own viewer needs more than a page of ours may


class Api:
    """Handlers that answer in JSON."""

    def __init__(
        self,
        *,
        reader: ports.IncidentReader,
        listings: ports.ListingReader,
        reporter: status.StatusReporter,
        announced: AnnouncedWorks,
        rules: Callable[[], engine.Ruleset],
        addresses: Addresses,
        clock: Clock,
        read_limit: middleware.ReadLimit,
    ) -> None:
        self._addresses = addresses
        self._announced = announced
        self._rules = rules
        self._clock = clock
        self._reader = reader
        self._listings = listings
        self._reporter = reporter
        self._read_limit = read_limit
        self._body_limit = middleware.BodyLimit()

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of the API."""
        incident = "/api/v1/incidents/{id:[A-Za-z0-9_-]+}"
        return [
            web.get("/api/v1/incidents", self.incidents),
            web.get(incident, self.incident),
            web.get(incident + "/timeline", self.timeline),
            web.get(incident + "/receipts", self.receipts),
            web.get(incident + "/reports/{run:[A-Za-z0-9_-]+}.pdf", self.report),
            web.get("/api/v1/openapi.json", self.openapi),
            web.get("/api/v1/subjects", self.subjects),
            web.get("/api/v1/sources", self.sources),
            web.get("/api/v1/silences", self.silences),
            web.get("/api/v1/windows", self.windows),
            web.get("/api/v1/oncall", self.on_call),
        ]

    async def openapi(self, request: web.Request) -> web.Response:
        """Describe the API (OpenAPI 3.1)."""
        query.check_parameters(request, ())
        return middleware.json_response(openapi.encoded(self._reporter.version))

    async def incidents(self, request: web.Request) -> web.Response:
        """List incidents, newest first."""
        query.check_parameters(request, {*query.FILTERS, "limit", "cursor"})
        limit = query.limit(request, 20, MOST_INCIDENTS)
        async with self._read_limit.slot():
            incidents = await self._listings.incidents(
                query.incident_filter(request),
                after=query.incident_cursor(request),
                limit=limit + 1,
            )
            views = await self._reader.incident_views(
                [incident.id for incident in incidents[:limit]]
            )
        listed = [self._document(view) for view in views]
        more = len(incidents) > limit
        cursor = query.cursor_after(incidents[limit - 1]) if more else None
        return middleware.json_response(
            {
                "incidents": listed,
                "more": more,
                "next_cursor": cursor,
                "next": query.next_address(request, cursor=cursor) if cursor else None,
            }
        )

    async def incident(self, request: web.Request) -> web.Response:
        """Return one incident."""
        query.check_parameters(request, ())
        return middleware.json_response(
            self._document(await self._incident_view(request.match_info["id"])).encode()
        )

    async def timeline(self, request: web.Request) -> web.Response:
        """List the entries of an incident's timeline, in their order."""
        query.check_parameters(request, {"after", "limit"})
        limit = query.limit(request, 100, MOST_ENTRIES)
        after = query.whole_number(request, "after", 0, 0, 10**9 - 1)
        view = await self._incident_view(request.match_info["id"])
        entries = [entry for entry in view.timeline if entry.number > after]
        more = len(entries) > limit
        last = str(entries[limit - 1].number) if more else None
        return middleware.json_response(
            {
                "entries": [documents.event(view.incident, entry) for entry in entries[:limit]],
                "more": more,
                "next_cursor": last,
                "next": query.next_address(request, after=last) if last else None,
            }
        )

    async def receipts(self, request: web.Request) -> web.Response:
        """List what each receiver has of an incident."""
        query.check_parameters(request, ())
        view = await self._incident_view(request.match_info["id"])
        async with self._read_limit.slot():
            kept = await self._reader.receipts(view.incident.id)
            delivered = await self._listings.notifications(
                view.incident.id, limit=MOST_NOTIFICATIONS
            )
        listed = triage.notifications(delivered, kept)
        return middleware.json_response(documents.receipts(view.incident, kept, listed).encode())

    async def windows(self, request: web.Request) -> web.Response:
        """List the maintenance windows: which are open now, and when that changes."""
        query.check_parameters(request, ())
        now = self._clock.now()
        listed = [
            {
                "name": window.name,
                "matchers": list(map(str, window.matchers)),
                "action": window.action,
                "open": window.is_open(now),
                "changes_at": edge and model.format_timestamp(edge),
            }
            for window in self._rules().maintenance
            for edge in (window.next_edge(now),)
        ]
        return middleware.json_response({"windows": listed})

    async def report(self, request: web.Request) -> web.Response:
        """Send the PDF of one diagnostics run of one incident."""
        with self._body_limit.slot():
            response = await self._report(request)
            await response.prepare(request)
            await response.write_eof()
            return response

    async def _report(self, request: web.Request) -> web.Response:
        query.check_parameters(request, ())
        view = await self._incident_view(request.match_info["id"])
        run = request.match_info["run"]
        reports = [
            diagnosis.report
            for diagnosis in view.incident.diagnostics
            if diagnosis.report is not None and diagnosis.report.run == run
        ]
        if not reports:
            raise HttpError(404, f"{view.incident.id} has no report of run {run}")
        async with self._read_limit.slot():
            report_files = await self._reader.report_files(run)
        if report_files is None or not report_files.pdf:
            raise HttpError(404, f"the report of run {run} is no longer kept")
        name = "".join(
            c if (c.isascii() and c.isalnum()) or c in "._-" else "_" for c in reports[0].filename
        )
        return web.Response(
            body=report_files.pdf,
            content_type="application/pdf",
            headers={
                hdrs.CONTENT_DISPOSITION: f'inline; filename="{name}"',
                "Content-Security-Policy": PDF_POLICY,
            },
        )

    async def subjects(self, request: web.Request) -> web.Response:
        """List subjects by key."""
        query.check_parameters(request, {"source", "after", "limit"})
        limit = query.limit(request, 100, MOST_SUBJECTS)
        async with self._read_limit.slot():
            subjects = await self._reader.subjects(
                source=query.text(request, "source"),
                after=query.text(request, "after"),
                limit=limit + 1,
            )
            works = await self._announced.by_subject()
        now = self._clock.now()
        listed = [
            documents.subject(subject, works.get(subject.key, ()), now)
            for subject in subjects[:limit]
        ]
        more = len(subjects) > limit
        after = subjects[limit - 1].key if more else None
        return middleware.json_response(
            {
                "subjects": listed,
                "more": more,
                "next_cursor": after,
                "next": query.next_address(request, after=after) if after else None,
            }
        )

    async def sources(self, request: web.Request) -> web.Response:
        """List the health of each source."""
        query.check_parameters(request, ())
        async with self._read_limit.slot():
            current = await self._reporter.read()
        return middleware.json_response(
            {"sources": [documents.source(health) for health in current.sources]}
        )

    async def on_call(self, request: web.Request) -> web.Response:
        """List who is on call, and who is next."""
        query.check_parameters(request, ())
        rotas = [
            {"rota": rota.rota, "person": rota.person, "until": rota.until, "next": rota.next}
            for rota in self._reporter.from_memory().on_call
        ]
        return middleware.json_response(msgspec.json.encode({"on_call": rotas}))

    async def silences(self, request: web.Request) -> web.Response:
        """List the silences that are not over."""
        query.check_parameters(request, ())
        async with self._read_limit.slot():
            current = await self._reporter.read()
        return middleware.json_response(documents.silences(current.silences).encode())

    def _document(self, view: model.IncidentView) -> documents.IncidentDocument:
        return documents.incident(
            view, links=self._addresses.of(view.incident), now=self._clock.now()
        )

    async def _incident_view(self, incident: str) -> model.IncidentView:
        async with self._read_limit.slot():
            view = await self._reader.incident_view(incident)
        if view is None:
            raise HttpError(404, links.no_incident(incident))
        return view


def report_address(incident: str, run: str) -> str:
    """Return the path that serves the PDF of a run."""
    return f"/api/v1/incidents/{incident}/reports/{run}.pdf"
