"""The laws of storms: when many circuits fail at once, they are one thread, not many.

Such a thread says how many they are, not always which, so that what is asked of it are sums:

- nobody reads more threads of their own about what failed together than a storm needs to begin;
- what it says is as many as are down and have no thread of their own, whether they come back one by
  one or together;
- its list names each of them, also who joins later, and it is not over while one of them is down;
- it calls somebody else if nobody acknowledges it, and nobody if somebody does.

Which circuit is down, or up again, is told as of any other: laws/states.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from tests.year.faults import VendorFault
from tests.year.laws import messages
from tests.year.laws.people import answers_of
from tests.year.laws.plain import is_plain
from tests.year.laws.spans import Outage, faults, outages
from tests.year.laws.timing import due
from tests.year.plan import DUTY, Circuit, Plan, Reload, Rule, Silence
from tests.year.trace import Record, Trace

_COUNT = re.compile(r"([\d,]+) alerts?\b")
_INCIDENT = re.compile(r"\bw-\w+")
_TOGETHER = timedelta(seconds=1)  # what fails within it is seen by the same poll, or nearly
_REOPENS = timedelta(minutes=15)  # a thread of its own, after what it was about
_ON_THE_WAY = timedelta(seconds=30)  # a command, and its answer
_LISTED = timedelta(minutes=1)  # after nobody has joined for half a minute
_MOST_LISTS = 3


def complaints(plan: Plan, trace: Trace) -> Iterator[str]:
    """Yield what was wrong about storms."""
    records = messages.of_storms(trace, "vyvx")
    for rule in faults(plan):
        about = _About(plan, trace, rule, records)
        yield from about.bursts()
        if records:
            yield from about.counts()
            yield from about.lists()
            yield from about.late_joiners()
            yield from about.all_clears()
            yield from about.escalation()
    yield from messages.repetitions(records, "a storm", messages.kept(trace))


class _About:
    """The circuits of Vyvx under one rule."""

    def __init__(self, plan: Plan, trace: Trace, rule: Rule, records: Sequence[Record]) -> None:
        self._plan = plan
        self._trace = trace
        self._rule = rule
        self._records = records
        self._circuits = plan.circuits_of("vyvx")
        self._own = {c.id: messages.about(trace, c.name) for c in self._circuits}
        self._outages = {c.id: outages(plan, rule, c) for c in self._circuits}
        quiet = {window.circuit for window in plan.windows}
        self._plain = [c for c in self._circuits if c.id not in quiet and is_plain(plan, c)]
        self._silences = [fact for fact in plan.facts if isinstance(fact, Silence)]

    def bursts(self) -> Iterator[str]:
        """Yield where too many have a thread of their own."""
        begins = sorted({outage.begin for c in self._plain for outage in self._outages[c.id]})
        for begin in begins:
            by = due(self._plan, begin, self._rule.hold)
            together = [c for c in self._plain if self._newly_fails(c, begin, by)]
            if len(together) <= self._plan.storm or self._is_partly_seen(begin, by):
                continue
            apart = [c.name for c in together if self._has_opened(c, begin, by)]
            if len(apart) > self._plan.storm:
                names = ", ".join(apart)
                yield f"many threads: {names} failed together at {begin}, each has its own"

    def _newly_fails(self, circuit: Circuit, begin: datetime, by: datetime) -> bool:
        """Return whether a circuit fails at a time, for long, and was up for long before."""
        before = begin - _REOPENS - (by - begin)
        return any(
            begin <= outage.begin <= begin + _TOGETHER
            and by < outage.end
            and not any(o.begin < begin and o.end > before for o in self._outages[circuit.id])
            for outage in self._outages[circuit.id]
        ) and not self._is_silenced(circuit, begin, by)

    def _is_partly_seen(self, begin: datetime, by: datetime) -> bool:
        return any(
            isinstance(fault, VendorFault) and fault.at <= by and fault.until >= begin
            for fault in self._plan.faults
        )

    def _has_opened(self, circuit: Circuit, begin: datetime, by: datetime) -> bool:
        return any(
            begin <= record.at <= by
            and record.fields["method"] == "chat.postMessage"
            and not record.fields["thread_ts"]
            for record in self._own[circuit.id]
        )

    def counts(self) -> Iterator[str]:
        """Yield where a storm says another number than there are."""
        changes = sorted({fact.at for fact in self._plan.statuses})
        hold = max(self._rule.hold, self._rule.keep)
        for change, following in zip(changes, [*changes[1:], self._plan.end], strict=True):
            at = due(self._plan, change, hold)
            if at >= following:
                continue
            count = sum(_count(record) for record in messages.shown(self._records, at))
            down = [c for c in self._circuits if self._is_down(c, at)]
            alone = [c for c in down if messages.shows(self._own[c.id], at)]
            unsure = [c for c in down if c not in self._plain or self._is_silenced(c, at, at)]
            least = len([c for c in down if c not in alone and c not in unsure])
            most = len(down) - len([c for c in alone if c not in unsure])
            if not least <= count <= most:
                yield f"count: a storm says {count} at {at}, it was about {least} to {most}"

    def lists(self) -> Iterator[str]:
        """Yield who is not in the list of a storm."""
        for record in self._records:
            if record.fields["method"] != "files.completeUploadExternal":
                continue
            for circuit in self._part_of_it(record.at):
                if circuit.name not in messages.text(record):
                    yield f"list: {circuit.name} is not in the list at {record.at}"

    def late_joiners(self) -> Iterator[str]:
        """Yield who joined a storm that had its list by then, and is in no list of it.

        The list comes again once nobody has joined for half a minute, and three times at most.
        """
        begins = sorted({o.begin for c in self._plain for o in self._outages[c.id]})
        lists = [r for r in self._records if r.fields["method"] == "files.completeUploadExternal"]
        for begin, following in zip(begins, [*begins[1:], self._plan.end], strict=True):
            by = due(self._plan, begin, self._rule.hold + _LISTED)
            shown = {record.fields["ts"] for record in messages.shown(self._records, by)}
            of_it = [r for r in lists if r.at <= by and r.fields["thread_ts"] in shown]
            if following <= by + _LISTED or not shown or len(of_it) >= _MOST_LISTS:
                continue
            for circuit in self._part_of_it(by):
                if not any(circuit.name in messages.text(record) for record in of_it):
                    yield f"list: {circuit.name} is in no list by {by}"

    def all_clears(self) -> Iterator[str]:
        """Yield where a storm is called over though it is not."""
        for record in messages.all_clears(self._records):
            if not record.fields["thread_ts"]:
                for circuit in self._part_of_it(record.at):
                    yield f"false all-clear: a storm at {record.at}, {circuit.name} is down"

    def _part_of_it(self, at: datetime) -> Iterator[Circuit]:
        """Yield the circuits that are down at a time, known to be so, and have no other thread."""
        for circuit in self._plain:
            outage = _down(self._outages[circuit.id], at)
            if outage is None or due(self._plan, outage.begin, self._rule.hold) > at:
                continue
            own = [record for record in self._own[circuit.id] if record.at < at]
            if not messages.shows(own, at) and not self._is_silenced(circuit, outage.begin, at):
                yield circuit

    def escalation(self) -> Iterator[str]:
        """Yield where somebody else was called in vain, or should have been."""
        called = [
            record
            for record in messages.of_storms(self._trace, "vyvx", DUTY)
            if not record.fields["thread_ts"]
        ]
        is_changed = any(isinstance(fact, Reload) for fact in self._plan.facts)
        for first in self._records if self._rule.escalate and not is_changed else ():
            if messages.opens_thread(first) and messages.is_down(first):
                yield from self._about_call(first, called)

    def _about_call(self, first: Record, called: Sequence[Record]) -> Iterator[str]:
        ended, pressed = self._ended(first), self._pressed(first)
        by = due(self._plan, first.at, self._rule.escalate)
        was_called = any(first.at <= record.at <= by for record in called)
        is_held_back = any(s.at < ended and s.until > first.at for s in self._silences)
        if by < ended and not pressed and not was_called and not is_held_back:
            yield f"not called: a storm was open from {first.at} on, none by {by}"
        acked_at = self._acknowledged_at(pressed)
        if acked_at is None or acked_at >= first.at + self._rule.escalate:
            return
        for record in called:
            if acked_at < record.at < ended:
                yield f"called: a storm at {record.at}, acknowledged by {acked_at}"

    def _acknowledged_at(self, pressed: Sequence[Record]) -> datetime | None:
        """Return by when somebody's acknowledgement had arrived, and nobody took it back."""
        answers = answers_of(self._trace)
        if any(press.fields["verb"] == "unack" for press in pressed):
            return None
        for press in pressed:
            if press.fields["verb"] == "ack" and answers.get(press.fields["id"], {}).get("ok"):
                return max(press.at + _ON_THE_WAY, due(self._plan, press.at, timedelta()))
        return None

    def _ended(self, first: Record) -> datetime:
        """Return when a thread first said that it was over."""
        ts = first.fields["ts"]
        ends = (r.at for r in self._records if r.fields["ts"] == ts and not messages.is_down(r))
        return min(ends, default=self._plan.end)

    def _pressed(self, first: Record) -> list[Record]:
        """Return what was pressed for the incident of a thread, which its first text names."""
        match = _INCIDENT.search(messages.text(first))
        identity = match.group() if match else ""
        return [r for r in self._trace.of("pressed") if r.fields["incident"] == identity]

    def _is_down(self, circuit: Circuit, at: datetime) -> bool:
        return _down(self._outages[circuit.id], at) is not None

    def _is_silenced(self, circuit: Circuit, begin: datetime, end: datetime) -> bool:
        """Return whether a silence may have held a circuit's own thread back until then."""
        outage = _down(self._outages[circuit.id], end)
        since = min(begin, outage.begin) if outage else begin
        return any(
            silence.circuit == circuit.id and silence.at <= end and silence.until >= since
            for silence in self._silences
        )


def _down(spans: Sequence[Outage], at: datetime) -> Outage | None:
    return next((span for span in spans if span.begin <= at < span.end), None)


def _count(record: Record) -> int:
    """Return of how many a storm's first message speaks."""
    match = _COUNT.search(messages.text(record))
    return int(match.group(1).replace(",", "")) if match else 0
