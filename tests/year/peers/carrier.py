"""The carrier's notices of planned works, as files in the folder that Watcher reads them from."""

from __future__ import annotations

import asyncio
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tests.year.plan import Notice
from tests.year.world import World
from watcher import model
from watcher.works import notice_worker

_EVENT = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Lumen//EN
BEGIN:VEVENT
SUMMARY:Works
UID:{id}-{sequence}@lumen.invalid
DTSTAMP:{stamp}
DTSTART:{begin}
DTEND:{end}
SEQUENCE:{sequence}
X-MAINTNOTE-PROVIDER:lumen.com
X-MAINTNOTE-ACCOUNT:1
X-MAINTNOTE-MAINTENANCE-ID:{id}
{circuits}
X-MAINTNOTE-IMPACT:{impact}
X-MAINTNOTE-STATUS:{status}
ORGANIZER:mailto:noc@lumen.invalid
END:VEVENT
END:VCALENDAR
"""
_COMPLETE = timedelta(minutes=1)  # since when nobody writes a file any more


class Carrier:
    """Puts each notice into a folder when the plan says so."""

    def __init__(self, world: World, folder: Path) -> None:
        self._world = world
        self._folder = folder
        loop = asyncio.get_running_loop()
        for number, fact in enumerate(world.plan.facts):
            if isinstance(fact, Notice):
                seconds = (fact.at - world.plan.begin).total_seconds()
                loop.call_at(seconds, self._put, fact, f"{number:04}.ics")

    def _put(self, notice: Notice, name: str) -> None:
        text = _EVENT.format(
            id=notice.works,
            sequence=notice.sequence,
            stamp=_stamp(notice.at),
            begin=_stamp(notice.begin),
            end=_stamp(notice.end),
            circuits="\n".join(f"X-MAINTNOTE-OBJECT-ID:{c}" for c in notice.circuits),
            impact=notice.impact,
            status=notice.status,
        )
        path = self._folder / name
        path.write_text(text.replace("\n", "\r\n"))
        written = (self._world.now() - _COMPLETE).timestamp()
        os.utime(path, (written, written))


async def read_notices(content: bytes, **options: Any) -> tuple[model.Notice, ...]:
    """Stand in for Watcher's reader: the same, without a process of its own."""
    del options["parser_python"]
    zone = ZoneInfo(options.pop("zone"))
    return tuple(notice_worker.parse(content, zone=zone, **options))


def _stamp(at: datetime) -> str:
    return f"{at:%Y%m%dT%H%M%SZ}"
