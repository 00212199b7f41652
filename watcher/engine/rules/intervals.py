"""A vendor's alarms as state intervals in order, and the runs of them that a rule looks for. Pure.

Alarms may overlap, touch, stay open and come in any order. Of two at once the worse one counts, and
between two alarms the subject was in its good state.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise

from msgspec import Struct
from msgspec.structs import replace

from watcher import model
from watcher.engine.rules.rule import SourceTraits, Transition


class StateInterval(Struct, frozen=True, kw_only=True, gc=False):
    """One state from `start` to `end`, each None where the record does not say.

    `was` is the last known state before it; None where the record does not reach.
    """

    state: str
    message: str = ""
    start: datetime | None
    end: datetime | None
    was: str | None = None


class Outage(Struct, frozen=True, kw_only=True, gc=False):
    """A run of intervals, or a part of it, with both its ends; `lasts`: its end is not on record.

    `run` is the whole run, with its worst state.
    """

    start: datetime
    end: datetime
    lasts: bool
    outlasts_hours: bool = False  # its end is that of the hours of the rule
    run: StateInterval


def outage_of(run: StateInterval, event: model.HistoryRead) -> Outage:
    """Return a run with both its ends, as far as one reading of the record tells them."""
    return Outage(
        start=run.start or event.start,
        end=run.end or event.end,
        lasts=run.end is None or run.end >= event.end,
        run=run,
    )


def state_intervals(
    alarms: Iterable[model.AlarmRecord], traits: SourceTraits
) -> list[StateInterval]:
    """Return the intervals that alarms tell of, in order and one state at a time."""
    usable = [
        alarm for alarm in alarms if not alarm.start or not alarm.end or alarm.start < alarm.end
    ]
    if not usable:
        return []
    edges = sorted({at for alarm in usable for at in (alarm.start, alarm.end) if at is not None})
    bounds: list[datetime | None] = [*edges]
    if any(alarm.start is None for alarm in usable):
        bounds.insert(0, None)
    if any(alarm.end is None for alarm in usable):
        bounds.append(None)
    intervals: list[StateInterval] = []
    for start, end in pairwise(bounds):
        covering = [alarm for alarm in usable if _covers(alarm, start, end)]
        if covering:
            worst = max(covering, key=lambda alarm: traits.badness(alarm.state))
            intervals.append(
                StateInterval(state=worst.state, message=worst.message, start=start, end=end)
            )
    return intervals


def runs(
    intervals: Sequence[StateInterval], condition: Transition, traits: SourceTraits
) -> Iterator[StateInterval]:
    """Yield the longest runs inside `to` that came from `from_`, each with its worst state.

    An unknown state ends a run, and is skipped when looking for what was before it.
    """
    run: list[StateInterval] = []
    before_run: str | None = None  # the last known state before the run
    last_known: str | None = None
    previous: StateInterval | None = None
    for interval in intervals:
        is_apart = previous is None or previous.end != interval.start
        if is_apart:
            last_known = None if interval.start is None else traits.good_state
        if run and (is_apart or interval.state not in condition.to):
            yield from _matching(run, before_run, condition, traits)
            run = []
        if interval.state in condition.to:
            before_run = before_run if run else last_known
            run.append(interval)
        if interval.state != model.UNKNOWN:
            last_known = interval.state
        previous = interval
    yield from _matching(run, before_run, condition, traits)


def _matching(
    run: list[StateInterval], was: str | None, condition: Transition, traits: SourceTraits
) -> Iterator[StateInterval]:
    if run and (condition.from_ is None or was is None or was in condition.from_):
        worst = max(run, key=lambda interval: traits.badness(interval.state))
        yield replace(worst, start=run[0].start, end=run[-1].end, was=was)


def _covers(alarm: model.AlarmRecord, start: datetime | None, end: datetime | None) -> bool:
    has_started = alarm.start is None or (start is not None and alarm.start <= start)
    goes_on = alarm.end is None or (end is not None and alarm.end >= end)
    return has_started and goes_on
