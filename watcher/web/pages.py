"""The pages for people: the board, an incident, a subject. Read-only."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from importlib import resources
from typing import Any

import jinja2
from aiohttp import web

from watcher import model, ports, text
from watcher.clock import Clock
from watcher.operations import explain, silences, status
from watcher.web import api, board, middleware
from watcher.web.middleware import HttpError

_OPEN = (model.IncidentStatus.OPEN, model.IncidentStatus.ACKNOWLEDGED)
_SORTED = 1_000  # live incidents that are read to find the most urgent
_LATEST = 200  # resolved incidents that are read; those merged into a storm are not shown
_INCIDENTS = 20  # on the page of a subject
_LONGEST_KEY = 500


class Pages:
    """Handlers that answer in HTML."""

    def __init__(
        self,
        *,
        reader: ports.IncidentReader,
        reporter: status.StatusReporter,
        stuck: Callable[[], str],
        clock: Clock,
        read_limit: middleware.ReadLimit,
        renderer: PageRenderer,
    ) -> None:
        self._reader = reader
        self._reporter = reporter
        self._stuck = stuck
        self._clock = clock
        self._read_limit = read_limit
        self._renderer = renderer
        self._rendering = asyncio.Semaphore(1)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of all pages."""
        return [
            web.get("/", self.board),
            web.get("/incidents/{id:[A-Za-z0-9_-]+}", self.incident),
            web.get("/subjects/{key:.+}", self.subject),
            web.get("/static/{name}", self.static),
        ]

    async def board(self, _: web.Request) -> web.Response:
        """Show the board; when the store cannot be read, what this process remembers, with 503."""
        now = self._clock.now()
        live: list[model.Incident] = []
        resolved: list[model.Incident] = []
        unreadable = ""
        try:
            async with self._read_limit.slot():
                current = await self._reporter.read()
                live = await self._reader.incidents(statuses=_OPEN, limit=_SORTED)
                resolved = await self._reader.resolved(since=now - board.RECENT, limit=_LATEST)
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
        return await self._render(
            "board.html",
            http_status=503 if unreadable else 200,
            now=now,
            status=current,
            board=shown,
            health={health.source: health for health in current.sources},
            unreadable=unreadable,
        )

    async def incident(self, request: web.Request) -> web.Response:
        """Show one incident with its timeline, alerts and receipts."""
        key = request.match_info["id"]
        async with self._read_limit.slot():
            view = await self._reader.incident_view(key)
            receipts = await self._reader.receipts(key)
            sources = await self._reader.sources()
        if view is None:
            raise HttpError(404, f"there is no incident {key}")
        return await self._render(
            "incident.html",
            now=self._clock.now(),
            view=view,
            incident=view.incident,
            receipts=receipts,
            health={health.source: health for health in sources},
        )

    async def subject(self, request: web.Request) -> web.Response:
        """Show one subject with its alerts and latest incidents."""
        key = request.match_info["key"]
        if len(key) > _LONGEST_KEY or not key.isprintable():
            raise HttpError(404, "there is no such subject")
        async with self._read_limit.slot():
            subject = await self._reader.subject(key)
            alerts = await self._reader.alerts(key)
            incidents = await self._reader.incidents_of(key, limit=_INCIDENTS)
            sources = await self._reader.sources()
        if subject is None:
            raise HttpError(404, f"there is no subject {key}")
        return await self._render(
            "subject.html",
            now=self._clock.now(),
            subject=subject,
            alerts=alerts,
            incidents=incidents,
            health={health.source: health for health in sources},
        )

    async def static(self, request: web.Request) -> web.Response:
        """Serve one of the static files in STATIC."""
        name = request.match_info["name"]
        if name not in STATIC:
            raise web.HTTPNotFound
        return web.Response(text=static_file(name), content_type=STATIC[name])

    async def _render(self, template: str, *, http_status: int = 200, **names: Any) -> web.Response:
        """Render in a thread: a storm's page takes longer than the event loop may be blocked."""
        async with self._rendering:
            text = await asyncio.to_thread(self._renderer.render, template, **names)
        return middleware.html_response(text, http_status)


LONGEST = 1_000  # of one piece of text
STATIC = {"watcher.css": "text/css", "refresh.js": "text/javascript", "icon.svg": "image/svg+xml"}


class PageRenderer:
    """Renders the templates in assets/; `instance` is on every page."""

    def __init__(self, instance: str) -> None:
        self._templates = jinja2.Environment(
            loader=jinja2.PackageLoader("watcher.web", "assets"),
            autoescape=True,
            finalize=_finalize,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=jinja2.StrictUndefined,
        )
        self._templates.globals["instance"] = instance
        self._templates.globals["report_address"] = api.report_address
        self._templates.filters |= {
            "time": model.format_time,
            "duration": _duration_until,
            "lasted": lambda incident, now: model.format_duration(incident.lasted(now)),
            "course": _course,
            "side": model.format_side,
            "ending": lambda incident: model.format_ending(incident.resolution).capitalize(),
            "visibility": board.describe_visibility,
            "delivery": board.describe_delivery,
            "delivered": explain.describe_delivery,
            "alert": explain.describe_alert,
            "value": _value,
            "mbps": model.format_mbps,
            "suppression": silences.describe_suppression,
            "days": _days,
        }
        self._templates.tests |= {"link": _is_link, "behind": board.is_behind}

    def render(self, template: str, **names: Any) -> str:
        """Return a page as HTML."""
        return self._templates.get_template(template).render(**names)

    def render_error(self, status: int, sentence: str) -> str:
        """Return the page for a request that cannot be answered."""
        return self.render("error.html", title=HTTPStatus(status).phrase, sentence=sentence)


def static_file(name: str) -> str:
    """Return the text of a file in assets/."""
    return (resources.files("watcher.web") / "assets" / name).read_text(encoding="utf-8")


def _finalize(value: object) -> object:
    """Clean what an expression gives before jinja2 escapes it (its `finalize`)."""
    if isinstance(value, str) and not hasattr(value, "__html__"):  # else it is markup already
        return text.clean(value, LONGEST)
    return "" if value is None else value


def _duration_until(at: datetime, end: datetime) -> str:
    return model.format_duration(end - at)


def _course(alert: model.IncidentAlert, now: datetime) -> str:
    return explain.describe_course(alert, lambda at: model.format_time(at, now))


def _value(value: model.Scalar) -> str:
    match value:
        case None:
            return "unknown"
        case bool():
            return "yes" if value else "no"
        case float():
            return model.format_number(value)
        case _:
            return str(value)


def _days(conditions: list[str]) -> str:
    """Return in words what a band of days shows: `28 days up, 1 day down`."""
    counted = Counter(conditions).most_common()
    return ", ".join(f"{count} {'day' if count == 1 else 'days'} {what}" for what, count in counted)


def _is_link(text: str) -> bool:
    """Whether it may be the target of a link."""
    return text.startswith(("https://", "http://"))
