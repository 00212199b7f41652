"""Adds to a plan what only some seeds have, each kind with a circuit and dice of its own."""

from __future__ import annotations

from datetime import datetime

from tests.year.draws.buttons import with_buttons
from tests.year.draws.calls import with_calls
from tests.year.draws.clocks import with_clocks
from tests.year.draws.dense import with_episodes
from tests.year.draws.diagnoses import with_diagnoses
from tests.year.draws.edits import with_edits
from tests.year.draws.faces import with_faces
from tests.year.draws.forms import with_forms
from tests.year.draws.hours import with_hours
from tests.year.draws.line_hours import with_line_hours
from tests.year.draws.no_data import with_no_data
from tests.year.draws.remarks import with_remarks
from tests.year.draws.takeovers import with_takeovers
from tests.year.draws.works import with_works
from tests.year.plan import Plan


def with_kinds(plan: Plan, end: datetime) -> Plan:
    """Return a plan with the kinds that its seed has, until `end`."""
    for add in (
        with_works,
        with_buttons,
        with_episodes,
        with_faces,
        with_calls,
        with_edits,
        with_clocks,
        with_takeovers,
        with_diagnoses,
        with_hours,
        with_forms,
        with_remarks,
        with_line_hours,
        with_no_data,
    ):
        plan = add(plan, end)
    return plan
