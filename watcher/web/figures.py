"""What was measured, as lines of an inline SVG, with the limits of the rules. Pure.

Law: the line has a gap where nothing was measured. Numbers are in the sentence below the picture as
well, for those who do not see it.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby, pairwise

from msgspec import Struct

from watcher import engine, model

WIDTH, HEIGHT = 1000, 200
_MOST_LINES = 4  # directions of one metric
_GAP = 2.5  # times the usual distance between two samples
_PAIR = 2


class Limit(Struct, frozen=True, kw_only=True):
    """The limit of a rule, and its height in the picture."""

    rule: str
    value: str
    y: float


class Line(Struct, frozen=True, kw_only=True, gc=False):
    """One direction: its unbroken runs, as SVG has them, and its figures in words."""

    direction: str
    runs: tuple[str, ...]
    says: str


class Figure(Struct, frozen=True, kw_only=True):
    """One metric from `start` to `end`; `mark` is the place of a time of interest, if any."""

    metric: str
    unit: str
    start: datetime
    end: datetime
    top: str
    lines: tuple[Line, ...]
    limits: tuple[Limit, ...]
    mark: float | None = None

    @property
    def says(self) -> str:
        """What it shows, in words."""
        limits = "; ".join(f"{limit.rule}: limit {limit.value}" for limit in self.limits)
        lines = "; ".join(line.says for line in self.lines)
        return f"{self.metric}: {lines}{f'; {limits}' if limits else ''}"


def limits_of(ruleset: engine.Ruleset, source: str, metric: str) -> list[tuple[str, float]]:
    """Return the limits that rules have for a metric of a source, by rule."""
    return [
        (rule.name, rule.condition.limit)
        for rule in ruleset.rules
        if source in rule.sources
        and isinstance(rule.condition, engine.Threshold)
        and rule.condition.metric == metric
    ]


def figure(
    metric: str,
    unit: str,
    samples: Sequence[model.Sample],
    limits: Sequence[tuple[str, float]],
    *,
    start: datetime,
    end: datetime,
    mark: datetime | None = None,
) -> Figure | None:
    """Return the picture of a metric; None where nothing was measured."""
    if not samples:
        return None
    values = [sample.value for sample in samples] + [limit for _, limit in limits]
    least = min(0.0, *values)
    span = (max(values) - least) * 1.08 or 1.0
    seconds = max((end - start).total_seconds(), 1.0)

    def x(at: datetime) -> float:
        return round(min(max((at - start).total_seconds() / seconds, 0.0), 1.0) * WIDTH, 1)

    def y(value: float) -> float:
        return round(HEIGHT - (value - least) / span * HEIGHT, 1)

    def points(run: Sequence[model.Sample]) -> str:
        shown = list(run) if len(run) > 1 else [run[0], run[0]]  # a line of no length is a dot
        return " ".join(f"{x(sample.at)},{y(sample.value)}" for sample in shown)

    ordered = sorted(samples, key=lambda sample: (sample.direction, sample.at))
    lines = []
    for direction, group in groupby(ordered, key=lambda sample: sample.direction):
        measured = list(group)
        last = model.format_figure(measured[-1].value, unit)
        most = model.format_figure(max(sample.value for sample in measured), unit)
        what = f"{model.format_direction(direction)} " if direction else ""
        lines.append(
            Line(
                direction=direction,
                runs=tuple(points(run) for run in _runs(measured)),
                says=f"{what}last {last}, highest {most}",
            )
        )
    return Figure(
        metric=metric,
        unit=unit,
        start=start,
        end=end,
        top=model.format_figure(max(values), unit),
        lines=tuple(lines[:_MOST_LINES]),
        limits=tuple(
            Limit(rule=rule, value=model.format_figure(limit, unit), y=y(limit))
            for rule, limit in limits
        ),
        mark=None if mark is None or not start <= mark <= end else x(mark),
    )


def _runs(samples: Sequence[model.Sample]) -> Iterator[list[model.Sample]]:
    """Yield the samples of each stretch without a gap."""
    distances = [(after.at - before.at).total_seconds() for before, after in pairwise(samples)]
    usual = statistics.median(distances) if len(distances) >= _PAIR else math.inf
    run = [samples[0]]
    for sample, distance in zip(samples[1:], distances, strict=True):
        if distance > usual * _GAP:
            yield run
            run = []
        run.append(sample)
    yield run
