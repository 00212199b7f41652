"""Which circuits and lines no law of their own is about."""

from __future__ import annotations

from tests.year.laws.bookings import is_booked
from tests.year.laws.forms import has_forms
from tests.year.laws.hours import has_hours
from tests.year.laws.line_hours import has_hours as has_line_hours
from tests.year.laws.no_data import is_silent_at_times
from tests.year.laws.works import is_planned
from tests.year.plan import Circuit, Line, Plan


def is_plain(plan: Plan, circuit: Circuit) -> bool:
    """Return whether a circuit is watched all the time, by rules that always apply."""
    apart = (is_booked, is_planned, has_hours, has_forms)
    return not any(is_apart(plan, circuit) for is_apart in apart)


def is_plain_line(plan: Plan, line: Line) -> bool:
    """Return whether a line is measured all the time, and has no rule of its own."""
    return not has_line_hours(plan, line) and not is_silent_at_times(plan, line)
