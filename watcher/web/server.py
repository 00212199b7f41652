"""Everything over HTTP, read-only: health, metrics, the board and its pages, the JSON API.

Law: /healthz answers 200 only while every loop makes progress.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import hdrs, web

from watcher import engine, model, ports, system_words
from watcher.clock import Clock
from watcher.http import server as guarded
from watcher.operations import status
from watcher.operations.links import Addresses
from watcher.operations.works import ReadSubjects, no_subjects
from watcher.vendors.diagnostics.preview import PdfPreviewer
from watcher.web import middleware
from watcher.web.announced import AnnouncedWorks
from watcher.web.api import Api
from watcher.web.availability import Availability, ReadLedger
from watcher.web.history import HistoryPage
from watcher.web.live import Live
from watcher.web.pages import Pages
from watcher.web.renderer import PageRenderer
from watcher.web.reports import ReportPages
from watcher.web.settings import Web
from watcher.web.subjects.bands import Bands, ReadLedgerBetween
from watcher.web.subjects.pages import SubjectPages
from watcher.web.subjects.reading import ServiceReader
from watcher.web.works import WorksPages


@asynccontextmanager
async def serve(
    settings: Web,
    *,
    stuck: Callable[[], str],
    ready: Callable[[], bool],
    reporter: status.StatusReporter,
    reader: ports.IncidentReader,
    listings: ports.ListingReader,
    rules: Callable[[], engine.Ruleset],
    read_ledger: ReadLedger,
    read_ledger_between: ReadLedgerBetween,
    clock: Clock,
    subjects_of: ReadSubjects = no_subjects,
) -> AsyncIterator[int]:
    """Serve while the context lasts, and yield the port. `stuck` names the loop that hangs, if any.

    Raises model.PermanentError when the address cannot be listened on.
    """

    async def healthz(_: web.Request) -> web.Response:
        reason = stuck()
        return web.Response(status=503 if reason else 200, text=reason or "ok")

    async def readyz(_: web.Request) -> web.Response:
        return web.Response(text="ready") if ready() else web.Response(status=503, text="starting")

    async def exposition(request: web.Request) -> web.Response:
        drills: list[model.Incident] = []
        with contextlib.suppress(model.WatcherError):  # then the last value stays
            drills = await listings.incidents(ports.IncidentFilter(drills=True), limit=1)
        body, content_type = await reporter.exposition(
            request.headers.get(hdrs.ACCEPT, ""),
            last_drill=drills[0].opened_at if drills else None,
        )
        return web.Response(body=body, headers={hdrs.CONTENT_TYPE: content_type})

    renderer, read_limit = PageRenderer(reporter.instance), middleware.ReadLimit()
    announced = AnnouncedWorks(reader=reader, subjects=subjects_of, clock=clock)
    service_reader = ServiceReader(
        reader=reader,
        listings=listings,
        rules=rules,
        announced=announced,
        clock=clock,
        read_limit=read_limit,
    )
    guard = guarded.Guard("board", guarded.Limits())
    pages = Pages(
        reader=reader,
        listings=listings,
        reporter=reporter,
        count_services=service_reader.counts,
        stuck=stuck,
        clock=clock,
        read_limit=read_limit,
        renderer=renderer,
    )
    subject_pages = SubjectPages(
        reader=reader,
        service_reader=service_reader,
        rules=rules,
        announced=announced,
        bands=Bands(read=read_ledger_between, clock=clock),
        clock=clock,
        read_limit=read_limit,
        renderer=renderer,
    )
    months = Availability(read=read_ledger, clock=clock, renderer=renderer)
    live = Live(reader=reader, listings=listings, clock=clock, read_limit=read_limit)
    app = web.Application(
        middlewares=[
            middleware.describe_errors(renderer.render_error),
            middleware.require_token(settings.token.get_secret_value(), guard.lines),
        ]
    )
    app.on_shutdown.append(live.stop)
    app.on_shutdown.append(service_reader.readings.stop)
    app.on_shutdown.append(months.readings.stop)
    app.on_response_prepare.append(middleware.add_security_headers)
    app.add_routes(
        [
            web.get("/healthz", healthz),
            web.get("/readyz", readyz),
            web.get("/metrics", exposition),
            *Api(
                reader=reader,
                listings=listings,
                reporter=reporter,
                announced=announced,
                rules=rules,
                addresses=Addresses(board=settings.public_url),
                clock=clock,
                read_limit=read_limit,
            ).routes(),
            *pages.routes(),
            *live.routes(),
            *subject_pages.routes(),
            *ReportPages(reader=reader, previewer=PdfPreviewer(), read_limit=read_limit).routes(),
            *HistoryPage(
                listings=listings, clock=clock, read_limit=read_limit, renderer=renderer
            ).routes(),
            *WorksPages(
                announced=announced,
                clock=clock,
                read_limit=read_limit,
                renderer=renderer,
                public_url=settings.public_url,
            ).routes(),
            *months.routes(),
        ]
    )
    host, port = settings.address
    try:
        async with guarded.serve_tcp(app, guard, host, port) as bound:
            yield bound
    except OSError as error:
        raise model.PermanentError(
            f"cannot listen on {settings.listen} ({system_words.of_error(error)}): "
            "another program has it, or the host has no such address; see [web] listen"
        ) from error
