"""Nothing is held for good: rows go with the retention time, and the engine forgets what is over.

A plan ends quietly, so that the engine holds what it knows of each circuit and line, and little
else. What the vendor lists of a circuit's bookings it holds as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from tests.year.peers.series import DIRECTIONS, STEP
from tests.year.plan import Booking, Plan
from tests.year.trace import Trace

# Objects: an incident is some 60 of them. Seeds were seen to hold less than half as many.
_MOST, _MOST_OF_SUBJECT, _MOST_OF_BOOKING, _MOST_OF_LIVE = 250, 40, 20, 400
_MOST_OF_OUTAGE = 10
_KEPT_FOR = 2  # times as long as a line may be silent
# A subject keeps which outages were reported of the last days, and so many of them.
_REMEMBERED, _MOST_REMEMBERED = timedelta(days=8), 100


def complaints(plan: Plan, trace: Trace) -> Iterator[str]:
    """Complain of rows that should be gone, and of an engine that remembers too much."""
    subjects = len(plan.circuits) + len(plan.lines)
    bookings = sum(isinstance(fact, Booking) for fact in plan.facts)
    for record in trace.of("held"):
        for what, count in record.fields["overdue"].items():
            yield f"at the end there are {count} rows too old to be kept: {what}"
        most = _MOST + _MOST_OF_SUBJECT * subjects + _MOST_OF_BOOKING * bookings
        most += _MOST_OF_OUTAGE * _remembered(plan)
        most += _MOST_OF_LIVE * record.fields["live"] + _kept_for_silence(plan)
        for sizes in record.fields["engines"]:
            held = sum(sizes.values())
            if held > most:
                largest = max(sizes, key=lambda part: sizes[part])
                yield (
                    f"at the end the engine holds {held} objects, more than {most} for {subjects}"
                    f" subjects: {sizes[largest]} of them in {largest}"
                )


def _remembered(plan: Plan) -> int:
    """Return how many outages the subjects may remember."""
    outages = Counter(
        status.circuit
        for status in plan.statuses
        if status.state != "online" and status.at > plan.end - _REMEMBERED
    )
    return sum(min(count, _MOST_REMEMBERED) for count in outages.values())


def _kept_for_silence(plan: Plan) -> int:
    """Return how many times and values of samples a rule without data has lines keep."""
    if plan.no_data is None:
        return 0
    return 2 * len(DIRECTIONS) * len(plan.lines) * (_KEPT_FOR * plan.no_data.after // STEP)
