"""The laws of a line of which nothing is published: it is silent until a newer sample comes.

- what is silent for as long as its rule says is shown;
- what is measured again is not shown as silent;
- nothing is shown as silent that was not, and nothing recovers before a newer sample;
- nothing is told twice.

What a vendor leaves out, or repeats, is silent as well to who asks it. Nothing is said of what came
while a daemon's clock was wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise

from tests.year.faults import VendorFault
from tests.year.laws import messages
from tests.year.laws.spans import Outage
from tests.year.laws.timing import due, is_clock_wrong
from tests.year.peers.series import STEP, times
from tests.year.plan import Line, NoData, Plan, Quirk
from tests.year.trace import Trace


def is_silent_at_times(plan: Plan, line: Line) -> bool:
    """Return whether nothing is published of a line at times, and no load of it is drawn."""
    return plan.no_data is not None and plan.no_data.line == line.id


def complaints(plan: Plan, trace: Trace) -> Iterator[str]:
    """Yield what was wrong about that line."""
    for line in plan.lines:
        if plan.no_data is not None and is_silent_at_times(plan, line):
            yield from _About(plan, trace, plan.no_data, line).complaints()


class _About:
    """The line that is silent at times."""

    def __init__(self, plan: Plan, trace: Trace, rule: NoData, line: Line) -> None:
        self._plan = plan
        self._trace = trace
        self._name = line.id
        self._after = rule.after
        self._late = line.lag + plan.settle  # how old a sample is when it counts
        self._records = messages.about(trace, line.id)
        gaps = [fact for fact in plan.facts if isinstance(fact, Quirk) and fact.line == line.id]
        samples = [
            at
            for at in times(plan.begin - timedelta(hours=1), plan.end)
            if not any(gap.at <= at < gap.until for gap in gaps)
        ]
        # From the newest sample before each gap to the first one after it.
        self._gaps = [Outage(*gap) for gap in pairwise(samples) if gap[1] - gap[0] > STEP]

    def complaints(self) -> Iterator[str]:
        """Yield what was wrong."""
        yield from self._about_silent()
        yield from self._about_measured()
        yield from self._about_new()
        yield from self._about_all_clears()
        yield from messages.repetitions(self._records, self._name, messages.kept(self._trace))

    def _due(self, at: datetime, wait: timedelta) -> datetime:
        return due(self._plan, at, wait + self._late + STEP, self._plan.line_interval)

    def _about_silent(self) -> Iterator[str]:
        """Yield where it is not shown though nothing was measured for long enough."""
        for gap in self._gaps:
            by = self._due(gap.begin, self._after)
            if by < gap.end and not messages.shows(self._records, by):
                yield f"lost: {self._name} is silent from {gap.begin} on, not shown by {by}"

    def _about_measured(self) -> Iterator[str]:
        """Yield where it is still shown although it is measured again."""
        ends = [gap.begin + self._after for gap in self._gaps[1:]]
        for gap, until in zip(self._gaps, [*ends, self._plan.end], strict=True):
            over_by = self._due(gap.end, timedelta())
            if over_by < until and messages.shows(self._records, over_by):
                yield f"untrue: {self._name} is measured from {gap.end} on, still at {over_by}"

    def _about_new(self) -> Iterator[str]:
        """Yield what was posted though nothing had been silent for long enough."""
        for record in self._records:
            if not messages.opens_thread(record) or self._is_unsure(record.at):
                continue
            if not any(
                gap.begin + self._after <= record.at <= self._due(gap.end, timedelta())
                for gap in self._gaps
            ):
                yield f"invented: {self._name} at {record.at}"

    def _about_all_clears(self) -> Iterator[str]:
        """Yield where what was shown is called recovered although nothing newer was measured."""
        opened = {r.fields["ts"]: r.at for r in self._records if messages.opens_thread(r)}
        for record in messages.all_clears(self._records):
            since = opened[record.fields["thread_ts"] or record.fields["ts"]]
            for gap in self._gaps:
                is_shown = gap.begin + self._after <= since <= record.at < gap.end
                if is_shown and not is_clock_wrong(self._plan, gap.begin, record.at):
                    yield f"false all-clear: {self._name} at {record.at}, silent from {gap.begin}"

    def _is_unsure(self, at: datetime) -> bool:
        """Return whether a clock was wrong, or a vendor gave old or incomplete answers, of late."""
        since = at - self._after - self._late - 2 * self._plan.line_interval
        return is_clock_wrong(self._plan, since, at) or any(
            isinstance(fault, VendorFault) and fault.at <= at and fault.until >= since
            for fault in self._plan.faults
        )
