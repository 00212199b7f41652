"""Samples in their windows: what an aggregate was at a given time, and whether it passes a limit.

A threshold is evaluated at the time of a sample, not of its arrival. A sample that arrives late
changes what later windows hold, never what was decided before.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

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

    __slots__ = ("times", "values")

    def __init__(self) -> None:
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

    def drop_before(self, at: datetime) -> None:
        """Drop what no window reaches any more."""
        index = bisect_left(self.times, at)
        del self.times[:index]
        del self.values[:index]


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
        series = of_subject.setdefault((sample.metric, sample.direction), Series())
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
        for (metric, _), series in self._series.get(subject, {}).items():
            if series.values:
                values[metric] = max(series.values[-1], values.get(metric, series.values[-1]))
        return values

    def drop_before(self, subject: str, at: datetime) -> None:
        """Drop what no window reaches any more."""
        for series in self._series.get(subject, {}).values():
            series.drop_before(at)

    def forget(self, subject: str) -> None:
        """Drop a subject's samples."""
        self._series.pop(subject, None)


def reach(threshold: Threshold, granularity: timedelta) -> timedelta:
    """Return how far back a threshold looks from the sample that it is evaluated at."""
    return (threshold.over or timedelta(0)) + GAP * granularity * (threshold.consecutive + 1)


def evaluate(
    threshold: Threshold,
    directions: Iterator[Series],
    at: datetime,
    granularity: timedelta,
    *,
    active: bool,
) -> tuple[bool | None, float | None]:
    """Return whether the limit is passed at `at`, and the worse direction's aggregate.

    `active`: the alert is pending or firing, so `clear` counts. The truth is None if a direction
    has too few samples, or stale ones, and no other one passes the limit.
    """
    truths: list[bool | None] = []
    worst: float | None = None
    for series in directions:
        truth, value = _evaluate_direction(threshold, series, at, granularity, active=active)
        truths.append(truth)
        if value is not None and (worst is None or (value > worst) is threshold.above):
            worst = value
    if any(truths):
        return True, worst
    return (None if not truths or None in truths else False), worst


def _evaluate_direction(
    threshold: Threshold, series: Series, at: datetime, granularity: timedelta, *, active: bool
) -> tuple[bool | None, float | None]:
    end = bisect_right(series.times, at)
    if not end or at - series.times[end - 1] > GAP * granularity:
        return None, None
    value = _aggregate(threshold, series, end)
    if value is None:
        return None, None
    if active:
        limit = threshold.limit if threshold.clear is None else threshold.clear
        return _passes(threshold, value, limit), value
    if not _passes(threshold, value, threshold.limit):
        return False, value
    return _passed_before(threshold, series, end, granularity), value


def _passed_before(
    threshold: Threshold, series: Series, end: int, granularity: timedelta
) -> bool | None:
    """Return whether as many samples before the newest one passed as `consecutive` asks for."""
    for index in range(end - 1, end - threshold.consecutive, -1):
        if index < 1 or series.times[index] - series.times[index - 1] > GAP * granularity:
            return None
        before = _aggregate(threshold, series, index)
        if before is None:
            return None
        if not _passes(threshold, before, threshold.limit):
            return False
    return True


def _aggregate(threshold: Threshold, series: Series, end: int) -> float | None:
    """Return the aggregate of the window up to the sample before index `end`; None: too few."""
    if threshold.over is None:
        return series.values[end - 1]
    at = series.times[end - 1]
    values = series.window(at - threshold.over, at)
    if len(values) < threshold.min_samples:
        return None
    return AGGREGATES[threshold.aggregate](values)


def _passes(threshold: Threshold, value: float, limit: float) -> bool:
    return value >= limit if threshold.above else value <= limit
