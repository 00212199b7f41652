"""What is wrong with rotas ahead: gaps, calendars that cannot be read, people nobody knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import aiohttp

from watcher import model
from watcher.oncall.reader import expand, fetch
from watcher.oncall.rota import Rota
from watcher.oncall.schedules import AHEAD

_MOST_GAPS = 5  # of one rota


async def problems_ahead(
    rotas: Mapping[str, Rota], now: datetime, session: aiohttp.ClientSession | None = None
) -> list[str]:
    """Return a line for each problem in the next 30 days; addresses need a session."""
    problems: list[str] = []
    for name in sorted(rotas):
        rota = rotas[name]
        shifts: Sequence[model.Shift] = ()
        if rota.calendar:
            if session is None and "://" in rota.calendar:
                continue
            try:
                body, _ = await fetch(rota, session)
                shifts = (await expand(body or b"", rota, now)).shifts
            except model.WatcherError as error:
                problems.append(f"rota {name}: its calendar cannot be read: {error}")
                continue
        problems += _problems(rota, shifts, now)
    return problems


def _problems(rota: Rota, shifts: Sequence[model.Shift], now: datetime) -> Iterator[str]:
    gaps = list(rota.gaps(now, now + AHEAD, shifts))
    for begin, end in gaps[:_MOST_GAPS]:
        until = f" until {end:%Y-%m-%d %H:%M} UTC" if end else " on"
        yield f"rota {rota.name}: nobody is on call from {begin:%Y-%m-%d %H:%M} UTC{until}"
    if len(gaps) > _MOST_GAPS:
        yield f"rota {rota.name}: and {len(gaps) - _MOST_GAPS} more gaps in 30 days"
    ahead = [shift for shift in shifts if shift.end > now and shift.begin < now + AHEAD]
    unknown = {rota.find(shift.person) for shift in ahead} - set(rota.people)
    for person in sorted(unknown):
        yield f"rota {rota.name}: {person!r} in its calendar is not among the people"
