"""How full a line was, in truth, and by when people must know of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.year.laws.timing import due
from tests.year.peers.series import CALM, DIRECTIONS, NOISE, STEP
from tests.year.plan import Direction, Line, Load, Plan, Quirk, Threshold

GAP = 3  # samples that may be missing before a line counts as not measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """How long the load of one direction stayed the same."""

    begin: datetime
    end: datetime
    percent: float

    def is_full(self, rule: Threshold) -> bool:
        """Return whether each of its samples passes the limit."""
        return self.percent - NOISE >= rule.above

    def is_clear(self, rule: Threshold) -> bool:
        """Return whether each of its samples is back."""
        return self.percent + NOISE < rule.clear


def spans(plan: Plan, line: Line, direction: Direction) -> list[Span]:
    """Return the loads of a direction, in the order of time."""
    loads = [
        fact
        for fact in plan.facts
        if isinstance(fact, Load) and (fact.line, fact.direction) == (line.id, direction)
    ]
    begins = [plan.begin - timedelta(days=1), *(load.at for load in loads)]
    ends = [*begins[1:], plan.end]
    percents = [CALM, *(load.percent for load in loads)]
    return [
        Span(begin=begin, end=end, percent=percent)
        for begin, end, percent in zip(begins, ends, percents, strict=True)
    ]


class Course:
    """The loads of a line, as a rule has it, and what Orange does with its samples."""

    def __init__(self, plan: Plan, rule: Threshold, line: Line) -> None:
        self._plan = plan
        self._rule = rule
        self._line = line
        self.quirks = [q for q in plan.facts if isinstance(q, Quirk) and q.line == line.id]
        self.spans = {way: spans(plan, line, way) for way in DIRECTIONS}

    def is_back(self, way: Direction, at: datetime) -> bool:
        """Return whether a direction holds no alert: it is clear, or was before it rose a little.

        One that was clear for too short a time may hold what it held before.
        """
        rule = self._rule
        before = [span for span in self.spans[way] if span.begin <= at]
        last = before[-1]
        if last.is_clear(rule):
            return True
        while before and not before[-1].is_full(rule) and not before[-1].is_clear(rule):
            last = before.pop()
        long_enough = rule.over + rule.keep + GAP * STEP
        return (
            bool(before)
            and not last.is_full(rule)
            and before[-1].is_clear(rule)
            and before[-1].end - before[-1].begin > long_enough
        )

    def due(self, at: datetime, wait: timedelta) -> datetime:
        """Return by when what is so from `at` on must be shown, whatever Orange does meanwhile."""
        wait += self._line.lag + self._plan.settle + STEP
        since = at + wait
        for quirk in self.overlapping(at - self._rule.over - GAP * STEP, since):
            if quirk.kind != "future" and quirk.until >= at - wait:
                since = max(since, quirk.until + wait)
        return due(self._plan, since, timedelta(), self._plan.line_interval)

    def is_corrected(self, at: datetime) -> bool:
        """Return whether what was corrected may be in the window of what was told."""
        begin = at - self._rule.over - timedelta(hours=1)
        return any(q.kind == "corrected" for q in self.overlapping(begin, at)) and bool(
            self._rule.over
        )

    def overlapping(self, begin: datetime, end: datetime) -> list[Quirk]:
        """Return what Orange did to samples of some time between two times."""
        return [quirk for quirk in self.quirks if quirk.at < end and quirk.until > begin]
