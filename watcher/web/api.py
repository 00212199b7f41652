"""The JSON API below /api/v1: the same documents as on MQTT, read-only (docs/reference/api.md).

Law: every list is bounded, and an error is `{"error": sentence}`.
"""

from __future__ import annotations

from collections.abc import Collection

from aiohttp import hdrs, web

from watcher import model, ports
from watcher.operations import documents, status
from watcher.web import middleware
from watcher.web.middleware import RefusedError

MOST_INCIDENTS, MOST_SUBJECTS = 100, 1_000
PDF_POLICY = "frame-ancestors 'none'"  # a browser's own viewer needs more than a page of ours may


class Api:
    """Answers programs."""

    def __init__(
        self,
        *,
        library: ports.IncidentReader,
        reporter: status.StatusReporter,
        turns: middleware.Turns,
    ) -> None:
        self._library = library
        self._reporter = reporter
        self._turns = turns

    def routes(self) -> list[web.RouteDef]:
        """Say what is answered, and where."""
        incident = "/api/v1/incidents/{id:[A-Za-z0-9_-]+}"
        return [
            web.get("/api/v1/incidents", self.incidents),
            web.get(incident, self.incident),
            web.get(incident + "/reports/{run:[A-Za-z0-9_-]+}.pdf", self.report),
            web.get("/api/v1/subjects", self.subjects),
            web.get("/api/v1/sources", self.sources),
        ]

    async def incidents(self, request: web.Request) -> web.Response:
        """List incidents, newest first."""
        _see_parameters(request, {"status", "limit"})
        statuses = [_status(word) for word in request.query.getall("status", [])]
        limit = _limit(request, 20, MOST_INCIDENTS)
        async with self._turns.take():
            found = await self._library.incidents(statuses=statuses or None, limit=limit + 1)
            dossiers = [await self._library.incident_view(one.id) for one in found[:limit]]
        listed = [_document(view) for view in dossiers if view is not None]
        return middleware.json({"incidents": listed, "more": len(found) > limit})

    async def incident(self, request: web.Request) -> web.Response:
        """Give one incident."""
        _see_parameters(request, ())
        return middleware.json(_document(await self._dossier(request.match_info["id"])).encode())

    async def report(self, request: web.Request) -> web.Response:
        """Give the PDF of one diagnostics run of one incident."""
        _see_parameters(request, ())
        view = await self._dossier(request.match_info["id"])
        run = request.match_info["run"]
        named = [
            one.report
            for one in view.incident.diagnostics
            if one.report is not None and one.report.run == run
        ]
        if not named:
            raise RefusedError(404, f"{view.incident.id} has no report of a run {run}")
        async with self._turns.take():
            report_files = await self._library.report_files(run)
        if report_files is None or not report_files.pdf:
            raise RefusedError(404, f"the report of run {run} is no longer kept")
        name = "".join(
            c if (c.isascii() and c.isalnum()) or c in "._-" else "_" for c in named[0].filename
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
        _see_parameters(request, {"source", "after", "limit"})
        limit = _limit(request, 100, MOST_SUBJECTS)
        async with self._turns.take():
            found = await self._library.subjects(
                source=_text(request, "source"), after=_text(request, "after"), limit=limit + 1
            )
        listed = [documents.subject(one) for one in found[:limit]]
        return middleware.json({"subjects": listed, "more": len(found) > limit})

    async def sources(self, request: web.Request) -> web.Response:
        """List how well each source can be seen."""
        _see_parameters(request, ())
        async with self._turns.take():
            known = await self._reporter.read()
        return middleware.json({"sources": [documents.source(one) for one in known.sources]})

    async def _dossier(self, incident: str) -> model.IncidentView:
        async with self._turns.take():
            view = await self._library.incident_view(incident)
        if view is None:
            raise RefusedError(404, f"there is no incident {incident}")
        return view


def report_address(incident: str, run: str) -> str:
    """Say where the PDF of a run is read."""
    return f"/api/v1/incidents/{incident}/reports/{run}.pdf"


def _document(view: model.IncidentView) -> documents.IncidentDocument:
    told = view.incident
    links = {"self": f"/api/v1/incidents/{told.id}", "page": f"/incidents/{told.id}"}
    for diagnosis in told.diagnostics:
        if diagnosis.report is not None:
            links[f"report {diagnosis.run}"] = report_address(told.id, diagnosis.run)
    return documents.incident(view, links=links)


def _see_parameters(request: web.Request, known: Collection[str]) -> None:
    for name in request.query:
        if name not in known:
            which = f"there are {', '.join(sorted(known))}" if known else "there is none here"
            raise RefusedError(400, f"there is no such parameter: {which}")


def _status(word: str) -> model.IncidentStatus:
    try:
        return model.IncidentStatus(word)
    except ValueError:
        raise RefusedError(
            400, f"status is one of {', '.join(model.IncidentStatus)}; it may be given repeatedly"
        ) from None


def _limit(request: web.Request, usual: int, most: int) -> int:
    text = request.query.get("limit", str(usual))
    if not (text.isascii() and text.isdigit() and len(text) <= 6 and 1 <= int(text) <= most):
        raise RefusedError(400, f"limit is a whole number from 1 to {most}")
    return int(text)


def _text(request: web.Request, name: str) -> str:
    text = request.query.get(name, "")
    if not text.isprintable():
        raise RefusedError(400, f"{name} has characters that no name has")
    return text
