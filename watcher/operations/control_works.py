"""Planned works on the control socket: read, and decided about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus

import msgspec
from aiohttp import web

from watcher import model, ports
from watcher.clock import Clock
from watcher.operations import documents, works
from watcher.operations.commands import CommandRejectedError, CommandService

By = Callable[[web.Request, object], str]


class WorksRequests:
    """Handlers for `/works`; `by` says whom a change is attributed to."""

    def __init__(
        self,
        *,
        reader: ports.IncidentReader,
        commands: CommandService,
        clock: Clock,
        by: By,
        subjects: works.ReadSubjects = works.no_subjects,
        count: works.Count = tuple,
    ) -> None:
        self._reader = reader
        self._commands = commands
        self._clock = clock
        self._by = by
        self._subjects = subjects
        self._count = count

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of planned works."""
        return [
            web.get("/works", self._list),
            web.get("/works/{work}", self._show),
            web.post("/works/{work}/confirm", self._confirm),
            web.post("/works/{work}/dismiss", self._dismiss),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        now = self._clock.now()
        shown = works.listed(await self._read(), now, past=bool(request.query.get("past")))
        listed = documents.works(shown, now, await self._subjects()).works
        return _json({"works": shown, "documents": listed, "now": now})

    async def _show(self, request: web.Request) -> web.Response:
        work, now = await self._meant(request), self._clock.now()
        subjects = (await self._subjects())(work)
        return _json(
            {
                "lines": list(works.lines(work, now, subjects)),
                "document": documents.work(work, now, subjects),
            }
        )

    async def _confirm(self, request: web.Request) -> web.Response:
        work, by = await self._meant(request), await self._person(request)
        await self._commands.decide_work(model.WorkConfirmed(work=work.key, by=by))
        return _json({"work": work.key})

    async def _dismiss(self, request: web.Request) -> web.Response:
        work, by = await self._meant(request), await self._person(request)
        await self._commands.decide_work(model.WorkDismissed(work=work.key, by=by))
        return _json({"work": work.key})

    async def _meant(self, request: web.Request) -> model.Work:
        try:
            return works.find(await self._read(), request.match_info["work"])
        except ValueError as error:
            raise CommandRejectedError(HTTPStatus.NOT_FOUND, str(error)) from error

    async def _read(self) -> Sequence[model.Work]:
        return self._count(await self._reader.works())

    async def _person(self, request: web.Request) -> str:
        return self._by(request, (await request.json()).get("by"))


def _json(body: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), content_type="application/json")
