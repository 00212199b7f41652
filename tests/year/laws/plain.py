"""Which circuits no law of their own is about."""

from __future__ import annotations

from tests.year.laws.bookings import is_booked
from tests.year.laws.forms import has_forms
from tests.year.laws.hours import has_hours
from tests.year.laws.works import is_planned
from tests.year.plan import Circuit, Plan


def is_plain(plan: Plan, circuit: Circuit) -> bool:
    """Return whether a circuit is watched all the time, by rules that always apply."""
    apart = (is_booked, is_planned, has_hours, has_forms)
    return not any(is_apart(plan, circuit) for is_apart in apart)
