"""The pages for people: the board, an incident, a subject. They show and change nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from importlib import resources
from typing import Any

import jinja2
from aiohttp import web

from watcher import model, ports, text
from watcher.clock import Clock
from watcher.operations import explain, status
from watcher.web import api, board, middleware
from watcher.web.middleware import RefusedError

_LIVE = (model.IncidentStatus.OPEN, model.IncidentStatus.ACKNOWLEDGED)
_SORTED = 1_000  # incidents among which the most urgent are looked for
_LATEST = 200  # resolved ones, among them those of a storm that nobody was told of
_INCIDENTS = 20  # on the page of a subject
_LONGEST_KEY = 500


class Pages:
    """Answers people."""

    def __init__(
        self,
        *,
        library: ports.IncidentReader,
        reporter: status.StatusReporter,
        stuck: Callable[[], str],
        clock: Clock,
        turns: middleware.Turns,
        easel: PageRenderer,
    ) -> None:
        self._library = library
        self._reporter = reporter
        self._stuck = stuck
        self._clock = clock
        self._turns = turns
        self._easel = easel
        self._drawing = asyncio.Semaphore(1)

    def routes(self) -> list[web.RouteDef]:
        """Say what is answered, and where."""
        return [
            web.get("/", self.board),
            web.get("/incidents/{id:[A-Za-z0-9_-]+}", self.incident),
            web.get("/subjects/{key:.+}", self.subject),
            web.get("/static/{name}", self.static),
        ]

    async def board(self, _: web.Request) -> web.Response:
        """Show what is open, what is seen, who is told; what is remembered if the store fails."""
        now = self._clock.now()
        live: list[model.Incident] = []
        over: list[model.Incident] = []
        silences: list[model.Silence] = []
        unreadable = ""
        try:
            async with self._turns.take():
                known = await self._reporter.read()
                live = await self._library.incidents(statuses=_LIVE, limit=_SORTED)
                over = await self._library.resolved(since=now - board.LATELY, limit=_LATEST)
                silences = await self._library.silences(now)
        except model.WatcherError as error:
            known, unreadable = self._reporter.remember(), str(error)
        shown = board.compose(
            known, live=live, over=over, stuck=self._stuck(), unreadable=unreadable, now=now
        )
        return await self._drawn(
            "board.html",
            answer=503 if unreadable else 200,
            now=now,
            known=known,
            board=shown,
            health={health.source: health for health in known.sources},
            silences=silences,
            unreadable=unreadable,
        )

    async def incident(self, request: web.Request) -> web.Response:
        """Show everything about one incident."""
        key = request.match_info["id"]
        async with self._turns.take():
            view = await self._library.incident_view(key)
            receipts = await self._library.receipts(key)
            sources = await self._library.sources()
        if view is None:
            raise RefusedError(404, f"there is no incident {key}")
        return await self._drawn(
            "incident.html",
            now=self._clock.now(),
            view=view,
            told=view.incident,
            receipts=receipts,
            health={health.source: health for health in sources},
        )

    async def subject(self, request: web.Request) -> web.Response:
        """Show everything about one subject."""
        key = request.match_info["key"]
        if len(key) > _LONGEST_KEY or not key.isprintable():
            raise RefusedError(404, "there is no such subject")
        async with self._turns.take():
            subject = await self._library.subject(key)
            alerts = await self._library.alerts(key)
            incidents = await self._library.incidents_of(key, limit=_INCIDENTS)
            sources = await self._library.sources()
        if subject is None:
            raise RefusedError(404, f"there is no subject {key}")
        return await self._drawn(
            "subject.html",
            now=self._clock.now(),
            subject=subject,
            alerts=alerts,
            incidents=incidents,
            health={health.source: health for health in sources},
        )

    async def static(self, request: web.Request) -> web.Response:
        """Give what pages are made of: one of three files, whatever was asked for."""
        name = request.match_info["name"]
        if name not in STATIC:
            raise web.HTTPNotFound
        return web.Response(text=static_file(name), content_type=STATIC[name])

    async def _drawn(self, template: str, *, answer: int = 200, **names: Any) -> web.Response:
        """Draw in a thread: the page of a storm takes longer than the loops may stand still."""
        async with self._drawing:
            text = await asyncio.to_thread(self._easel.draw, template, **names)
        return middleware.html(text, answer)


LONGEST = 1_000  # of one piece of text
STATIC = {"watcher.css": "text/css", "refresh.js": "text/javascript", "icon.svg": "image/svg+xml"}
_SIDES = {
    model.FaultDomain.LUMEN: "likely Lumen side",
    model.FaultDomain.ORANGE: "likely Orange side",
    model.FaultDomain.SOURCE: "likely source side",
    model.FaultDomain.UNDETERMINED: "side at fault undetermined",
}


class PageRenderer:
    """Draws; `instance` is on every page."""

    def __init__(self, instance: str) -> None:
        self._templates = jinja2.Environment(
            loader=jinja2.PackageLoader("watcher.web", "assets"),
            autoescape=True,
            finalize=_tame,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=jinja2.StrictUndefined,
        )
        self._templates.globals["instance"] = instance
        self._templates.globals["report_address"] = api.report_address
        self._templates.filters |= {
            "time": model.format_time,
            "ago": _ago,
            "side": lambda domain: _SIDES.get(domain, ""),
            "ending": lambda told: (
                explain.ENDINGS[told.resolution] if told.resolution else "Resolved"
            ),
            "sight": board.sight,
            "telling": board.telling,
            "reached": explain.reached,
            "alerted": explain.alerted,
            "value": _value,
            "mbps": model.format_mbps,
        }
        self._templates.tests |= {"address": _is_address, "lagging": board.lags}

    def draw(self, template: str, **names: Any) -> str:
        """Draw a page."""
        return self._templates.get_template(template).render(**names)

    def refusal(self, status: int, sentence: str) -> str:
        """Draw the page of a request that cannot be answered."""
        return self.draw("refusal.html", title=HTTPStatus(status).phrase, sentence=sentence)


def static_file(name: str) -> str:
    """Read a file that pages are made of."""
    return (resources.files("watcher.web") / "assets" / name).read_text(encoding="utf-8")


def _tame(value: object) -> object:
    """See finalize of jinja2: what becomes of every expression before it is escaped."""
    if isinstance(value, str) and not hasattr(value, "__html__"):  # that is drawn already
        return text.clean(value, LONGEST)
    return "" if value is None else value


def _ago(at: datetime, now: datetime) -> str:
    return model.format_duration(now - at)


def _value(value: model.Scalar) -> str:
    match value:
        case None:
            return "unknown"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.2f}".rstrip("0").rstrip(".")
        case _:
            return str(value)


def _is_address(text: str) -> bool:
    """Whether a link may lead there."""
    return text.startswith(("https://", "http://"))
