"""Maintenance windows: times of the week, on the clocks of one place.

Law: a window is what the wall clock there says. One that begins in the hour that a change of
clocks leaves out begins after it; one over the hour that comes twice holds for both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from watcher import engine, model
from watcher.ruleset import schema, schema_types
from watcher.ruleset.problems import Problems, suggest
from watcher.ruleset.yaml_document import Document

_NAMES = ("rule", "subject", "source", "severity")
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weekly:
    """From `begin` to `end` minutes after midnight on these weekdays (Monday is 0)."""

    zone: ZoneInfo
    days: frozenset[int]
    begin: int
    end: int

    def is_open(self, now: datetime) -> bool:
        """Whether a moment lies inside."""
        return any(begin <= now < end for begin, end in self._around(now, 1))

    def next_edge(self, now: datetime) -> datetime | None:
        """Tell when it begins or ends next."""
        edges = (at for span in self._around(now, 8) for at in span if at > now)
        return min(edges, default=None)

    def _around(self, now: datetime, ahead: int) -> Iterator[tuple[datetime, datetime]]:
        today = now.astimezone(self.zone).date()
        for offset in range(-1, ahead + 1):
            day = today + offset * _DAY
            if day.weekday() in self.days:
                until = self.end if self.end > self.begin else self.end + 24 * 60
                yield self._at(day, self.begin, fold=0), self._at(day, until, fold=1)

    def _at(self, day: date, minutes: int, *, fold: int) -> datetime:
        days, minutes = divmod(minutes, 24 * 60)
        wall = time(*divmod(minutes, 60), fold=fold)
        local = datetime.combine(day + days * _DAY, wall, tzinfo=self.zone)
        return local.astimezone(UTC)


def compile_window(
    written: schema.Maintenance, document: Document, number: int, faults: Problems
) -> engine.Maintenance:
    """Compile one window; what is wrong goes to `faults`."""
    matchers = []
    for name, value in written.match.items():
        if name not in _NAMES and not name.startswith("labels."):
            place = document.place(("maintenance", number, "match", name), of_key=True)
            known = suggest(name, (*_NAMES, "labels.NAME"))
            faults.add(place, f"{written.name}.match.{name}", f"nothing is matched by it{known}")
        matchers.append(model.Matcher(name=name, value=value))
    weekly = Weekly(
        zone=ZoneInfo(written.zone),
        days=frozenset(schema_types.WEEK.index(day) for day in written.days),
        begin=written.from_,
        end=written.to,
    )
    return engine.Maintenance(
        name=written.name,
        matchers=tuple(matchers),
        is_open=weekly.is_open,
        next_edge=weekly.next_edge,
    )
