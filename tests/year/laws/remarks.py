"""The laws of buttons below planned works: who presses one is answered, and *Dismiss* counts.

Where two daemons share a database, the one that leads does it with its next pass, and the one that
was asked says that it waits for that.

What it means to outages and to the thread, works.py says: works that were dismissed for sure excuse
nothing, and those that may have been dismissed may.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.year.plan import Plan
from tests.year.trace import Record, Trace

_SOON = timedelta(seconds=10)  # Slack's 3, and the way there and back
_AROUND = timedelta(minutes=6)  # a fault, for which a press may fare otherwise
_DISMISSED = "works are dismissed"
_DONE = {"dismiss": _DISMISSED, "acknowledge": "works are confirmed"}
_OVER = "already resolved"


@dataclass(frozen=True, slots=True)
class Dismissal:
    """Some works that somebody dismissed at a time; `done_at` is when they were told so."""

    works: str
    at: datetime
    done_at: datetime | None


def complaints(plan: Plan, trace: Trace) -> Iterator[str]:
    """Yield where nobody answered a press, or nothing came of it."""
    for record in trace.of("remarked"):
        by, what = record.at + _SOON, record.fields["button"]
        if not record.fields["arrived"] or by >= plan.end or not _is_calm(plan, record.at, by):
            continue
        answers = [answer.fields["text"] for answer in _answers(trace, record) if answer.at <= by]
        if not answers:
            yield f"unanswered: {what} of works on {record.fields['circuit']} at {record.at}"
        elif plan.daemons == 1 and not any(
            _DONE[what] in text or _OVER in text for text in answers
        ):
            yield f"press: {what} of works at {record.at} was not done: {answers[0]}"


def dismissals(plan: Plan, trace: Trace, circuit: str) -> list[Dismissal]:
    """Return which works on a circuit somebody has dismissed, or may have."""
    dismissed = []
    for record in trace.of("remarked"):
        announced = [n for n in plan.notices if circuit in n.circuits and n.at <= record.at]
        is_of_it = record.fields["circuit"] == circuit and record.fields["button"] == "dismiss"
        if not announced or not is_of_it or not record.fields["arrived"]:
            continue
        answers = _answers(trace, record)
        if answers and all(_OVER in answer.fields["text"] for answer in answers):
            continue
        done = [answer.at for answer in answers if _DISMISSED in answer.fields["text"]]
        dismissed.append(Dismissal(announced[-1].works, record.at, min(done, default=None)))
    return dismissed


def _answers(trace: Trace, press: Record) -> list[Record]:
    return [r for r in trace.of("answered") if r.fields["id"] == press.fields["id"]]


def _is_calm(plan: Plan, begin: datetime, end: datetime) -> bool:
    return not any(fault.at <= end and fault.until + _AROUND >= begin for fault in plan.faults)
