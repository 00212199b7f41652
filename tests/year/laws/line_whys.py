"""The laws of `watcher why` about a line: it can always answer, and it says what the loads were.

- a question never has an internal error for an answer, and in quiet times always has one;
- the value is that of a sample that was the newest of late;
- what is full for long enough has a rule that fires and an incident; what is clear has neither;
- an incident names its rule, the rule's limit, a value that passes it, and since when: by the first
  sample that did, where nothing broke; else by one of a time in which the line may have been full;
- people were notified of it, by a message that is there;
- it has not recovered in the middle of a time in which the line was full.

The exact ones go by the samples of the plan, and ask only where neither a fault nor Orange had a
hand in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from tests.year.faults import BrokerFault
from tests.year.laws import answers
from tests.year.laws.loads import GAP, Course, Span
from tests.year.laws.plain import is_plain_line
from tests.year.laws.timing import is_clock_wrong
from tests.year.peers.series import DIRECTIONS, NOISE, STEP, Series, times
from tests.year.plan import NOC, Direction, Line, Plan, Threshold
from tests.year.trace import Record, Trace

_LOOKED_BACK = timedelta(hours=12)
_REOPENED_WITHIN = timedelta(minutes=15)  # and a little more
_VALUE = re.compile(r": utilization ([\d.]+)$")
_OPENED = re.compile(r"opened: (in|out)bound utilization .*is ([\d.]+) %, at or above ([\d.]+) %")
_RECOVERED = re.compile(r"resolved \(recovered\), from .* to (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC,")


def complaints(plan: Plan, trace: Trace) -> Iterator[str]:
    """Yield where an answer about a line was missing or wrong."""
    posted = {record.fields["ts"] for record in trace.of("slack") if record.fields["done"]}
    series = Series(plan)
    courses = {
        line.id: (line, rule, Course(plan, rule, line))
        for line in plan.lines
        for rule in plan.thresholds
    }
    for record in trace.of("why line"):
        line, rule, course = courses[record.fields["line"]]
        yield from answers.refused(plan, record, line.subject, plan.line_interval)
        if record.fields["code"] == 200 and is_plain_line(plan, line):
            yield from _About(plan, rule, line, course, series, record, posted).complaints()


class _About:
    """One question, and the answers."""

    def __init__(  # noqa: PLR0917  # one caller, above
        self,
        plan: Plan,
        rule: Threshold,
        line: Line,
        course: Course,
        series: Series,
        record: Record,
        posted: set[str],
    ) -> None:
        self._plan = plan
        self._rule = rule
        self._line = line
        self._course = course
        self._series = series
        self._record = record
        self._posted = posted
        self._at: datetime = record.fields["asked"]
        self._of = f"{line.id} at {self._at}"
        self._latest = plan.line_interval + line.lag + plan.settle + 2 * STEP

    def complaints(self) -> Iterator[str]:
        """Yield what was wrong with the answers."""
        lines = self._record.fields["answer"]["why"]
        live = [line for line in lines if line.startswith(f"rule {self._rule.name}: firing since")]
        yield from self._about_value(lines[0])
        full = self._full_for_long()
        if full is not None and not any("incident " in line for line in live):
            yield f"unexplained: {self._of} is full since {full.begin}, by no rule"
        clear_since = self._clear_for_long()
        if clear_since is not None and live:
            yield f"untrue: why {self._of} says {live[0]!r}, it is clear since {clear_since}"
        if self._record.fields["incident_code"] != 200:
            return
        about = self._record.fields["incident_answer"]["why"]
        yield from self._about_incident(about)
        if any(line.endswith(f"incident {self._record.fields['incident']}") for line in live):
            yield from self._about_live(about, is_due=full is not None)

    def _about_value(self, line: str) -> Iterator[str]:
        """Yield where its value is that of no sample of late."""
        since = self._at - self._latest - STEP
        if since < self._plan.begin or not self._is_undisturbed(since):
            return
        match = _VALUE.search(line)
        values = {
            max(self._series.load(self._line, way, at) for way in DIRECTIONS)
            for at in times(since, self._at)
        }
        if match is None or float(match.group(1)) not in values:
            yield f"untrue: why {self._of} says {line!r}, it was {sorted(values)}"

    def _about_incident(self, lines: Sequence[str]) -> Iterator[str]:
        """Yield where it has another limit than its rule, or has recovered while it was full."""
        if "Storm on" in lines[0]:
            return
        if f"by rule {self._rule.name}:" not in lines[1]:
            yield f"unexplained: incident of {self._of}, {lines[1]!r} names no rule"
        for match in filter(None, map(_OPENED.search, lines)):
            value, limit = float(match.group(2)), float(match.group(3))
            if limit != self._rule.above or value < limit:
                yield f"untrue: incident of {self._of}, {match.group()!r}, over {self._rule.above}"
        match = _RECOVERED.search(lines[1])
        if match is None:
            return
        end = datetime.fromisoformat(match.group(1)).replace(tzinfo=self._at.tzinfo)
        if is_clock_wrong(self._plan, end, self._at):
            return
        if self._course.overlapping(end - self._rule.over - GAP * STEP, end + STEP):
            return
        needed = self._rule.over + self._rule.consecutive * STEP
        for span in (span for spans in self._course.spans.values() for span in spans):
            if span.is_full(self._rule) and span.begin + needed <= end < span.end:
                yield f"untrue: incident of {self._of}, {lines[1]!r}, full until {span.end}"

    def _about_live(self, lines: Sequence[str], *, is_due: bool) -> Iterator[str]:
        """Yield where what goes on has ended, began at another time, or nobody was notified."""
        if not any(word in lines[1] for word in answers.LIVE):
            yield f"untrue: incident of {self._of} has ended, {lines[1]!r}"
            return
        began = answers.since(lines[1])
        first = self._first_full()
        if first is not None:
            if began != first:
                yield f"untrue: incident of {self._of}, {lines[1]!r}, full from {first} on"
        elif not is_clock_wrong(self._plan, began, self._at) and not self._may_be_full(began):
            yield f"untrue: incident of {self._of}, {lines[1]!r}, and nothing was full then"
        notified = [match for line in lines if (match := answers.POSTED.search(line))]
        for match in notified:
            if match.group(1) != NOC or match.group(2) not in self._posted:
                yield f"untrue: incident of {self._of}, {match.group()!r} is no message"
        if is_due and not notified:
            yield f"unexplained: {self._of} is full, and nobody was notified: {lines}"

    def _full_for_long(self) -> Span | None:
        """Return the load that goes on and that people must know of by now."""
        needed = self._rule.over + self._rule.consecutive * STEP
        for spans in self._course.spans.values():
            for span in spans:
                if span.is_full(self._rule) and span.begin <= self._at < span.end:
                    return span if self._course.due(span.begin, needed) < self._at else None
        return None

    def _clear_for_long(self) -> datetime | None:
        """Return since when it is clear, if Watcher must know so by now."""
        since = self._clear_since(self._at)
        if since is None or self._course.overlapping(since - _LOOKED_BACK, self._at):
            return None
        over_by = self._course.due(since, self._rule.over + self._rule.keep + 2 * STEP)
        is_known = over_by < self._at and not is_clock_wrong(self._plan, over_by, self._at)
        return since if is_known else None

    def _clear_since(self, at: datetime) -> datetime | None:
        """Return since when the loads of both directions are below `clear`, if they are."""
        since = self._plan.begin
        for spans in self._course.spans.values():
            for span in (span for span in reversed(spans) if span.begin <= at):
                if not span.is_clear(self._rule):
                    since = max(since, span.end)
                    break
        return since if since <= at else None

    def _first_full(self) -> datetime | None:
        """Return which sample was the first to fire, if nothing had a hand in that."""
        needed = self._rule.over + self._rule.keep + self._latest + _REOPENED_WITHIN
        rises = (at for at in self._rises() if at <= self._at)
        last = max(rises, default=None)
        clear_since = None if last is None else self._clear_since(last - STEP / 5)
        if last is None or clear_since is None or clear_since + needed > last:
            return None
        if not self._is_undisturbed(clear_since):
            return None
        fired = [(at, way) for way in DIRECTIONS if (at := self._fires(way, last)) is not None]
        first, way = min(fired, default=(None, None))
        return first if first and way and self._is_held(way, first) else None

    def _is_held(self, way: Direction, since: datetime) -> bool:
        """Return whether a direction that fired then has not been clear again."""
        return not any(
            span.is_clear(self._rule)
            for span in self._course.spans[way]
            if span.begin <= self._at and span.end > since
        )

    def _rises(self) -> Iterator[datetime]:
        """Yield when one direction was not clear any more, and both had been."""
        for spans in self._course.spans.values():
            for before, after in pairwise(spans):
                is_rise = before.is_clear(self._rule) and not after.is_clear(self._rule)
                if is_rise and self._clear_since(after.begin - STEP / 5) is not None:
                    yield after.begin

    def _fires(self, way: Direction, since: datetime) -> datetime | None:
        """Return the first sample with which the rule fires for a direction."""
        run = 0
        for at in times(since, self._at):
            begin = at - self._rule.over if self._rule.over else at - STEP
            measured = [t for t in times(begin, at) if t > begin]
            mean = sum(self._series.load(self._line, way, t) for t in measured) / len(measured)
            run = run + 1 if mean >= self._rule.above else 0
            if run >= self._rule.consecutive:
                return at
        return None

    def _may_be_full(self, at: datetime) -> bool:
        """Return whether a sample of the window that ends then passes the limit, in any version."""
        return any(
            self._series.most(self._line, way, when) >= self._rule.above - NOISE
            for way in DIRECTIONS
            for when in times(at - self._rule.over, at)
        )

    def _is_undisturbed(self, since: datetime) -> bool:
        """Return whether neither a fault nor Orange had a hand in what was so from then on."""
        if self._course.overlapping(since - self._rule.over - timedelta(hours=1), self._at):
            return False
        return not any(
            fault.at <= self._at and fault.until + answers.QUIET_AFTER >= since
            for fault in self._plan.faults
            if not isinstance(fault, BrokerFault)
        )
