"""The laws of a rule's hours: outside of them its condition does not count, whatever is down.

- what is down within them is shown, from the begin of the hours on if it began before;
- what is down outside of them is not shown, nor once they have ended;
- that they end is no recovery, and nothing is told twice;
- nothing is reported late that was not down within them.

Hours are those that the clocks of their place show. Nothing is said of an edge that passed while a
daemon's clock was wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import zip_longest

from tests.year.laws import messages
from tests.year.laws.calendar import openings
from tests.year.laws.spans import Outage, outages
from tests.year.laws.timing import due, is_clock_wrong
from tests.year.plan import Circuit, Plan, Window
from tests.year.trace import Record, Trace


def has_hours(plan: Plan, circuit: Circuit) -> bool:
    """Return whether a circuit has a rule that applies at certain hours alone."""
    return plan.hours is not None and plan.hours.circuit == circuit.id


def complaints(plan: Plan, trace: Trace) -> Iterator[str]:
    """Yield what was wrong about that circuit."""
    for circuit in plan.circuits:
        if plan.hours is not None and has_hours(plan, circuit):
            yield from _About(plan, trace, plan.hours, circuit).complaints()


class _About:
    """The circuit whose rule has hours."""

    def __init__(self, plan: Plan, trace: Trace, hours: Window, circuit: Circuit) -> None:
        self._plan = plan
        self._trace = trace
        self._rule = plan.rules[0]
        self._name = circuit.name
        self._records = messages.about(trace, circuit.name)
        self._of_storms = messages.of_storms(trace, circuit.vendor)
        self._hours = openings(plan, hours)
        self._outages = outages(plan, self._rule, circuit)
        self._parts = sorted(
            (
                Outage(max(outage.begin, begin), min(outage.end, end))
                for outage in self._outages
                for begin, end in self._hours
                if outage.begin < end and begin < outage.end
            ),
            key=lambda part: part.begin,
        )

    def complaints(self) -> Iterator[str]:
        """Yield what was wrong."""
        yield from self._about_parts()
        yield from self._about_the_rest()
        yield from self._about_new(self._records)
        yield from self._about_all_clears()
        yield from messages.repetitions(self._records, self._name, messages.kept(self._trace))

    def _about_parts(self) -> Iterator[str]:
        """Yield where it was not shown though it was down within the hours."""
        for part in self._parts:
            by = due(self._plan, part.begin, self._rule.hold)
            if by >= part.end or is_clock_wrong(self._plan, part.begin, by):
                continue
            if not messages.shows([*self._records, *self._of_storms], by):
                yield f"lost: {self._name} was down in its hours from {part.begin} on, not by {by}"

    def _about_the_rest(self) -> Iterator[str]:
        """Yield where it is still shown although it is up, or its hours are over."""
        for part, following in zip_longest(self._parts, self._parts[1:]):
            over_by = due(self._plan, part.end, self._rule.keep)
            until = following.begin if following else self._plan.end
            if over_by >= until or is_clock_wrong(self._plan, part.begin, over_by):
                continue
            if messages.shows(self._records, over_by):
                yield f"untrue: {self._name} is up or past its hours from {part.end} on, still down"

    def _about_new(self, records: Sequence[Record]) -> Iterator[str]:
        """Yield what was posted outside of the hours, or late about what they do not hold."""
        for record in records:
            is_new = messages.opens_thread(record)
            if not is_new or is_clock_wrong(self._plan, record.at, record.at):
                continue
            if not any(part.begin <= record.at for part in self._parts):
                yield f"invented: {self._name} at {record.at}"
            if messages.is_down(record) and not self._is_near_hours(record.at):
                yield f"disturbed: {self._name} at {record.at}, outside of its hours"

    def _about_all_clears(self) -> Iterator[str]:
        """Yield where it is called recovered although it is down, and was seen to be."""
        for outage in self._outages:
            seen_by = due(self._plan, outage.begin, self._rule.hold)
            for record in messages.all_clears(self._records):
                if seen_by < record.at < outage.end:
                    began = f"down from {outage.begin} on"
                    yield f"false all-clear: {self._name} at {record.at}, {began}"

    def _is_near_hours(self, at: datetime) -> bool:
        plan = self._plan
        return any(begin <= at <= due(plan, end, self._rule.hold) for begin, end in self._hours)
