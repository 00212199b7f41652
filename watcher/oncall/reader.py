"""Reads the calendars of rotas, from files and addresses, again and again.

Law: a calendar that cannot be read changes nobody's shift: the last one that could counts, and that
is said. What changes goes to the engine as an event, so that the journal has it; the store keeps
it, so that the next start has it before the calendar is read.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path

import aiohttp
import msgspec
import structlog
from msgspec import Struct
from msgspec.structs import replace
from yarl import URL

from watcher import model, system_words
from watcher.clock import Clock, Wakeup
from watcher.http.exchange import exchange
from watcher.oncall.rota import Rota
from watcher.oncall.schedules import Schedules
from watcher.sandbox.worker import run

log = structlog.get_logger()

EVERY_SECONDS = 300.0
AHEAD = timedelta(days=90)  # how far ahead shifts are worked out
BEHIND = timedelta(days=1)
EXPAND_AGAIN_SECONDS = 12 * 3600.0  # an unchanged calendar, as time goes on
LARGEST = 2_000_000  # bytes
_MOST_ANSWER = 8_000_000  # bytes of shifts
FETCH_SECONDS, PARSE_SECONDS = 20.0, 20.0
_TICK_SECONDS = 30.0
WORKER = (sys.executable, "-I", "-m", "watcher.oncall.calendar_worker")
_SHIFTS = msgspec.json.Decoder(list[model.Shift])


class _Copy(Struct, frozen=True, kw_only=True, gc=False):
    """A calendar as it was read last; its times are those of a clock that nobody sets."""

    location: str
    body: bytes = b""
    etag: str = ""
    tried_at: float
    expanded_at: float | None = None


async def fetch(
    rota: Rota, session: aiohttp.ClientSession | None, *, etag: str = ""
) -> tuple[bytes | None, str]:
    """Return a calendar's text and ETag; no text where it is still the one of this ETag.

    Raises TemporaryError. Its address is in no error: it may be what gives access.
    """
    if "://" not in rota.calendar:
        return await asyncio.to_thread(_read_file, Path(rota.calendar)), ""
    if session is None:
        raise model.TemporaryError("an address is only tried with --connect")
    url = URL(rota.calendar)
    reply = await exchange(
        session,
        "GET",
        url,
        headers={"Accept": "text/calendar", **({"If-None-Match": etag} if etag else {})},
        within=FETCH_SECONDS,
        cap=LARGEST,
        place=str(url.host),
        hide_url=True,
    )
    if reply.status == 304 and etag:
        return None, etag
    if reply.status != 200:
        raise model.TemporaryError(f"{reply.place} answered {reply.status}")
    return reply.body, reply.headers.get("ETag", "")


def _read_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            body = file.read(LARGEST + 1)
    except OSError as error:
        raise model.TemporaryError(f"{path}: {system_words.of_error(error)}") from error
    if len(body) > LARGEST:
        raise model.TemporaryError(f"{path} is larger than {LARGEST:,} bytes")
    return body


async def expand(body: bytes, rota: Rota, now: datetime) -> model.Calendar:
    """Return the shifts of a calendar around now. Raises TemporaryError where it is not valid."""
    begin, end = now - BEHIND, now + AHEAD
    try:
        async with asyncio.timeout(PARSE_SECONDS):
            answer = await run(
                (*WORKER, begin.isoformat(), end.isoformat(), rota.zone.key),
                body,
                largest=_MOST_ANSWER,
            )
    except TimeoutError as error:
        raise model.TemporaryError(
            f"working out its shifts took more than {PARSE_SECONDS:g} s"
        ) from error
    if answer.exit_code != 0:
        raise model.TemporaryError(answer.problem or "it cannot be read")
    return model.Calendar(
        rota=rota.name, shifts=tuple(_SHIFTS.decode(answer.output)), read_at=now, until=end
    )


class CalendarReader:
    """Keeps the calendars up to date; `submit` says whether the engine has taken one."""

    def __init__(
        self,
        *,
        schedules: Schedules,
        session: aiohttp.ClientSession,
        clock: Clock,
        submit: Callable[[model.CalendarRead], Awaitable[bool]],
    ) -> None:
        self.wakeup = Wakeup()
        self._schedules = schedules
        self._session = session
        self._clock = clock
        self._submit = submit
        self._copies: dict[str, _Copy] = {}
        self._submitted: dict[str, model.Calendar] = {}

    async def run(self) -> None:
        """Read every calendar when it is due, until cancelled."""
        while True:
            await self.make_pass()
            await self.wakeup.wait(_TICK_SECONDS)

    async def make_pass(self) -> None:
        """Read what is due, and submit what the engine does not have."""
        for name, rota in dict(self._schedules.rotas).items():
            if not rota.calendar:
                continue
            await self._read_if_due(rota)
            calendar = self._schedules.calendars.get(name)
            if calendar is None or self._submitted.get(name) == calendar:
                continue
            if await self._submit(model.CalendarRead(calendar=calendar)):
                self._submitted[name] = calendar

    async def _read_if_due(self, rota: Rota) -> None:
        now, elapsed = self._clock.now(), self._clock.monotonic()
        copy = self._copies.get(rota.name)
        if copy is None or copy.location != rota.calendar:
            copy = _Copy(location=rota.calendar, tried_at=elapsed)
        elif elapsed - copy.tried_at < EVERY_SECONDS:
            return
        before = self._schedules.calendars.get(rota.name)
        copy = replace(copy, tried_at=elapsed)
        try:
            body, etag = await fetch(rota, self._session, etag=copy.etag)
            expanded = copy.expanded_at
            fresh = expanded is not None and elapsed - expanded < EXPAND_AGAIN_SECONDS
            if body in {None, copy.body} and fresh and before is not None:
                calendar = replace(before, error="")
            else:
                body = copy.body if body is None else body
                calendar = await expand(body, rota, now)
                copy = replace(copy, body=body, etag=etag, expanded_at=elapsed)
        except model.WatcherError as error:
            calendar = self._failed(rota, before, str(error), now)
        else:
            if before is not None and before.error:
                log.info("calendar can be read again", rota=rota.name)
        self._copies[rota.name] = copy
        self._schedules.calendars[rota.name] = calendar

    def _failed(
        self, rota: Rota, before: model.Calendar | None, error: str, now: datetime
    ) -> model.Calendar:
        if before is None or before.error != error:
            log.warning("calendar cannot be read", rota=rota.name, error=error)
        if before is None:
            return model.Calendar(rota=rota.name, read_at=now, until=now, error=error)
        return replace(before, error=error)
