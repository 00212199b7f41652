"""What people must have been told, from the plan and the trace alone: no code of Watcher's.

A message is about a circuit or a line that it names, and says that it is down, that it has
`recovered`, or that it was down and this is `reported late`. What a thread shows is the newest text
of its first message. Laws:

- nothing is lost: while it is down for longer than it takes to say so, a thread shows it;
- the last text is true: once it is up again for that long, no thread shows it as down;
- nothing is told twice: no second thread while one shows it as down, no text twice in a thread;
- no false all-clear: none says `recovered` of what is down and was shown as such;
- nothing is invented: none is about what never was;
- a line that was full is reported late once (laws/late_lines.py);
- a line of which nothing is measured is silent until it is again (laws/no_data.py);
- off air calls nobody (laws/bookings.py);
- many that fail at once are one thread, which says how many they are (laws/storms.py);
- what a carrier has announced calls nobody, and all else does (laws/works.py);
- who says something of announced works is answered (laws/remarks.py);
- outside of its hours a rule does not count (laws/hours.py, laws/line_hours.py);
- no message says that Watcher is broken, and no job of its scheduler fails;
- nothing is held for good (laws/memory.py);
- people have their way: silences and windows (laws/silences.py), acknowledgements and escalation
  (laws/calls.py), whose turn it is (laws/rota.py), what they press (laws/people.py);
- nobody is told or called before a rule's time has passed (laws/early.py);
- who presses a button is answered, and a press counts once (laws/buttons.py);
- who silences by a form has their way (laws/forms.py);
- status never says fine while something cannot be told (laws/status.py);
- `why` can always answer, and says what the vendor did (laws/whys.py),
  or the loads were (laws/line_whys.py);
- nobody is asked more often than agreed, or before the time (laws/budgets.py);
- Service Diagnostics is run when it must be, seldom, and shown once (laws/diagnoses.py);
- what the broker retains is true, and never goes back (laws/retained.py);
- what the ledger says of each circuit is what the vendor did (laws/ledger.py).

What breaks meanwhile only delays: the time counts from its end.
"""

from __future__ import annotations

from tests.year.laws import (
    bookings,
    budgets,
    buttons,
    calls,
    diagnoses,
    early,
    faults_of_our_own,
    forms,
    hours,
    late_lines,
    ledger,
    line_hours,
    line_whys,
    lines,
    memory,
    no_data,
    people,
    remarks,
    retained,
    rota,
    silences,
    states,
    status,
    storms,
    whys,
    works,
)
from tests.year.plan import Plan
from tests.year.trace import Trace

_LAWS = (
    states.complaints,
    retained.complaints,
    ledger.complaints,
    status.complaints,
    whys.complaints,
    line_whys.complaints,
    bookings.complaints,
    storms.complaints,
    works.complaints,
    remarks.complaints,
    hours.complaints,
    lines.complaints,
    late_lines.complaints,
    line_hours.complaints,
    no_data.complaints,
    silences.complaints,
    calls.complaints,
    early.complaints,
    rota.complaints,
    people.complaints,
    buttons.complaints,
    forms.complaints,
    faults_of_our_own.complaints,
    memory.complaints,
    budgets.complaints,
    diagnoses.complaints,
)


def complaints(plan: Plan, trace: Trace) -> list[str]:
    """Return what was wrong, each in a sentence; empty if nothing was."""
    return [complaint for law in _LAWS for complaint in law(plan, trace)]
