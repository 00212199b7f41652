"""Draws a chart of a breached threshold: what was measured before the breach and during it.

Pure. Times are UTC, and the line has a gap where nothing was measured.
"""

from __future__ import annotations

import io
import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from watcher import model

if TYPE_CHECKING:
    from PIL import ImageDraw

LEAD = timedelta(hours=6)  # shown before the breach
LONGEST = timedelta(hours=48)
FEWEST = 3  # samples; fewer show nothing

_SIZE = (1000, 400)  # pixels
_LEFT, _TOP, _RIGHT, _BOTTOM = 64, 62, 976, 356
_INK, _GRID, _LIMIT, _BREACH = "#1f2933", "#d9dee4", "#c62828", "#fdecea"
_LINES = ("#1565c0", "#2e7d32", "#6a1b9a", "#ef6c00")
_STEPS = tuple(
    timedelta(minutes=minutes) for minutes in (1 / 12, 1 / 4, 1, 5, 10, 15, 30, 60, 120, 240, 480)
)
_MOST_TICKS = 9
_GAP = 2.5  # times the usual distance between two samples

_Point = tuple[float, float]


class Breach(Struct, frozen=True, kw_only=True, gc=False):
    """What is drawn: a metric of `name`, from `start` to `end`, over its limit since `since`."""

    name: str
    metric: str
    limit: float
    since: datetime
    start: datetime
    end: datetime


def breach_of(alert: model.IncidentAlert, incident: model.Incident) -> Breach | None:
    """Return what to draw of an alert, up to the incident's start or end; None without a value.

    The alert has the vendor's time, by whose clock it may begin after we reported it.
    """
    if not alert.metric or alert.limit is None:
        return None
    end = max(incident.end or incident.opened_at, alert.since)
    return Breach(
        name=alert.name,
        metric=alert.metric,
        limit=alert.limit,
        since=alert.since,
        start=max(min(alert.since, incident.begin) - LEAD, end - LONGEST),
        end=end,
    )


def draw(breach: Breach, samples: Sequence[model.Sample]) -> bytes:
    """Return a PNG; empty if there are too few samples."""
    if len(samples) < FEWEST:
        return b""
    begin = min(sample.at for sample in samples)
    breach = replace(breach, start=max(breach.start, begin))  # nothing was measured before
    from PIL import Image, ImageDraw  # noqa: PLC0415  # most incidents have no chart

    image = Image.new("RGB", _SIZE, "white")
    pen = ImageDraw.Draw(image)
    frame = _Frame(breach, samples)
    pen.rectangle((frame.x(max(breach.since, breach.start)), _TOP, _RIGHT, _BOTTOM), fill=_BREACH)
    _draw_axes(pen, frame)
    series = _series(samples)
    for colour, points in zip(_LINES, series.values(), strict=False):
        for run in _runs(points):
            points_xy = [(frame.x(sample.at), frame.y(sample.value)) for sample in run]
            if len(points_xy) == 1:
                pen.circle(points_xy[0], 2, fill=colour)
            else:
                pen.line(points_xy, fill=colour, width=2, joint="curve")
    _draw_words(pen, frame, breach, list(series))
    png = io.BytesIO()
    image.save(png, format="PNG", optimize=True)
    return png.getvalue()


class _Frame:
    """Maps times and values to pixels."""

    def __init__(self, breach: Breach, samples: Sequence[model.Sample]) -> None:
        values = [breach.limit, *(sample.value for sample in samples)]
        least, most = min(0.0, *values), max(values)
        self.start, self.end = breach.start, breach.end
        self.least = least
        self.most = most + 0.08 * ((most - least) or 1.0)
        self._seconds = max((breach.end - breach.start).total_seconds(), 1.0)

    def x(self, at: datetime) -> float:
        return _LEFT + (at - self.start).total_seconds() / self._seconds * (_RIGHT - _LEFT)

    def y(self, value: float) -> float:
        return _BOTTOM - (value - self.least) / (self.most - self.least) * (_BOTTOM - _TOP)


def _draw_axes(pen: ImageDraw.ImageDraw, frame: _Frame) -> None:
    from PIL import ImageFont  # noqa: PLC0415  # as in draw

    font = ImageFont.load_default(13)
    for value in _marks(frame.least, frame.most):
        y = frame.y(value)
        pen.line((_LEFT, y, _RIGHT, y), fill=_GRID)
        pen.text((_LEFT - 8, y), f"{value:g}", fill=_INK, font=font, anchor="rm")
    for at in _ticks(frame.start, frame.end):
        x = frame.x(at)
        pen.line((x, _TOP, x, _BOTTOM), fill=_GRID)
        pen.text((x, _BOTTOM + 8), _clock(at), fill=_INK, font=font, anchor="ma")


def _draw_words(
    pen: ImageDraw.ImageDraw, frame: _Frame, breach: Breach, directions: Sequence[str]
) -> None:
    from PIL import ImageFont  # noqa: PLC0415  # as in draw

    y = frame.y(breach.limit)
    for dash in range(_LEFT, _RIGHT, 12):
        pen.line((dash, y, dash + 7, y), fill=_LIMIT, width=2)
    small = ImageFont.load_default(13)
    pen.text((_RIGHT, y - 4), f"limit {breach.limit:g}", fill=_LIMIT, font=small, anchor="rs")
    title = f"{breach.metric} of {breach.name}"
    pen.text((_LEFT, 12), title[:90], fill=_INK, font=ImageFont.load_default(18))
    start, end = breach.start.astimezone(UTC), breach.end.astimezone(UTC)
    span = f"{start:%Y-%m-%d} {_clock(start)} to {_clock(end)} UTC"
    pen.text((_LEFT, 38), span, fill=_INK, font=small)
    x = pen.textlength(span, font=small) + _LEFT + 24
    for colour, direction in zip(_LINES, directions, strict=False):
        if direction:
            pen.text((x, 38), direction, fill=colour, font=small)
            x += pen.textlength(direction, font=small) + 16


def _clock(at: datetime) -> str:
    return f"{at:%H:%M:%S}" if at.second else f"{at:%H:%M}"


def _series(samples: Sequence[model.Sample]) -> Mapping[str, list[model.Sample]]:
    """Return samples by direction, each in chronological order."""
    by_direction: dict[str, list[model.Sample]] = {}
    for sample in sorted(samples, key=lambda sample: (sample.direction, sample.at)):
        by_direction.setdefault(sample.direction, []).append(sample)
    return by_direction


def _runs(points: Sequence[model.Sample]) -> Iterator[list[model.Sample]]:
    """Split a series where samples are missing."""
    gaps = [(after.at - before.at).total_seconds() for before, after in pairwise(points)]
    usual_gap = statistics.median(gaps) if gaps else 0.0
    run = [points[0]]
    for gap, point in zip(gaps, points[1:], strict=True):
        if gap > _GAP * usual_gap:
            yield run
            run = []
        run.append(point)
    yield run


def _marks(least: float, most: float) -> Iterator[float]:
    """Yield the values of the y axis: round ones, at most seven."""
    size = 10.0 ** math.floor(math.log10((most - least) / 6))
    step = next(size * factor for factor in (1, 2, 5, 10) if (most - least) / (size * factor) <= 6)
    for number in range(math.ceil(least / step), math.floor(most / step) + 1):
        yield round(number * step, 9)


def _ticks(start: datetime, end: datetime) -> Iterator[datetime]:
    """Yield the times of the x axis, at whole steps of the clock."""
    fitting = (step for step in _STEPS if (end - start) / step <= _MOST_TICKS)
    step = next(fitting, _STEPS[-1])
    midnight = start.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    at = midnight + ((start - midnight) // step + 1) * step
    while at <= end:
        yield at
        at += step
