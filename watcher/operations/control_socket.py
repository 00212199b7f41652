"""The unix socket behind the command line: the one way for a person on the host to change things.

Law: access to the socket is the authorisation; its file permissions decide who has it. Who is not
root acts as themselves.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import msgspec
import structlog
from aiohttp import web
from msgspec.structs import replace

from watcher import model, ports
from watcher.clock import Clock
from watcher.oncall.rota import OnCall
from watcher.operations import (
    control_client,
    control_listener,
    documents,
    explain,
    links,
    people,
    works,
)
from watcher.operations.commands import (
    ACTIONS,
    CommandRejectedError,
    CommandService,
    ConfirmationNeededError,
)
from watcher.operations.control_listener import refuse
from watcher.operations.control_works import WorksRequests
from watcher.operations.notices import MOST_BYTES, NoticeIntake
from watcher.operations.silences import SilenceRequest
from watcher.operations.status import NamedWork, OpenWindow, no_works
from watcher.operations.works import Count, ReadSubjects, no_subjects
from watcher.text import clean

log = structlog.get_logger()
_MOST_LISTED = 1_000  # incidents in one answer; the API has the rest


class _Silence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a request for a silence says; `seconds` is its length."""

    by: str
    matchers: tuple[model.Matcher, ...] = ()
    or_matchers: tuple[tuple[model.Matcher, ...], ...] = ()
    seconds: float | None = None
    begin: datetime | None = None
    end: datetime | None = None
    until: model.SilenceUntil | None = None
    incident: str = ""
    comment: str = ""
    ticket: str = ""
    confirmed: bool = False

    @property
    def request(self) -> SilenceRequest:
        """The same, as CommandService takes it. Raises ValueError for a length beyond measure."""
        sets = (self.matchers, *self.or_matchers)
        try:
            length = None if self.seconds is None else timedelta(seconds=self.seconds)
        except OverflowError:
            raise ValueError("a silence cannot last that long") from None
        return SilenceRequest(
            by=self.by,
            sets=sets if any(sets) else (),
            begin=self.begin,
            length=length,
            end=self.end,
            until=self.until,
            incident=self.incident,
            comment=self.comment,
            ticket=self.ticket,
            confirmed=self.confirmed,
        )


class _Drill(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a request for a drill says; no receivers are all of them."""

    by: str
    receivers: tuple[str, ...] = ()
    page: bool = False


class _Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of which source a person is about to order a change, and what it is."""

    source: str
    by: str = ""
    what: str = ""


class _Backup(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A backup that was made: where, how large, and of when it is."""

    file: str
    size: int
    at: datetime


async def _ignore(_: model.Backup) -> None:
    """Keep no backup."""


class ControlSocket:
    """Answers requests in JSON; an error is `{"error": sentence}` with a fitting HTTP status."""

    def __init__(
        self,
        *,
        reader: ports.IncidentReader,
        commands: CommandService,
        clock: Clock,
        status: Callable[[], Awaitable[object]],
        reload: Callable[[], Awaitable[str]],
        group: str = "",
        windows: Callable[[], Sequence[OpenWindow]] = tuple,
        ticket_after: timedelta = timedelta(minutes=30),
        count_change: Callable[[str], Awaitable[bool]] | None = None,
        on_call: Callable[[datetime | None], Sequence[OnCall]] = lambda _: (),
        subjects_of: ReadSubjects = no_subjects,
        count_works: Count = tuple,
        coming_works: Callable[[], Awaitable[Sequence[NamedWork]]] = no_works,
        intake: NoticeIntake | None = None,
        record_backup: Callable[[model.Backup], Awaitable[None]] = _ignore,
        by_time: explain.ByTime = explain.nothing_by_time,
    ) -> None:
        self._reader = reader
        self._commands = commands
        self._clock = clock
        self._status = status
        self._reload = reload
        self._group = group
        self._windows = windows
        self._ticket_after = ticket_after
        self._count_change = count_change
        self._on_call = on_call
        self._works = WorksRequests(
            reader=reader,
            commands=commands,
            clock=clock,
            by=_by,
            subjects=subjects_of,
            count=count_works,
        )
        self._coming_works = coming_works
        self._intake = intake
        self._record_backup = record_backup
        self._by_time = by_time

    def serve(self, path: Path) -> AbstractAsyncContextManager[None]:
        """Listen on `path` while the context lasts.

        Raises model.PermanentError when the socket cannot be made there.
        """
        app = web.Application(
            middlewares=[control_listener.answer_refusals],
            client_max_size=control_listener.MOST_BYTES,
        )
        app.add_routes(
            [
                web.get("/status", self._get_status),
                web.get("/oncall", self._get_on_call),
                web.get("/incidents", self._get_incidents),
                web.get("/incidents/{prefix}/ids", self._get_ids),
                web.get("/why/{key:.+}", self._get_why),
                web.get("/incidents/{id}/packet", self._get_packet),
                web.post("/incidents/{id}/note", self._post_note),
                web.post("/incidents/{id}/ticket", self._post_ticket),
                web.post(f"/incidents/{{id}}/{{action:{'|'.join(ACTIONS)}}}", self._post_action),
                web.get("/incidents/{id}/receipts", self._get_receipts),
                web.post("/drills", self._post_drill),
                web.get("/silences", self._get_silences),
                web.post("/silences", self._post_silence),
                web.post("/silences/{id}/expire", self._post_expire),
                web.post("/changes", self._post_change),
                web.post("/backups", self._post_backup),
                web.post(control_listener.MESSAGES, self._post_notice),
                web.post("/reload", self._post_reload),
                *self._works.routes(),
            ]
        )
        return control_listener.listen(app, path, self._group)

    async def _get_status(self, _: web.Request) -> web.Response:
        return _json({**msgspec.to_builtins(await self._status()), "now": self._clock.now()})

    async def _get_on_call(self, request: web.Request) -> web.Response:
        written = request.query.get("at")
        try:
            at = datetime.fromisoformat(written) if written else None
        except ValueError as error:
            what = f"{written!r} is not a time"
            raise CommandRejectedError(HTTPStatus.BAD_REQUEST, what) from error
        if at is not None and at.tzinfo is None:
            raise CommandRejectedError(HTTPStatus.BAD_REQUEST, f"{written!r} has no time zone")
        return _json({"on_call": tuple(self._on_call(at)), "now": self._clock.now()})

    async def _get_incidents(self, request: web.Request) -> web.Response:
        live = (model.IncidentStatus.OPEN, model.IncidentStatus.ACKNOWLEDGED)
        statuses = None if request.query.get("all") else live
        newest = await self._reader.incidents(statuses=statuses, limit=_MOST_LISTED + 1)
        incidents, now = newest[:_MOST_LISTED], self._clock.now()
        if request.query.get("form") == "documents":
            views = await self._reader.incident_views([incident.id for incident in incidents])
            links = self._commands.addresses.elsewhere
            shown = [
                documents.incident(view, links=links(view.incident), now=now) for view in views
            ]
            return _json({"incidents": shown})
        return _json(
            {
                "incidents": [documents.with_figures(incident) for incident in incidents],
                "more": len(newest) > _MOST_LISTED,
                "silences": await self._reader.silences(now),
                "windows": self._windows(),
                "works": [work for work in await self._coming_works() if work.holds_back(now)],
                "now": now,
                "ticket_after": self._ticket_after.total_seconds(),
            }
        )

    async def _get_ids(self, request: web.Request) -> web.Response:
        return _json({"ids": await self._reader.incident_ids(request.match_info["prefix"])})

    async def _get_why(self, request: web.Request) -> web.Response:
        key = request.match_info["key"]
        lines = await explain.explain(self._reader, key, self._clock.now(), self._by_time)
        if lines:
            return _json({"why": lines})
        refusal = links.no_subject(key) if "/" in key else links.no_incident(key)
        return refuse(HTTPStatus.NOT_FOUND, refusal)

    async def _get_packet(self, request: web.Request) -> web.Response:
        return _json({"packet": await self._commands.packet(request.match_info["id"])})

    async def _post_note(self, request: web.Request) -> web.Response:
        body = await request.json()
        incident = await self._commands.add_note(
            request.match_info["id"], str(body.get("text") or ""), _by(request, body.get("by"))
        )
        return _json({"incident": incident})

    async def _post_ticket(self, request: web.Request) -> web.Response:
        body = await request.json()
        state = body.get("state")
        try:
            wanted = model.TicketState(state) if state else None
        except ValueError:
            expected = ", ".join(model.TicketState)
            return refuse(HTTPStatus.BAD_REQUEST, f"`state` is one of {expected}")
        incident = await self._commands.record_ticket(
            request.match_info["id"],
            _by(request, body.get("by")),
            number=str(body.get("number") or ""),
            url=str(body.get("url") or ""),
            state=wanted,
        )
        return _json({"incident": incident})

    async def _post_action(self, request: web.Request) -> web.Response:
        body = await request.json()
        by = _by(request, body.get("by"))
        incident, action = request.match_info["id"], request.match_info["action"]
        if action == "resolve":
            text = str(body.get("text") or "")
            return _json({"incident": await self._commands.resolve(incident, by, text=text)})
        return _json({"incident": await self._commands.act(incident, action, by)})

    async def _get_receipts(self, request: web.Request) -> web.Response:
        return _json({"receipts": await self._reader.receipts(request.match_info["id"])})

    async def _post_drill(self, request: web.Request) -> web.Response:
        try:
            body = msgspec.convert(await request.json(), _Drill)
        except (ValueError, msgspec.ValidationError) as error:
            return refuse(HTTPStatus.BAD_REQUEST, f"invalid drill request: {error}")
        incident = await self._commands.start_drill(
            body.receivers, by=_by(request, body.by), page=body.page
        )
        return _json({"incident": incident})

    async def _get_silences(self, _: web.Request) -> web.Response:
        now = self._clock.now()
        return _json({"silences": await self._reader.silences(now), "now": now})

    async def _post_silence(self, request: web.Request) -> web.Response:
        """Add a silence; answer with what it matches now."""
        try:
            body = msgspec.convert(await request.json(), _Silence).request
        except (ValueError, msgspec.ValidationError) as error:
            return refuse(HTTPStatus.BAD_REQUEST, f"invalid silence request: {error}")
        try:
            plan = await self._commands.silence(replace(body, by=_by(request, body.by)))
        except ConfirmationNeededError as error:
            return refuse(error.status, f"{error}; to add it all the same, repeat it with --yes")
        return _json(
            {
                "silence": plan.silence,
                "matches": str(plan.preview),
                "unknown": plan.preview.unknown,
                "now": self._clock.now(),
            }
        )

    async def _post_expire(self, request: web.Request) -> web.Response:
        silence = request.match_info["id"]
        by = _by(request, (await request.json()).get("by"))
        await self._commands.expire_silence(silence, by)
        return _json({"expired": silence})

    async def _post_change(self, request: web.Request) -> web.Response:
        """Count an order by hand among the day's changes; this process alone writes them."""
        try:
            body = msgspec.convert(await request.json(), _Change)
        except (ValueError, msgspec.ValidationError) as error:
            return refuse(HTTPStatus.BAD_REQUEST, f"invalid change: {error}")
        try:
            counted = self._count_change is not None and await self._count_change(body.source)
        except KeyError:
            return refuse(
                HTTPStatus.NOT_FOUND,
                f"the daemon has no source {body.source} that can be changed: is its"
                " configuration the same?",
            )
        if counted:
            by, what = _by(request, body.by), clean(body.what)
            log.info("a change is ordered by hand", source=body.source, by=by, what=what)
        return _json({"counted": counted})

    async def _post_backup(self, request: web.Request) -> web.Response:
        """Keep that a backup was made; this process alone writes it."""
        try:
            body = msgspec.convert(await request.json(), _Backup)
        except (ValueError, msgspec.ValidationError) as error:
            return refuse(HTTPStatus.BAD_REQUEST, f"invalid backup: {error}")
        if body.at.tzinfo is None or body.at > self._clock.now():
            return refuse(HTTPStatus.BAD_REQUEST, "invalid backup: `at` is not a time that was")
        backup = model.Backup(at=body.at, file=body.file, size=body.size)
        await self._record_backup(backup)
        log.info("backup recorded", file=backup.file, bytes=backup.size)
        return _json({"recorded": backup.file})

    async def _post_notice(self, request: web.Request) -> web.Response:
        """Take a carrier's message; one that is not a notice has its answer."""
        if self._intake is None:
            return refuse(HTTPStatus.NOT_FOUND, "this daemon takes no notices of planned works")
        content = bytearray()
        async for chunk in request.content.iter_any():
            content += chunk
            if len(content) > MOST_BYTES:
                return refuse(
                    HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"it has more than {MOST_BYTES:,} bytes"
                )
        taken = await self._intake.take(bytes(content), origin=request.query.get("origin", ""))
        existing = await self._reader.works()
        notices = [works.as_kept(notice, existing) for notice in taken.notices]
        return _json(replace(taken, notices=tuple(notices)))

    async def _post_reload(self, _: web.Request) -> web.Response:
        try:
            return _json({"reloaded": await self._reload()})
        except model.InvalidConfigError as error:
            return refuse(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))


async def ask(path: Path, method: str, resource: str, body: object = None) -> Any:
    """Ask the daemon behind the socket at `path`, and return its answer.

    Raises model.PermanentError with the daemon's own sentence, or when no daemon runs.
    """
    return await asyncio.to_thread(control_client.ask, path, method, resource, body)


def _by(request: web.Request, by: object) -> str:
    """Return whom a change is attributed to: who says so, and who is connected."""
    connection = request.get_extra_info("socket")
    uid = os.getuid() if connection is None else people.peer_uid(connection)
    return people.attribute(str(by or ""), people.login_of_peer(uid))


def _json(body: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), content_type="application/json")
