"""What Orange has published of a line by some time, as far as the plan says."""

from __future__ import annotations

import zlib
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from tests.year.plan import Direction, Line, Load, Plan, Quirk

STEP = timedelta(minutes=5)  # between samples
NOISE = 2.0  # percent, up and down
CALM = 30.0  # percent, where a plan says nothing
FILLS = timedelta(minutes=5)  # how long a sample goes on filling
CORRECTED_AFTER = timedelta(minutes=40)
DIRECTIONS: tuple[Direction, ...] = ("in", "out")
_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)


class Series:
    """The samples of all lines of a plan."""

    def __init__(self, plan: Plan) -> None:
        self._seed = plan.seed
        self._loads: dict[tuple[str, str], list[Load]] = defaultdict(list)
        self._quirks: dict[str, list[Quirk]] = defaultdict(list)
        for fact in plan.facts:
            if isinstance(fact, Load):
                self._loads[fact.line, fact.direction].append(fact)
            elif isinstance(fact, Quirk):
                self._quirks[fact.line].append(fact)

    def load(self, line: Line, direction: Direction, at: datetime) -> float:
        """Return the true load at a time, with its noise."""
        loads = self._loads[line.id, direction]
        index = bisect_right(loads, at, key=lambda load: load.at)
        percent = loads[index - 1].percent if index else CALM
        chance = zlib.crc32(f"{self._seed}/{line.id}/{direction}/{at}".encode()) / 2**32
        return round(percent + NOISE * (2 * chance - 1), 2)

    def published(
        self, line: Line, direction: Direction, since: datetime, now: datetime
    ) -> Iterator[tuple[datetime, float]]:
        """Yield what is published by now: when it was measured, and its value."""
        for at in times(since, now):
            value = self._value(line, direction, at, now)
            if value is not None:
                yield at, value
        for quirk in self._quirks[line.id]:
            if quirk.kind == "future" and quirk.at <= now < quirk.until:
                yield quirk.until + timedelta(days=1), quirk.percent

    def most(self, line: Line, direction: Direction, at: datetime) -> float:
        """Return the most that was ever published of a time."""
        corrected = [quirk.percent for quirk in self._of(line, at) if quirk.kind == "corrected"]
        return max(self.load(line, direction, at), *corrected, 0.0)

    def _value(self, line: Line, direction: Direction, at: datetime, now: datetime) -> float | None:
        value = self.load(line, direction, at)
        released, part = at + line.lag, 1.0
        for quirk in self._of(line, at):
            match quirk.kind:
                case "late":
                    released = max(released, quirk.until)
                case "missing":
                    return None
                case "filling" if now < released + FILLS:
                    part = 0.4
                case "corrected" if now >= at + CORRECTED_AFTER:
                    value = quirk.percent
        return round(value * part, 2) if now >= released else None

    def _of(self, line: Line, at: datetime) -> list[Quirk]:
        quirks = self._quirks[line.id]
        return [quirk for quirk in quirks if quirk.at <= at < quirk.until]


def times(since: datetime, until: datetime) -> Iterator[datetime]:
    """Yield when lines are measured in `[since, until]`."""
    at = _EPOCH + -(-(since - _EPOCH) // STEP) * STEP
    while at <= until:
        yield at
        at += STEP
