"""A vendor's alarm record in order: what a subject was, from when to when, and runs of one rule.

Law: pure. Alarms may overlap, touch, stay open and come in any order; of two at once the worse one
counts, and between two alarms the subject was online.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

from watcher import model
from watcher.engine.rules import fault_domain
from watcher.engine.rules.rule import Transition

ONLINE = "online"


@dataclass(frozen=True, slots=True, kw_only=True)
class StateInterval:
    """One state from `start` to `end`, each None where the record does not say.

    `was` is the last known state before it; None where the record does not reach.
    """

    state: str
    message: str = ""
    start: datetime | None
    end: datetime | None
    was: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A run, or a part of one, with both its ends; `lasts`: its end is not on record."""

    start: datetime
    end: datetime
    lasts: bool
    run: StateInterval


def piece(run: StateInterval, event: model.HistoryRead) -> Outage:
    """Give a run both its ends, as far as one reading of the record tells them."""
    return Outage(
        start=run.start or event.start,
        end=run.end or event.end,
        lasts=run.end is None or run.end >= event.end,
        run=run,
    )


def in_order(alarms: Iterable[model.AlarmRecord]) -> list[StateInterval]:
    """Put alarms in order, one state at a time."""
    known = [each for each in alarms if not each.start or not each.end or each.start < each.end]
    if not known:
        return []
    edges = sorted({at for alarm in known for at in (alarm.start, alarm.end) if at is not None})
    bounds: list[datetime | None] = [*edges]
    if any(alarm.start is None for alarm in known):
        bounds.insert(0, None)
    if any(alarm.end is None for alarm in known):
        bounds.append(None)
    found: list[StateInterval] = []
    for start, end in pairwise(bounds):
        there = [alarm for alarm in known if _covers(alarm, start, end)]
        if there:
            worst = max(there, key=lambda alarm: fault_domain.badness(alarm.state))
            found.append(
                StateInterval(state=worst.state, message=worst.message, start=start, end=end)
            )
    return found


def runs(found: Sequence[StateInterval], condition: Transition) -> Iterator[StateInterval]:
    """Give the longest stretches inside `to` that came from `from_`, each with its worst state.

    An unknown state ends a run, and is skipped when looking back.
    """
    run: list[StateInterval] = []
    was: str | None = None  # the last known state before the run
    known: str | None = None
    last: StateInterval | None = None
    for each in found:
        apart = last is None or last.end != each.start
        if apart:
            known = None if each.start is None else ONLINE
        if run and (apart or each.state not in condition.to):
            yield from _ended(run, was, condition)
            run = []
        if each.state in condition.to:
            was = was if run else known
            run.append(each)
        if each.state != model.UNKNOWN:
            known = each.state
        last = each
    yield from _ended(run, was, condition)


def _ended(
    run: list[StateInterval], was: str | None, condition: Transition
) -> Iterator[StateInterval]:
    if run and (condition.from_ is None or was is None or was in condition.from_):
        worst = max(run, key=lambda each: fault_domain.badness(each.state))
        yield replace(worst, start=run[0].start, end=run[-1].end, was=was)


def _covers(alarm: model.AlarmRecord, start: datetime | None, end: datetime | None) -> bool:
    begins = alarm.start is None or (start is not None and alarm.start <= start)
    ends = alarm.end is None or (end is not None and alarm.end >= end)
    return begins and ends
