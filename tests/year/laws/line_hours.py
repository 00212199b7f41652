"""The laws of a threshold's hours: a sample of outside of them does not count, however full it is.

- what is full within them for long enough is shown, from the begin of the hours on if it began
  before;
- what is clear, or past its hours, is not shown as full;
- nothing is shown as full, or reported late, that was not full within them;
- that they end is no recovery, and nothing is told twice.

Nothing is said of an edge that passed while a daemon's clock was wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import zip_longest

from tests.year.laws import messages
from tests.year.laws.calendar import openings
from tests.year.laws.late_lines import report_of
from tests.year.laws.loads import Course
from tests.year.laws.spans import Outage
from tests.year.laws.timing import is_clock_wrong
from tests.year.peers.series import STEP
from tests.year.plan import Line, Plan, Threshold, Window
from tests.year.trace import Record, Trace


def has_hours(plan: Plan, line: Line) -> bool:
    """Return whether a line has a threshold that applies at certain hours alone."""
    return plan.line_hours is not None and plan.line_hours.circuit == line.id


def complaints(plan: Plan, trace: Trace) -> Iterator[str]:
    """Yield what was wrong about that line."""
    for line in plan.lines:
        if plan.line_hours is not None and has_hours(plan, line):
            yield from _About(plan, trace, plan.thresholds[0], plan.line_hours, line).complaints()


class _About:
    """The line whose threshold has hours."""

    def __init__(
        self, plan: Plan, trace: Trace, rule: Threshold, hours: Window, line: Line
    ) -> None:
        self._plan = plan
        self._trace = trace
        self._rule = rule
        self._name = line.id
        self._course = Course(plan, rule, line)
        self._records = messages.about(trace, line.id)
        self._hours = openings(plan, hours)
        self._needed = rule.over + rule.consecutive * STEP
        self._full = sorted(
            (
                Outage(span.begin, span.end)
                for spans in self._course.spans.values()
                for span in spans
                if span.is_full(rule)
            ),
            key=lambda full: full.begin,
        )
        self._parts = self._inside(timedelta())
        self._counted = self._inside(rule.over)  # the mean is behind

    def complaints(self) -> Iterator[str]:
        """Yield what was wrong."""
        yield from self._about_parts()
        yield from self._about_the_rest()
        yield from self._about_new(self._records)
        yield from self._about_all_clears()
        yield from messages.repetitions(self._records, self._name, messages.kept(self._trace))

    def _inside(self, longer: timedelta) -> list[Outage]:
        """Return what of each time in which it was full, or had been of late, the hours hold."""
        return [
            Outage(max(full.begin, begin), min(full.end + longer, end))
            for full in self._full
            for begin, end in self._hours
            if full.begin < end and begin < full.end + longer
        ]

    def _about_parts(self) -> Iterator[str]:
        """Yield where it was not shown though it was full within the hours."""
        for part in self._parts:
            by = self._course.due(part.begin, self._needed)
            if by >= part.end or is_clock_wrong(self._plan, part.begin, by):
                continue
            if not messages.shows(self._records, by):
                yield f"lost: {self._name} was full in its hours from {part.begin} on, not by {by}"

    def _about_the_rest(self) -> Iterator[str]:
        """Yield where it is still shown although it is clear, or its hours are over."""
        keep = self._rule.over + self._rule.keep + 2 * STEP
        for part, following in zip_longest(self._counted, self._counted[1:]):
            over_by = self._course.due(part.end, keep)
            until = following.begin if following else self._plan.end
            if over_by >= until or is_clock_wrong(self._plan, part.begin, over_by):
                continue
            if messages.shows(self._records, over_by):
                yield f"untrue: {self._name} is clear or past its hours from {part.end} on, still"

    def _about_new(self, records: Sequence[Record]) -> Iterator[str]:
        """Yield what was posted outside of the hours, or of what was not full within them."""
        for record in records:
            is_new = messages.opens_thread(record)
            if not is_new or is_clock_wrong(self._plan, record.at, record.at):
                continue
            if not any(self._may_be_about(part, record.at) for part in self._counted):
                yield f"invented: {self._name} at {record.at}"
            if messages.is_down(record) and not self._is_near_hours(record.at):
                yield f"disturbed: {self._name} at {record.at}, outside of its hours"
            late = report_of(self._plan, record)
            if late and not any(begin <= late.begin <= end for begin, end in self._hours):
                yield f"disturbed: {self._name} at {record.at}, late of {late.begin}"

    def _about_all_clears(self) -> Iterator[str]:
        """Yield where it is called recovered although it is full, and was seen to be."""
        for full in self._full:
            seen_by = self._course.due(full.begin, self._needed)
            for record in messages.all_clears(self._records):
                if seen_by < record.at < full.end:
                    began = f"full from {full.begin} on"
                    yield f"false all-clear: {self._name} at {record.at}, {began}"

    def _may_be_about(self, part: Outage, at: datetime) -> bool:
        """Return whether samples of a part may be what a message is about."""
        return part.begin <= at <= self._course.due(part.end, self._needed)

    def _is_near_hours(self, at: datetime) -> bool:
        return any(
            begin <= at <= self._course.due(end, self._rule.over) for begin, end in self._hours
        )
