"""The laws of lines, of which Orange publishes samples: late, changed, for tomorrow or never.

Loads keep away from the limits by more than their noise, so that a line is full, clear or between
the limits, where it stays what it was. Samples that come late, or are corrected, put off what is
due; nothing else does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from tests.year.faults import WrongClock
from tests.year.laws import messages
from tests.year.laws.loads import Course, Span
from tests.year.laws.plain import is_plain_line
from tests.year.laws.timing import SLACK_TIME
from tests.year.peers.series import DIRECTIONS, NOISE, STEP, Series, times
from tests.year.plan import Direction, Line, Plan, Threshold
from tests.year.trace import Trace

_RECENT = timedelta(hours=12)  # of what may still be told


def complaints(plan: Plan, trace: Trace) -> Iterator[str]:
    """Yield what was wrong about each line."""
    series = Series(plan)
    for rule in plan.thresholds:
        for line in plan.lines:
            if is_plain_line(plan, line):
                yield from _About(plan, trace, rule, line).complaints(series)


class _About:
    """One line under one rule."""

    def __init__(self, plan: Plan, trace: Trace, rule: Threshold, line: Line) -> None:
        self._plan = plan
        self._rule = rule
        self._line = line
        self._records = messages.about(trace, line.id)
        self._kept = messages.kept(trace)
        self._course = Course(plan, rule, line)

    def complaints(self, series: Series) -> Iterator[str]:
        """Yield what was wrong."""
        for way in DIRECTIONS:
            for number, span in enumerate(self._course.spans[way]):
                if span.is_full(self._rule):
                    yield from self._about_full(way, span, self._course.spans[way][number + 1 :])
        yield from self._about_clear()
        yield from self._about_late()
        yield from messages.repetitions(self._records, self._line.id, self._kept)
        yield from self._about_invented(series)

    def _about_full(self, way: Direction, span: Span, later: Sequence[Span]) -> Iterator[str]:
        name, rule = f"{self._line.id} {way}", self._rule
        needed = rule.over + rule.consecutive * STEP
        shown_by = self._course.due(span.begin, needed)
        if shown_by >= span.end:
            return
        if not messages.shows(self._records, shown_by):
            yield f"lost: {name} was full from {span.begin} on, not shown by {shown_by}"
        back_at = next((s.begin for s in later if s.percent - NOISE < rule.clear), self._plan.end)
        for record in self._records:
            if not messages.is_clear(record) or not shown_by < record.at < back_at:
                continue
            if not self._course.is_corrected(record.at):
                yield f"false all-clear: {name} at {record.at}, full from {span.begin} on"

    def _about_clear(self) -> Iterator[str]:
        rule = self._rule
        ends = sorted(span.end for of_way in self._course.spans.values() for span in of_way)
        begin: datetime | None = None
        for start, end in zip([self._plan.begin, *ends], ends, strict=False):
            if not all(self._course.is_back(way, start) for way in DIRECTIONS):
                begin = None
                continue
            was_clear, begin = begin is not None, begin or start
            over_by = self._course.due(begin, rule.over + rule.keep + 2 * STEP)
            counts = (not was_clear or over_by >= start) and over_by < end
            if counts and messages.shows(self._records, over_by):
                yield f"untrue: {self._line.id} clear from {begin} on, still full at {over_by}"

    def _about_late(self) -> Iterator[str]:
        """Yield what was full and clear again in samples that came at once, and never was told."""
        rule = self._rule
        long_enough = rule.over + rule.keep + (rule.consecutive + 1) * STEP
        for quirk in self._course.quirks:
            if quirk.kind != "late" or self._course.overlapping(
                quirk.at - _RECENT, quirk.until
            ) != [quirk]:
                continue
            for way in DIRECTIONS:
                for span in self._course.spans[way]:
                    whole = (
                        quirk.at <= span.begin and span.end + rule.over + 3 * STEP <= quirk.until
                    )
                    if not whole or not span.is_full(rule) or span.end - span.begin < long_enough:
                        continue
                    known_by = self._course.due(quirk.until, timedelta())
                    was_shown = any(span.begin < r.at <= known_by for r in self._records)
                    if known_by < self._plan.end and not was_shown:
                        yield f"lost: {self._line.id} {way} was full from {span.begin} on, late"

    def _about_invented(self, series: Series) -> Iterator[str]:
        for record in self._records:
            if not messages.opens_thread(record):
                continue
            believed = self._believed(record.at)
            if not any(self._could_fire(series, way, at) for at in believed for way in DIRECTIONS):
                yield f"invented: {self._line.id} at {record.at}"

    def _believed(self, at: datetime) -> list[datetime]:
        """Return what the time may have been to a daemon whose clock was behind.

        It takes the samples of then for those of now, until it notices that the clock was set.
        """
        behind = (
            fault.by
            for fault in self._plan.faults
            if isinstance(fault, WrongClock)
            and fault.by < timedelta()
            and fault.at <= at <= fault.until + self._plan.watch + SLACK_TIME
        )
        return [at, *(at + by for by in behind)]

    def _could_fire(self, series: Series, way: Direction, at: datetime) -> bool:
        """Return whether samples that were published by then, of any version, pass the limit."""
        rule = self._rule
        measured = list(times(at - _RECENT - rule.over, at))
        most = [series.most(self._line, way, when) for when in measured]
        width = max(1, rule.over // STEP)
        means = [sum(most[n - width : n]) / width for n in range(width, len(most) + 1)]
        run = 0
        for mean in means:
            run = run + 1 if mean >= rule.above - NOISE else 0
            if run >= rule.consecutive:
                return True
        return False
