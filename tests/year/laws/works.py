"""The laws of planned works: what a carrier has announced wakes nobody, and all else does.

- nobody is called about what fails inside a window and is well again before its grace is over;
- what fails outside of windows is shown as any outage is;
- what is still down after the grace is shown then, and what is cancelled, moved or completed
  meanwhile, or dismissed by somebody, no longer excuses anything;
- works that lie ahead have one open thread where people read of works, until they are over.

A window begins and ends by the time of day. Nothing is said of a notice that came, or of an edge
that passed, while a daemon's clock was wrong.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import zip_longest

from tests.year.laws import messages
from tests.year.laws.remarks import Dismissal, dismissals
from tests.year.laws.spans import Outage, faults, outages
from tests.year.laws.timing import due, is_clock_wrong
from tests.year.plan import AHEAD, GRACE, Circuit, Notice, Plan, Rule
from tests.year.trace import Trace

_EARLY = timedelta(minutes=2)  # before a window, which still counts as inside
_SHOWN_BEFORE = timedelta(minutes=30)  # an outage whose thread may be opened again


def is_planned(plan: Plan, circuit: Circuit) -> bool:
    """Return whether a notice of planned works names a circuit."""
    return any(circuit.id in notice.circuits for notice in plan.notices)


def complaints(plan: Plan, trace: Trace) -> Iterator[str]:
    """Yield what was wrong about each circuit that works are announced for."""
    for circuit in plan.circuits:
        if is_planned(plan, circuit):
            for rule in faults(plan):
                yield from _About(plan, trace, rule, circuit).complaints()
            yield from _ahead(plan, trace, circuit)


class _About:
    """One circuit under one rule."""

    def __init__(self, plan: Plan, trace: Trace, rule: Rule, circuit: Circuit) -> None:
        self._plan = plan
        self._rule = rule
        self._name = circuit.name
        self._records = messages.about(trace, circuit.name)
        self._of_storms = messages.of_storms(trace, circuit.vendor)
        self._kept = messages.kept(trace)
        self._notices = [n for n in plan.notices if circuit.id in n.circuits]
        self._outages = outages(plan, rule, circuit)
        self._dismissals = dismissals(plan, trace, circuit.id)

    def complaints(self) -> Iterator[str]:
        """Yield what was wrong."""
        before = self._plan.begin - _SHOWN_BEFORE
        for outage, following in zip_longest(self._outages, self._outages[1:]):
            yield from self._about_outage(outage)
            if outage.begin - before >= _SHOWN_BEFORE:
                yield from self._about_quiet(outage)
            before = outage.end
            over_by = due(self._plan, outage.end, self._rule.keep)
            until = following.begin if following else self._plan.end
            if over_by < until and messages.shows(self._records, over_by):
                yield f"untrue: {self._name} was up from {outage.end} on, still down at {over_by}"
        yield from messages.repetitions(self._records, self._name, self._kept)
        first = self._outages[0].begin if self._outages else self._plan.end
        if self._records and self._records[0].at < first:
            yield f"invented: {self._name} at {self._records[0].at}"

    def _about_outage(self, outage: Outage) -> Iterator[str]:
        """Yield where it was not shown though nothing excused it, or called over too soon."""
        begin, rule = outage.begin, self._rule
        seen_by = due(self._plan, begin, rule.hold)
        for record in messages.all_clears(self._records):
            if seen_by < record.at < outage.end:
                yield f"false all-clear: {self._name} at {record.at}, down from {begin} on"
        edges = [begin, *self._edges(begin, outage.end)]
        for at, until in zip(edges, [*edges[1:], outage.end], strict=True):
            by = due(self._plan, at, rule.hold + _reading(self._plan))
            if by >= until or self._is_doubtful(begin, by):
                continue
            counting = _counting(self._notices, at, _dismissed(self._dismissals, at))
            if any(_may_excuse(notice, seen_by, at) for notice in counting):
                continue
            if not messages.shows([*self._records, *self._of_storms], by):
                yield f"lost: {self._name} was down from {begin} on, unplanned, not shown by {by}"

    def _about_quiet(self, outage: Outage) -> Iterator[str]:
        """Yield what was posted although works excused it from its begin on."""
        begin, end = outage.begin, due(self._plan, outage.end, self._rule.keep)
        earlier = [notice for notice in self._notices if notice.at <= begin]
        if any(due(self._plan, n.at, _reading(self._plan)) > begin for n in earlier):
            return
        for at in [begin, *self._edges(begin, end)]:
            asked = {dismissal.works for dismissal in self._dismissals if dismissal.at <= at}
            counting = _counting(self._notices, at, asked)
            if not any(_excuses(notice, begin, at) for notice in counting):
                end = at
                break
        if self._is_doubtful(begin, end):
            return
        for record in self._records:
            if messages.opens_thread(record) and begin <= record.at < end:
                yield f"disturbed: {self._name} at {record.at}, planned from {begin} to {end}"

    def _edges(self, begin: datetime, end: datetime) -> list[datetime]:
        """Return when between two times it may change whether works excuse an outage."""
        edges = {n.at for n in self._notices} | {n.begin for n in self._notices}
        edges |= {n.end + GRACE for n in self._notices}
        edges |= {n.at + GRACE for n in self._notices if n.status == "COMPLETED"}
        edges |= {d.at for d in self._dismissals}
        edges |= {d.done_at for d in self._dismissals if d.done_at is not None}
        return sorted(edge for edge in edges if begin < edge < end)

    def _is_doubtful(self, begin: datetime, end: datetime) -> bool:
        """Return whether a clock was wrong while it mattered, when notices were read or since."""
        near = [n.at for n in self._notices if n.at <= end and n.end + GRACE >= begin]
        return is_clock_wrong(self._plan, min([begin, *near]), end)


def _reading(plan: Plan) -> timedelta:
    """Return how much longer it takes until a notice is read than until a circuit is asked."""
    return 2 * max(timedelta(), plan.works_interval - plan.interval)


def _dismissed(dismissals: Sequence[Dismissal], at: datetime) -> set[str]:
    """Return which works somebody has dismissed for sure by a time."""
    return {d.works for d in dismissals if d.done_at is not None and d.done_at <= at}


def _counting(
    notices: Sequence[Notice], at: datetime, dismissed: Collection[str] = ()
) -> list[Notice]:
    """Return what counts of each works at a time, with the end that it has."""
    newest: dict[str, Notice] = {}
    for notice in sorted(notices, key=lambda notice: notice.sequence):
        if notice.at <= at:
            newest[notice.works] = notice
    return [
        notice
        for notice in newest.values()
        if notice.status != "CANCELLED" and notice.works not in dismissed
    ]


def _end(notice: Notice) -> datetime:
    """Return until when a notice excuses what is down."""
    is_over = notice.status == "COMPLETED"
    return (min(notice.end, notice.at) if is_over else notice.end) + GRACE


def _excuses(notice: Notice, begin: datetime, at: datetime) -> bool:
    """Return whether a notice surely excuses at a time what began inside its window."""
    is_inside = notice.begin <= begin and notice.begin <= at < _end(notice)
    return is_inside and notice.impact == "OUTAGE"


def _may_excuse(notice: Notice, seen_by: datetime, at: datetime) -> bool:
    """Return whether it may do so of what was seen at some time until then."""
    is_inside = notice.begin - _EARLY <= seen_by and notice.begin - _EARLY <= at < _end(notice)
    return is_inside and notice.impact == "OUTAGE"


def _ahead(plan: Plan, trace: Trace, circuit: Circuit) -> Iterator[str]:
    """Yield where works that lie ahead were not announced, or still are though they are over."""
    records = messages.about(trace, circuit.name, AHEAD)
    yield from messages.repetitions(records, f"works on {circuit.name}", messages.kept(trace))
    notices = [notice for notice in plan.notices if circuit.id in notice.circuits]
    changes = {notice.at for notice in notices}
    changes |= {edge for notice in notices for edge in (notice.begin, notice.end)}
    decisions = dismissals(plan, trace, circuit.id)
    changes |= {d.done_at for d in decisions if d.done_at is not None}
    for at, until in zip(sorted(changes), [*sorted(changes)[1:], plan.end], strict=True):
        by = due(plan, at, _reading(plan))
        near = [notice.at for notice in notices if notice.at <= by]
        if by >= until or is_clock_wrong(plan, min(near, default=at), by):
            continue
        if any(d.at <= by and (d.done_at is None or d.done_at > at) for d in decisions):
            continue
        counting = _counting(notices, at, _dismissed(decisions, at))
        going_on = [n for n in counting if n.status != "COMPLETED" and n.end > at]
        if bool(going_on) != messages.shows(records, by):
            what = "not announced" if going_on else "still announced"
            yield f"{what}: works on {circuit.name} by {by}"
