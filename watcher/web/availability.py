"""The ledger of a month over HTTP: a page with a band of days, and the document."""

from __future__ import annotations

import asyncio
import functools
import heapq
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import msgspec
from aiohttp import hdrs, web
from msgspec import Struct

from watcher import off_loop
from watcher.clock import Clock
from watcher.ledger.document import CircuitDocument, LedgerDocument, encode_in_parts
from watcher.ledger.period import Period, month_of, parse_month
from watcher.web import middleware
from watcher.web.middleware import HttpError
from watcher.web.renderer import PageRenderer

KEPT_FOR = timedelta(minutes=5)  # a month is folded from the whole journal: not at each refresh
PATIENCE_SECONDS = 40.0  # less than an answer may take
MOST_CIRCUITS = 200  # on the page
MOST_ON_LOOP = 500  # circuits that are sorted or encoded there in one piece
MOST_OUTAGES = 50  # of a circuit on the page, the latest

ReadLedger = Callable[[Period], Awaitable[LedgerDocument]]


class _Kept(Struct, frozen=True, kw_only=True):
    """The last month that was read, and when."""

    period: Period
    at: datetime
    document: LedgerDocument


class Availability:
    """Handlers that answer with a month's ledger. One month is read at a time.

    What takes longer than PATIENCE_SECONDS is read on: who asks again has it.
    """

    def __init__(self, *, read: ReadLedger, clock: Clock, renderer: PageRenderer) -> None:
        self._read = read
        self._clock = clock
        self._renderer = renderer
        self._kept: _Kept | None = None
        self.readings: middleware.Readings[_Kept] = middleware.Readings("reading a month")
        self._one_at_a_time = asyncio.Lock()

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of the ledger."""
        return [
            web.get("/availability", self.page),
            web.get("/api/v1/availability", self.document),
        ]

    async def page(self, request: web.Request) -> web.Response:
        """Show a month: the circuits that were down for the longest come first."""
        period = self._period(request)
        kept = await self._month(period)
        circuits = kept.document.circuits
        worst = await off_loop.run_long(
            lambda: heapq.nsmallest(MOST_CIRCUITS, circuits, key=_worst_first),
            is_long=len(circuits) > MOST_ON_LOOP,
        )
        return await self._renderer.respond(
            "availability.html",
            now=kept.at,
            ledger=kept.document,
            circuits=worst,
            most_outages=MOST_OUTAGES,
            hidden=len(circuits) - len(worst),
            before=month_of(period.start - timedelta(days=1), period.zone),
            after=month_of(period.end, period.zone) if period.end <= self._clock.now() else "",
        )

    async def document(self, request: web.Request) -> web.StreamResponse:
        """Return a month's ledger; `subject` can be repeated."""
        kept = await self._month(self._period(request, also={"subject"}))
        document, wanted = kept.document, request.query.getall("subject", [])
        if wanted:
            circuits = [circuit for circuit in document.circuits if circuit.subject in wanted]
            document = msgspec.structs.replace(document, circuits=circuits)
        if len(document.circuits) <= MOST_ON_LOOP:
            return middleware.json_response(document.encode())
        response = web.StreamResponse()  # as one body, 100,000 circuits would be 80 MB
        response.content_type = "application/json"
        await response.prepare(request)
        for part in encode_in_parts(document):
            await response.write(part)
            await asyncio.sleep(0)  # to write waits only where the reader is slow
        await response.write_eof()
        return response

    def _period(
        self, request: web.Request, *, also: frozenset[str] | set[str] = frozenset()
    ) -> Period:
        allowed = {"month", "zone", *also}
        if not allowed.issuperset(request.query):
            raise HttpError(400, f"unknown parameter: expected {', '.join(sorted(allowed))}")
        zone = request.query.get("zone", "UTC")
        try:
            period = parse_month(
                request.query.get("month") or month_of(self._clock.now(), zone), zone
            )
        except ValueError as error:
            raise HttpError(400, str(error)) from None
        if period.start >= self._clock.now():
            raise HttpError(404, f"{period.name} has not begun yet")
        return period

    async def _month(self, period: Period) -> _Kept:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await self.readings.join(period, functools.partial(self._refresh, period))
        except TimeoutError:
            sentence = f"{period.name} is still being read: ask again"
            raise HttpError(503, sentence, {hdrs.RETRY_AFTER: "10"}) from None

    async def _refresh(self, period: Period) -> _Kept:
        async with self._one_at_a_time:
            now, kept = self._clock.now(), self._kept
            if kept is None or kept.period != period or not now - KEPT_FOR < kept.at <= now:
                outdated = list(kept.document.circuits) if kept else []
                kept = self._kept = None
                await off_loop.run(functools.partial(off_loop.free, outdated))
                kept = _Kept(period=period, at=now, document=await self._read(period))
                self._kept = kept
            return kept


def _worst_first(circuit: CircuitDocument) -> tuple[float, str]:
    return -circuit.minutes["down"] - circuit.minutes["degraded"], circuit.name
