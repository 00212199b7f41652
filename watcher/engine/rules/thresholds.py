"""Samples in their windows: what an aggregate was at a given time, and whether it passes a limit.

A threshold is evaluated at the time of a sample, not of its arrival. A sample that arrives late
changes what later windows hold, never what was decided before.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from msgspec.structs import replace

from watcher import model
from watcher.engine.rules.rule import Threshold

GAP = 3  # granularities: a longer silence breaks a run, and an older newest sample says nothing


def p95(values: Sequence[float]) -> float:
    """Return the 95th percentile by nearest rank: sorted[ceil(.95 n) - 1], as carriers bill it."""
    return sorted(values)[math.ceil(0.95 * len(values)) - 1]


AGGREGATES: Mapping[str, Callable[[Sequence[float]], float]] = {
    "last": lambda values: values[-1],
    "avg": lambda values: sum(values) / len(values),
    "min": min,
    "max": max,
    "p95": p95,
}


class Series:
    """The samples of one metric in one direction, oldest first."""

    __slots__ = ("direction", "times", "values")

    def __init__(self, direction: str) -> None:
        self.direction = direction
        self.times: list[datetime] = []
        self.values: list[float] = []

    def put(self, at: datetime, value: float) -> bool:
        """Add or correct a sample; return False if it was there already."""
        index = bisect_left(self.times, at)
        if index < len(self.times) and self.times[index] == at:
            if self.values[index] == value:
                return False
            self.values[index] = value
            return True
        self.times.insert(index, at)
        self.values.insert(index, value)
        return True

    def window(self, start: datetime, end: datetime) -> list[float]:
        """Return the values in (start, end]."""
        return self.values[bisect_right(self.times, start) : bisect_right(self.times, end)]

    def drop_outside(self, start: datetime, latest: datetime, gap: timedelta) -> None:
        """Drop what no window reaches any more, and strays.

        A stray lies after `latest`, and follows no other one within `gap`.
        """
        begin, end = bisect_left(self.times, start), bisect_right(self.times, latest)
        if end <= begin < len(self.times) - 1 and self.times[begin + 1] - self.times[begin] <= gap:
            end = begin + 1
        while begin < end < len(self.times) and self.times[end] - self.times[end - 1] <= gap:
            end += 1
        self.times[:] = self.times[begin:end]
        self.values[:] = self.values[begin:end]


class Samples:
    """Every series of every subject, for as long as the longest window needs them."""

    def __init__(self) -> None:
        self._series: dict[str, dict[tuple[str, str], Series]] = {}

    def __iter__(self) -> Iterator[model.Sample]:
        """Yield every sample."""
        for subject, of_subject in self._series.items():
            for (metric, direction), series in of_subject.items():
                for at, value in zip(series.times, series.values, strict=True):
                    yield model.Sample(
                        subject=subject, metric=metric, direction=direction, at=at, value=value
                    )

    def put(self, sample: model.Sample) -> bool:
        """Add or correct a sample; return False if it was there already."""
        of_subject = self._series.setdefault(sample.subject, {})
        series = of_subject.setdefault((sample.metric, sample.direction), Series(sample.direction))
        return series.put(sample.at, sample.value)

    def directions(self, subject: str, metric: str) -> Iterator[Series]:
        """Yield the series of a metric, one for each direction that has samples."""
        for (name, _), series in self._series.get(subject, {}).items():
            if name == metric and series.times:
                yield series

    def latest(self, subject: str, metric: str, before: datetime | None = None) -> datetime | None:
        """Return the time of the newest sample in any direction, or of the newest before a time."""
        newest = None
        for series in self.directions(subject, metric):
            count = len(series.times) if before is None else bisect_left(series.times, before)
            if count and (newest is None or series.times[count - 1] > newest):
                newest = series.times[count - 1]
        return newest

    def last_of(self, subject: str) -> datetime | None:
        """Return the time of a subject's newest sample of any metric."""
        of_subject = self._series.get(subject, {}).values()
        return max((series.times[-1] for series in of_subject if series.times), default=None)

    def newest(self, subject: str) -> dict[str, float]:
        """Return each metric's newest value, the higher of two directions."""
        values: dict[str, float] = {}
        if subject not in self._series:
            return values
        for (metric, _), series in self._series[subject].items():
            if series.values:
                values[metric] = max(series.values[-1], values.get(metric, series.values[-1]))
        return values

    def drop_outside(self, subject: str, start: datetime, latest: datetime, gap: timedelta) -> None:
        """Drop what no window reaches any more, and strays, as `Series.drop_outside` does."""
        for series in self._series.get(subject, {}).values():
            series.drop_outside(start, latest, gap)

    def forget(self, subject: str) -> None:
        """Drop a subject's samples."""
        self._series.pop(subject, None)


def reach(threshold: Threshold, granularity: timedelta) -> timedelta:
    """Return how far back a threshold looks from the sample that it is evaluated at."""
    return (threshold.over or timedelta(0)) + GAP * granularity * (threshold.consecutive + 1)


class Evaluation(NamedTuple):
    """Whether the limit is passed, the value that counts, and what the alert has to remember."""

    truth: bool | None
    value: float | None = None
    measured: model.Measured | None = None


class Before(NamedTuple):
    """What an alert remembers of its threshold when the next sample is evaluated.

    `firing` says that `clear` counts, which it never does for a pending alert. A direction is held
    until it has been back beyond `clear` for `release`. `broken` says that samples were missing.
    """

    measured: model.Measured | None = None
    firing: bool = False
    release: timedelta = timedelta(0)
    broken: bool = False


INACTIVE = Before()


class _Direction(NamedTuple):
    """One direction's aggregate; `passes` is about it alone, `truth` about `consecutive` ones."""

    name: str
    truth: bool | None
    value: float | None = None
    covered: timedelta | None = None
    passes: bool = False


def evaluate(
    threshold: Threshold,
    directions: Iterator[Series],
    at: datetime,
    granularity: timedelta,
    before: Before = INACTIVE,
) -> Evaluation:
    """Return whether the limit is passed at `at`, and the aggregate of the direction that counts.

    That is the worst of those that pass, else the worst of all. The truth is None if a direction
    has too few samples, or stale ones, and no other one passes its limit.
    """
    every = sorted(directions, key=lambda series: series.direction)
    if before.firing and (before.measured is None or not before.measured.held):
        before = before._replace(measured=_guess(threshold, every, at, granularity))
    held = _held(at, before)
    relaxed = threshold.limit if threshold.clear is None else threshold.clear
    evaluated = [
        _evaluate_direction(
            threshold,
            series,
            at,
            granularity,
            limit=relaxed if before.firing and series.direction in held else threshold.limit,
            in_a_row=series.direction not in held,
        )
        for series in every
    ]
    truth = _any_of([direction.truth for direction in evaluated])
    passing = [direction for direction in evaluated if direction.passes]
    worst = _worst(threshold, passing or evaluated)
    remembered = _remember(evaluated, at, before)
    if truth is not True and before.measured is not None:
        measured = replace(before.measured, held=remembered)
    elif worst is None:
        measured = None
    else:
        measured = model.Measured(direction=worst.name, covered=worst.covered, held=remembered)
    return Evaluation(truth, None if worst is None else worst.value, measured)


def _any_of(truths: Sequence[bool | None]) -> bool | None:
    if any(truths):
        return True
    return None if not truths or None in truths else False


def _worst(threshold: Threshold, directions: Iterable[_Direction]) -> _Direction | None:
    worst: _Direction | None = None
    for direction in directions:
        value = direction.value
        if value is None:
            continue
        if worst is None or worst.value is None or (value > worst.value) is threshold.above:
            worst = direction
    return worst


def _guess(
    threshold: Threshold, every: Sequence[Series], at: datetime, granularity: timedelta
) -> model.Measured | None:
    """Return what an alert of an earlier version would remember: it is about the worst one."""
    limit = threshold.limit
    worst = _worst(
        threshold,
        (
            _evaluate_direction(threshold, series, at, granularity, limit=limit, in_a_row=False)
            for series in every
        ),
    )
    return None if worst is None else model.Measured(direction=worst.name, held={worst.name: None})


def _held(at: datetime, before: Before) -> frozenset[str]:
    """Return the directions that the alert holds now."""
    held = {} if before.measured is None else before.measured.held
    return frozenset(
        direction
        for direction, since in held.items()
        if since is None or before.broken or at - since <= before.release
    )


def _remember(
    evaluated: Sequence[_Direction], at: datetime, before: Before
) -> Mapping[str, datetime | None]:
    """Return what is held from now on: while pending, only what passes the limit."""
    held = {} if before.measured is None or not before.firing else dict(before.measured.held)
    for direction in evaluated:
        if direction.truth:
            held[direction.name] = None
        elif direction.name in held:
            since = held[direction.name]
            back_since = at if since is None or before.broken else since
            held[direction.name] = None if direction.truth is None else back_since
    return held


def _evaluate_direction(
    threshold: Threshold,
    series: Series,
    at: datetime,
    granularity: timedelta,
    *,
    limit: float,
    in_a_row: bool,
) -> _Direction:
    end = bisect_right(series.times, at)
    if not end or at - series.times[end - 1] > GAP * granularity:
        return _Direction(series.direction, None)
    window = _aggregate(threshold, series, end, granularity)
    if window is None:
        return _Direction(series.direction, None)
    value, covered = window
    passes = _passes(threshold, value, limit)
    truth: bool | None = passes
    if passes and in_a_row:
        truth = _passed_before(threshold, series, end, granularity)
    return _Direction(series.direction, truth, value, covered, passes)


def _passed_before(
    threshold: Threshold, series: Series, end: int, granularity: timedelta
) -> bool | None:
    """Return whether as many samples before the newest one passed as `consecutive` asks for."""
    for index in range(end - 1, end - threshold.consecutive, -1):
        if index < 1 or series.times[index] - series.times[index - 1] > GAP * granularity:
            return None
        window = _aggregate(threshold, series, index, granularity)
        if window is None:
            return None
        if not _passes(threshold, window[0], threshold.limit):
            return False
    return True


def _aggregate(
    threshold: Threshold, series: Series, end: int, granularity: timedelta
) -> tuple[float, timedelta | None] | None:
    """Return the aggregate of the window up to the sample before index `end`, and its coverage.

    None: it has too few samples, or they cover too little of it.
    """
    if threshold.over is None:
        return series.values[end - 1], None
    at = series.times[end - 1]
    values = series.window(at - threshold.over, at)
    covered = len(values) * granularity
    if len(values) < threshold.min_samples or covered < threshold.over * threshold.coverage:
        return None
    aggregate = AGGREGATES[threshold.aggregate](values)
    return aggregate, covered if covered < threshold.over else None


def _passes(threshold: Threshold, value: float, limit: float) -> bool:
    return value >= limit if threshold.above else value <= limit
