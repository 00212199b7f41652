"""The law of late reports about lines: what was full and is over by then is reported once.

Such a report says from when to when. A second one about the same line and any of the same minutes,
in another thread, tells people again what they know.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.year.faults import WrongClock
from tests.year.laws import messages
from tests.year.laws.timing import SLACK_TIME
from tests.year.plan import Line, Plan
from tests.year.trace import Record, Trace

_WITHIN = timedelta(hours=12)  # the time of day says which minutes are meant
_DAY, _SECOND = timedelta(days=1), timedelta(seconds=1)
_LATE = ("reported late", "meanwhile, ")
_TIME = r"((?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d) UTC"
_MINUTES = re.compile(f"{_TIME} (?:to|until at least) {_TIME}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a message says that a line was, from when to when."""

    thread: str
    at: datetime
    begin: datetime
    end: datetime
    clocks: tuple[timedelta, ...]  # that were days behind: by them the day may be another one

    def repeats(self, before: Report) -> bool:
        """Return whether an earlier report was about the same minutes."""
        return (
            self.at - before.at < _WITHIN
            and self.clocks == before.clocks
            and self.begin < before.end
            and before.begin < self.end
        )


def complaints(plan: Plan, trace: Trace) -> Iterator[str]:
    """Yield which lines were reported late once more."""
    kept = messages.kept(trace)
    for line in plan.lines:
        yield from _about(plan, trace, line, kept)


def _about(plan: Plan, trace: Trace, line: Line, kept: Mapping[str, datetime]) -> Iterator[str]:
    reports: list[Report] = []
    again: set[str] = set()  # threads
    for record in messages.about(trace, line.id):
        report = report_of(plan, record)
        if report is None or report.thread in again:
            continue
        # A message that cannot be edited any more gets a successor.
        others = [
            before
            for before in reports
            if before.thread != report.thread and kept.get(before.thread, report.at) >= report.at
        ]
        if any(report.repeats(before) for before in others):
            again.add(report.thread)
            minutes = f"{report.begin:%H:%M} to {report.end:%H:%M}"
            yield f"twice: {line.id} was full, {minutes}, reported late again at {record.at}"
        reports.append(report)


def report_of(plan: Plan, record: Record) -> Report | None:
    """Return what a new message reports late; None if it does not."""
    text = messages.text(record)
    if record.fields["method"] != "chat.postMessage" or not any(word in text for word in _LATE):
        return None
    minutes = _MINUTES.search(text)
    if minutes is None:
        return None
    begin = _time(minutes.group(1), record.at)
    return Report(
        thread=record.fields["thread_ts"] or record.fields["ts"],
        at=record.at,
        begin=begin,
        end=_time(minutes.group(2), begin + _DAY - _SECOND),
        clocks=_clocks_behind(plan, record.at),
    )


def _time(shown: str, latest: datetime) -> datetime:
    """Return what a time means: one without a date is the last such time of day by `latest`."""
    if "-" in shown:
        return datetime.fromisoformat(shown).replace(tzinfo=latest.tzinfo)
    time_of_day = datetime.fromisoformat(f"{latest:%Y-%m-%d} {shown}").replace(tzinfo=latest.tzinfo)
    return time_of_day if time_of_day <= latest else time_of_day - _DAY


def _clocks_behind(plan: Plan, at: datetime) -> tuple[timedelta, ...]:
    return tuple(
        fault.by
        for fault in plan.faults
        if isinstance(fault, WrongClock)
        and fault.by <= -_WITHIN
        and fault.at <= at <= fault.until + plan.watch + SLACK_TIME
    )
