"""Maintenance windows: times of the week, in the local time of one place.

Law: a window follows the wall clock there. One that starts in the hour that a change to summer
time skips starts after it; one over the hour that is repeated in autumn holds for both.
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

_MATCHED = ("rule", "subject", "source", "severity")
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weekly:
    """From `start` to `end` minutes after midnight on these weekdays (Monday is 0).

    An `end` that is not after `start` is on the next day.
    """

    zone: ZoneInfo
    days: frozenset[int]
    start: int
    end: int

    def is_open(self, now: datetime) -> bool:
        """Return whether a moment lies inside."""
        return any(start <= now < end for start, end in self._occurrences(now, days_ahead=1))

    def next_edge(self, now: datetime) -> datetime | None:
        """Return when it next starts or ends; None when it never does."""
        occurrences = self._occurrences(now, days_ahead=8)
        edges = (at for occurrence in occurrences for at in occurrence if at > now)
        return min(edges, default=None)

    def _occurrences(
        self, now: datetime, *, days_ahead: int
    ) -> Iterator[tuple[datetime, datetime]]:
        """Yield start and end of each window from yesterday on."""
        today = now.astimezone(self.zone).date()
        for offset in range(-1, days_ahead + 1):
            day = today + offset * _DAY
            if day.weekday() in self.days:
                until = self.end if self.end > self.start else self.end + 24 * 60
                yield self._at(day, self.start, fold=0), self._at(day, until, fold=1)

    def _at(self, day: date, minutes: int, *, fold: int) -> datetime:
        days, minutes = divmod(minutes, 24 * 60)
        wall = time(*divmod(minutes, 60), fold=fold)
        local = datetime.combine(day + days * _DAY, wall, tzinfo=self.zone)
        return local.astimezone(UTC)


def compile_window(
    written: schema.Maintenance, document: Document, number: int, problems: Problems
) -> engine.Maintenance:
    """Compile one window; add what is wrong to `problems`."""
    matchers = []
    for name, value in written.match.items():
        if name not in _MATCHED and not name.startswith("labels."):
            place = document.place(("maintenance", number, "match", name), of_key=True)
            hint = suggest(name, (*_MATCHED, "labels.NAME"))
            problems.add(place, f"{written.name}.match.{name}", f"cannot be matched{hint}")
        matchers.append(model.Matcher(name=name, value=value))
    weekly = Weekly(
        zone=ZoneInfo(written.zone),
        days=frozenset(schema_types.WEEK.index(day) for day in written.days),
        start=written.from_,
        end=written.to,
    )
    return engine.Maintenance(
        name=written.name,
        matchers=tuple(matchers),
        is_open=weekly.is_open,
        next_edge=weekly.next_edge,
    )
