"""Who is on call now: the rotas in force, and their calendars as they were last read.

The engine decides by its own copy of both, which the journal has. This one serves what asks
a daemon: Slack's mentions, the board, the command line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from msgspec.structs import replace

from watcher import model
from watcher.oncall.rota import OnCall, Rota

EVERYBODY = "<!here>"  # who is mentioned while nobody is on call
AHEAD = timedelta(days=30)  # in which `watcher check` looks for gaps
_PREFIX = "oncall:"


def rota_in(mention: str) -> str | None:
    """Return the rota that a receiver's mention names, as in `oncall: video`; None without one."""
    text = mention.strip()
    return text.removeprefix(_PREFIX).strip() if text.startswith(_PREFIX) else None


class Schedules:
    """Answers who is on call; set `rotas` when rules are reloaded, `calendars` when one is read."""

    def __init__(self, rotas: Mapping[str, Rota], now: Callable[[], datetime]) -> None:
        self.rotas = rotas
        self.calendars: dict[str, model.Calendar] = {}
        self._now = now

    def who(self, name: str, at: datetime | None = None) -> OnCall:
        """Return who has a rota at a time, or now. Raises KeyError for a rota that is not there."""
        calendar = self.calendars.get(name)
        current = self.rotas[name].who(at or self._now(), calendar.shifts if calendar else ())
        return replace(current, trouble=self.trouble(name))

    def all(self, at: datetime | None = None) -> tuple[OnCall, ...]:
        """Return who has each rota at a time, or now, by the rotas' names."""
        return tuple(self.who(name, at) for name in sorted(self.rotas))

    def trouble(self, name: str) -> str:
        """Return why a rota's calendar cannot be read, and since when the last one counts."""
        if not self.rotas[name].calendar:
            return ""
        calendar = self.calendars.get(name)
        if calendar is None:
            return "its calendar was not read yet"
        if not calendar.error:
            return ""
        last = f"; the one read at {calendar.read_at:%Y-%m-%d %H:%M} UTC counts"
        return f"its calendar cannot be read ({calendar.error}){last if calendar.shifts else ''}"

    def mention(self, written: str) -> str:
        """Return what calls people in Slack, for a mention as it is written in the settings."""
        name = rota_in(written)
        if name is None:
            return written
        return (self.who(name).mention if name in self.rotas else "") or EVERYBODY
