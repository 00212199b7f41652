"""Samples in their windows: what an aggregate was at a given time, and whether that is too much.

Law: truth belongs to a sample's own time. A sample that arrives late changes what later windows
hold, never what was decided before.
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
    """Drop the top 5 % and take the highest of the rest (nearest rank: sorted[ceil(.95 n) - 1])."""
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
        """Add or correct a sample; False when it was there already."""
        place = bisect_left(self.times, at)
        if place < len(self.times) and self.times[place] == at:
            if self.values[place] == value:
                return False
            self.values[place] = value
            return True
        self.times.insert(place, at)
        self.values.insert(place, value)
        return True

    def window(self, start: datetime, end: datetime) -> list[float]:
        """Give the values in (start, end]."""
        return self.values[bisect_right(self.times, start) : bisect_right(self.times, end)]

    def drop_before(self, at: datetime) -> None:
        """Forget what no window reaches any more."""
        place = bisect_left(self.times, at)
        del self.times[:place]
        del self.values[:place]


class Samples:
    """Every series of every subject, for as long as the longest window needs them."""

    def __init__(self) -> None:
        self._series: dict[str, dict[tuple[str, str], Series]] = {}

    def __iter__(self) -> Iterator[model.Sample]:
        """Give every sample."""
        for subject, of_subject in self._series.items():
            for (metric, direction), series in of_subject.items():
                for at, value in zip(series.times, series.values, strict=True):
                    yield model.Sample(
                        subject=subject, metric=metric, direction=direction, at=at, value=value
                    )

    def put(self, sample: model.Sample) -> bool:
        """Add or correct a sample; False when it was there already."""
        of_subject = self._series.setdefault(sample.subject, {})
        series = of_subject.setdefault((sample.metric, sample.direction), Series())
        return series.put(sample.at, sample.value)

    def directions(self, subject: str, metric: str) -> Iterator[Series]:
        """Give the series of a metric that hold anything."""
        for (name, _), series in self._series.get(subject, {}).items():
            if name == metric and series.times:
                yield series

    def latest(self, subject: str, metric: str, before: datetime | None = None) -> datetime | None:
        """Tell the time of the newest sample in any direction, if asked before a given time."""
        found = None
        for series in self.directions(subject, metric):
            place = len(series.times) if before is None else bisect_left(series.times, before)
            if place and (found is None or series.times[place - 1] > found):
                found = series.times[place - 1]
        return found

    def last_of(self, subject: str) -> datetime | None:
        """Tell the time of a subject's newest sample of any metric."""
        times = (each.times[-1] for each in self._series.get(subject, {}).values() if each.times)
        return max(times, default=None)

    def newest(self, subject: str) -> dict[str, float]:
        """Give each metric's newest value, the higher one of two directions."""
        values: dict[str, float] = {}
        for (metric, _), series in self._series.get(subject, {}).items():
            if series.values:
                values[metric] = max(series.values[-1], values.get(metric, series.values[-1]))
        return values

    def drop_before(self, subject: str, at: datetime) -> None:
        """Forget what no window reaches any more."""
        for series in self._series.get(subject, {}).values():
            series.drop_before(at)

    def forget(self, subject: str) -> None:
        """Drop a subject's samples."""
        self._series.pop(subject, None)


def reach(threshold: Threshold, granularity: timedelta) -> timedelta:
    """How far back a threshold looks from the sample that it judges."""
    return (threshold.over or timedelta(0)) + GAP * granularity * (threshold.consecutive + 1)


def judge(
    threshold: Threshold,
    directions: Iterator[Series],
    at: datetime,
    granularity: timedelta,
    *,
    active: bool,
) -> tuple[bool | None, float | None]:
    """Judge each direction at `at`; give the truth, and the worse direction's aggregate.

    `active` says that the alert is pending or firing, so that `clear` counts. None: a direction
    has too few samples, or stale ones, and no other one passes the limit.
    """
    truths: list[bool | None] = []
    worst: float | None = None
    for series in directions:
        truth, value = _judge_direction(threshold, series, at, granularity, active=active)
        truths.append(truth)
        if value is not None and (worst is None or (value > worst) is threshold.above):
            worst = value
    if any(truths):
        return True, worst
    return (None if not truths or None in truths else False), worst


def _judge_direction(
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
    """Judge the samples before the newest one, as many as `consecutive` asks for."""
    for place in range(end - 1, end - threshold.consecutive, -1):
        if place < 1 or series.times[place] - series.times[place - 1] > GAP * granularity:
            return None
        before = _aggregate(threshold, series, place)
        if before is None:
            return None
        if not _passes(threshold, before, threshold.limit):
            return False
    return True


def _aggregate(threshold: Threshold, series: Series, end: int) -> float | None:
    """Aggregate the window that ends with the sample before index `end`; None: too few samples."""
    if threshold.over is None:
        return series.values[end - 1]
    at = series.times[end - 1]
    values = series.window(at - threshold.over, at)
    if len(values) < threshold.min_samples:
        return None
    return AGGREGATES[threshold.aggregate](values)


def _passes(threshold: Threshold, value: float, limit: float) -> bool:
    return value >= limit if threshold.above else value <= limit
