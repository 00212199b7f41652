"""Planned works over HTTP: a calendar of a month, the documents, and a calendar to subscribe to."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
from aiohttp import hdrs, web
from msgspec import Struct

from watcher import model
from watcher.clock import Clock
from watcher.ledger.period import Period, month_of, parse_month
from watcher.operations import documents, works
from watcher.operations.works import WorkState
from watcher.web import middleware, query
from watcher.web.announced import AnnouncedWorks
from watcher.web.middleware import HttpError
from watcher.web.renderer import PageRenderer

MOST_WORKS = 1_000
MOST_SHOWN = 200  # on the page
MOST_OF_A_DAY = 6  # in the calendar
MOST_CIRCUITS = 100  # of one maintenance
LEFT_BEHIND = timedelta(days=31)  # how long the calendar keeps what is over
_LONGEST_KEY = 500
_WEEK = 7


class Entry(Struct, frozen=True, kw_only=True):
    """Works on one day of the calendar: from when until when, in the zone of the page."""

    work: model.Work
    state: WorkState
    span: str


class Day(Struct, frozen=True, kw_only=True):
    """A day of the calendar; `within` is false for those of the months beside it."""

    date: date
    within: bool
    today: bool
    entries: tuple[Entry, ...]


class WorksPages:
    """Handlers that answer with planned works."""

    def __init__(
        self,
        *,
        announced: AnnouncedWorks,
        clock: Clock,
        read_limit: middleware.ReadLimit,
        renderer: PageRenderer,
        public_url: str = "",
    ) -> None:
        self._announced = announced
        self._clock = clock
        self._read_limit = read_limit
        self._renderer = renderer
        self._public_url = public_url.rstrip("/")

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of planned works."""
        return [
            web.get("/works", self.page),
            web.get("/works.ics", self.calendar),
            web.get("/api/v1/works", self.documents),
            web.get("/api/v1/works/{key:.+}", self.document),
        ]

    async def page(self, request: web.Request) -> web.Response:
        """Show a month, and the works that lie in it."""
        period, now = self._period(request), self._clock.now()
        kept, find = await self._read()
        shown = [
            work
            for work in works.listed(kept, now, past=True)
            if any(
                window.begin < period.end and window.end > period.start
                for window in works.windows_of(work)
            )
        ]
        return await self._renderer.respond(
            "works.html",
            now=now,
            period=period,
            weeks=calendar_of(shown, period, now),
            works=shown[:MOST_SHOWN],
            anchors={work.key: number for number, work in enumerate(shown[:MOST_SHOWN], 1)},
            words=works,
            most_of_a_day=MOST_OF_A_DAY,
            most_circuits=MOST_CIRCUITS,
            hidden=max(0, len(shown) - MOST_SHOWN),
            subjects={work.key: find(work) for work in shown[:MOST_SHOWN]},
            before=month_of(period.start - timedelta(days=1), period.zone),
            after=month_of(period.end, period.zone),
        )

    async def calendar(self, request: web.Request) -> web.Response:
        """Return a calendar to subscribe to."""
        query.check_parameters(request, ())
        kept, find = await self._read()
        now = self._clock.now()
        recent = [work for work in kept if not works.is_past(work, now - LEFT_BEHIND)]
        recent.sort(key=lambda work: works.place(work, now))
        page = f"{self._public_url or request.url.origin()}/works"

        def calendar() -> bytes:
            # Most daemons are never asked for it, and its library takes long to load.
            from watcher.operations import works_calendar  # noqa: PLC0415  # see above

            return works_calendar.calendar(recent, now, find, page=page)

        body = await asyncio.to_thread(calendar)
        return web.Response(
            body=body,
            content_type="text/calendar",
            charset="utf-8",
            headers={hdrs.CONTENT_DISPOSITION: 'inline; filename="works.ics"'},
        )

    async def documents(self, request: web.Request) -> web.Response:
        """List works in the order of their times."""
        query.check_parameters(request, {"state", "cursor", "limit"})
        states = query.words(request, "state", WorkState)
        limit = query.limit(request, 100, MOST_WORKS)
        after = _cursor(request)
        kept, find = await self._read()
        now = self._clock.now()
        shown = [
            work
            for work in works.listed(kept, now, past=bool(states))
            if not states or works.state_of(work, now) in states
        ]
        if after:
            shown = [work for work in shown if works.place(work, now) > after]
        more = len(shown) > limit
        cursor = _cursor_after(shown[limit - 1], now) if more else None
        document = msgspec.structs.replace(
            documents.works(shown[:limit], now, find),
            more=more,
            next_cursor=cursor,
            next=query.next_address(request, cursor=cursor) if cursor else None,
        )
        return middleware.json_response(document.encode())

    async def document(self, request: web.Request) -> web.Response:
        """Return one maintenance by its key."""
        query.check_parameters(request, ())
        key = request.match_info["key"]
        if len(key) > _LONGEST_KEY or not key.isprintable():
            raise HttpError(404, "there are no such planned works")
        kept, find = await self._read()
        for work in kept:
            if work.key == key:
                document = documents.work(work, self._clock.now(), find(work))
                return middleware.json_response(document.encode())
        raise HttpError(404, f"there are no planned works {key}")

    async def _read(self) -> tuple[Sequence[model.Work], works.FindSubjects]:
        async with self._read_limit.slot():
            return await self._announced.all()

    def _period(self, request: web.Request) -> Period:
        query.check_parameters(request, {"month", "zone"})
        zone = request.query.get("zone", "UTC")
        try:
            return parse_month(
                request.query.get("month") or month_of(self._clock.now(), zone), zone
            )
        except ValueError as error:
            raise HttpError(400, str(error)) from None


def calendar_of(shown: Sequence[model.Work], period: Period, now: datetime) -> list[list[Day]]:
    """Return the weeks of a month, Monday to Sunday, with the works of each day."""
    place = ZoneInfo(period.zone)
    first = period.start.astimezone(place).date()
    last = (period.end.astimezone(place) - timedelta(microseconds=1)).date()
    today = now.astimezone(place).date()
    by_date: dict[date, list[Entry]] = {}
    for work in shown:
        state = works.state_of(work, now)
        for window in works.windows_of(work):
            begin, end = window.begin.astimezone(place), window.end.astimezone(place)
            day = max(begin.date(), first)
            until = (end - timedelta(microseconds=1)).date()
            while day <= min(until, last):
                span = _span(begin, end, day)
                entry = Entry(work=work, state=_state_in(window, state, now), span=span)
                by_date.setdefault(day, []).append(entry)
                day += timedelta(days=1)
    monday = first - timedelta(days=first.weekday())
    weeks = []
    while monday <= last:
        dates = [monday + timedelta(days=number) for number in range(_WEEK)]
        weeks.append(
            [
                Day(
                    date=day,
                    within=first <= day <= last,
                    today=day == today,
                    entries=tuple(sorted(by_date.get(day, ()), key=lambda entry: entry.span)),
                )
                for day in dates
            ]
        )
        monday += timedelta(days=_WEEK)
    return weeks


def _state_in(window: model.WorkWindow, state: WorkState, now: datetime) -> WorkState:
    """Return where works stand in one of their windows."""
    if state not in works.EXCUSING:
        return state
    if window.end <= now:
        return WorkState.OVER
    return WorkState.RUNNING if window.begin <= now else WorkState.AHEAD


def _span(begin: datetime, end: datetime, day: date) -> str:
    """Return the part of a window that lies in a day, by the clocks of the page."""
    starts = f"{begin:%H:%M}" if begin.date() == day else "00:00"
    ends = f"{end:%H:%M}" if end.date() == day else "24:00"
    return f"{starts}\N{EN DASH}{ends}"


def _cursor_after(work: model.Work, now: datetime) -> str:
    """Return the place after works, as the address has it."""
    seconds, key = works.place(work, now)
    return f"{seconds:.0f}.{key}"


def _cursor(request: web.Request) -> tuple[float, str] | None:
    given = query.text(request, "cursor")
    if not given:
        return None
    seconds, dot, key = given.partition(".")
    if not (dot and key and seconds.isascii() and seconds.isdigit() and len(seconds) < 16):
        raise HttpError(400, "cursor is not one of ours: pass `next_cursor` as it was given")
    return float(seconds), key
