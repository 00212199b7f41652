"""The JSON API below /api/v1: the same documents as on MQTT, read-only (docs/reference/api.md).

Law: every list is bounded, and an error is `{"error": sentence}`.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec
from aiohttp import hdrs, web

from watcher import model, ports
from watcher.operations import documents, status
from watcher.web import middleware
from watcher.web.middleware import HttpError

MOST_INCIDENTS, MOST_SUBJECTS = 100, 1_000
PDF_POLICY = "frame-ancestors 'none'"  # a browser's own viewer needs more than a page of ours may


class Api:
    """Handlers that answer in JSON."""

    def __init__(
        self,
        *,
        reader: ports.IncidentReader,
        reporter: status.StatusReporter,
        read_limit: middleware.ReadLimit,
    ) -> None:
        self._reader = reader
        self._reporter = reporter
        self._read_limit = read_limit
        self._body_limit = middleware.BodyLimit()

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of the API."""
        incident = "/api/v1/incidents/{id:[A-Za-z0-9_-]+}"
        return [
            web.get("/api/v1/incidents", self.incidents),
            web.get(incident, self.incident),
            web.get(incident + "/reports/{run:[A-Za-z0-9_-]+}.pdf", self.report),
            web.get("/api/v1/subjects", self.subjects),
            web.get("/api/v1/sources", self.sources),
            web.get("/api/v1/silences", self.silences),
            web.get("/api/v1/oncall", self.on_call),
        ]

    async def incidents(self, request: web.Request) -> web.Response:
        """List incidents, newest first."""
        _check_parameters(request, {"status", "limit"})
        statuses = [_status(word) for word in request.query.getall("status", [])]
        limit = _limit(request, 20, MOST_INCIDENTS)
        async with self._read_limit.slot():
            incidents = await self._reader.incidents(statuses=statuses or None, limit=limit + 1)
            views = [
                await self._reader.incident_view(incident.id) for incident in incidents[:limit]
            ]
        listed = [_document(view) for view in views if view is not None]
        return middleware.json_response({"incidents": listed, "more": len(incidents) > limit})

    async def incident(self, request: web.Request) -> web.Response:
        """Return one incident."""
        _check_parameters(request, ())
        return middleware.json_response(
            _document(await self._incident_view(request.match_info["id"])).encode()
        )

    async def report(self, request: web.Request) -> web.Response:
        """Send the PDF of one diagnostics run of one incident."""
        with self._body_limit.slot():
            response = await self._report(request)
            await response.prepare(request)
            await response.write_eof()
            return response

    async def _report(self, request: web.Request) -> web.Response:
        _check_parameters(request, ())
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
        _check_parameters(request, {"source", "after", "limit"})
        limit = _limit(request, 100, MOST_SUBJECTS)
        async with self._read_limit.slot():
            subjects = await self._reader.subjects(
                source=_text(request, "source"), after=_text(request, "after"), limit=limit + 1
            )
        listed = [documents.subject(subject) for subject in subjects[:limit]]
        return middleware.json_response({"subjects": listed, "more": len(subjects) > limit})

    async def sources(self, request: web.Request) -> web.Response:
        """List the health of each source."""
        _check_parameters(request, ())
        async with self._read_limit.slot():
            current = await self._reporter.read()
        return middleware.json_response(
            {"sources": [documents.source(health) for health in current.sources]}
        )

    async def on_call(self, request: web.Request) -> web.Response:
        """List who is on call, and who is next."""
        _check_parameters(request, ())
        rotas = [
            {"rota": rota.rota, "person": rota.person, "until": rota.until, "next": rota.next}
            for rota in self._reporter.from_memory().on_call
        ]
        return middleware.json_response(msgspec.json.encode({"on_call": rotas}))

    async def silences(self, request: web.Request) -> web.Response:
        """List the silences that are not over."""
        _check_parameters(request, ())
        async with self._read_limit.slot():
            current = await self._reporter.read()
        return middleware.json_response(documents.silences(current.silences).encode())

    async def _incident_view(self, incident: str) -> model.IncidentView:
        async with self._read_limit.slot():
            view = await self._reader.incident_view(incident)
        if view is None:
            raise HttpError(404, f"there is no incident {incident}")
        return view


def report_address(incident: str, run: str) -> str:
    """Return the path that serves the PDF of a run."""
    return f"/api/v1/incidents/{incident}/reports/{run}.pdf"


def _document(view: model.IncidentView) -> documents.IncidentDocument:
    incident = view.incident
    links = {"self": f"/api/v1/incidents/{incident.id}", "page": f"/incidents/{incident.id}"}
    for diagnosis in incident.diagnostics:
        if diagnosis.report is not None:
            links[f"report {diagnosis.run}"] = report_address(incident.id, diagnosis.run)
    return documents.incident(view, links=links)


def _check_parameters(request: web.Request, allowed: Collection[str]) -> None:
    for name in request.query:
        if name not in allowed:
            which = f"expected {', '.join(sorted(allowed))}" if allowed else "none is accepted here"
            raise HttpError(400, f"unknown parameter: {which}")


def _status(word: str) -> model.IncidentStatus:
    try:
        return model.IncidentStatus(word)
    except ValueError:
        raise HttpError(
            400, f"status must be one of {', '.join(model.IncidentStatus)}; it can be repeated"
        ) from None


def _limit(request: web.Request, usual: int, most: int) -> int:
    text = request.query.get("limit", str(usual))
    if not (text.isascii() and text.isdigit() and len(text) <= 6 and 1 <= int(text) <= most):
        raise HttpError(400, f"limit must be a whole number from 1 to {most}")
    return int(text)


def _text(request: web.Request, name: str) -> str:
    text = request.query.get(name, "")
    if not text.isprintable():
        raise HttpError(400, f"{name} contains characters that are not allowed")
    return text
