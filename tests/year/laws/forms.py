"""The laws of forms in Slack: who silences a circuit by one is answered, and has their way.

- a press opens its form, and what is filled in is answered, within seconds unless something breaks;
- what is asked for while a circuit is down is done, once, and ends when it was asked to;
- nobody is disturbed under a silence; what is down after it is said again;
- what was not silenced is shown, and what is up again is not.

A silence ends by the time of day: nothing is said of one during which a daemon's clock was wrong,
nor of one whose answer did not come, or came about while something broke.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.year.faults import BrokerFault
from tests.year.laws import messages
from tests.year.laws.spans import Outage, outages
from tests.year.laws.timing import due, is_clock_wrong
from tests.year.plan import DUTY, Circuit, Form, Plan
from tests.year.trace import Record, Trace

_SOON = timedelta(seconds=10)  # Slack's 3, and the way there and back
_AROUND = timedelta(minutes=6)  # a fault, for which a form may fare otherwise
_LENGTHS = {"30m": 0.5, "1h": 1.0, "4h": 4.0}  # hours
_LONGEST = timedelta(days=7)  # until something is resolved
_ROUNDING = timedelta(minutes=1)
_DONE = {"silence": "silenced", "unsilence": "silence ended"}


def has_forms(plan: Plan, circuit: Circuit) -> bool:
    """Return whether somebody silences a circuit by a form."""
    return any(isinstance(fact, Form) and fact.circuit == circuit.id for fact in plan.facts)


def complaints(plan: Plan, trace: Trace) -> Iterator[str]:
    """Yield what was wrong about each circuit that somebody silences by forms."""
    for circuit in plan.circuits:
        if has_forms(plan, circuit):
            yield from _About(plan, trace, circuit).complaints()


@dataclass(frozen=True, slots=True)
class _Silence:
    """From when to when a circuit was silenced; not `is_sure` where it may have been."""

    begin: datetime
    end: datetime
    is_sure: bool = True


@dataclass(frozen=True, slots=True)
class _Asked:
    """What became of one form."""

    form: Form
    by: str
    sent_at: datetime
    answered_at: datetime | None
    text: str
    is_calm: bool


class _About:
    """A circuit that somebody silences by forms, under the first rule."""

    def __init__(self, plan: Plan, trace: Trace, circuit: Circuit) -> None:
        self._plan = plan
        self._trace = trace
        self._rule = plan.rules[0]
        self._circuit = circuit
        self._records = messages.about(trace, circuit.name)
        self._called = messages.about(trace, circuit.name, DUTY)
        self._of_storms = messages.of_storms(trace, circuit.vendor)
        self._outages = outages(plan, self._rule, circuit)
        self._asked = list(self._all_asked())
        self._silences = self._all_silences()

    def complaints(self) -> Iterator[str]:
        """Yield what was wrong."""
        yield from self._about_presses()
        yield from self._about_answers()
        yield from self._about_ends()
        yield from self._disturbances()
        for number, outage in enumerate(self._outages):
            yield from self._about_outage(outage)
            following = self._outages[number + 1 : number + 2]
            over_by = due(self._plan, outage.end, self._rule.keep)
            until = following[0].begin if following else self._plan.end
            if over_by < until and messages.shows(self._records, over_by):
                yield f"untrue: {self._circuit.name} was up from {outage.end} on, still down"
        kept = messages.kept(self._trace)
        yield from messages.repetitions(self._records, self._circuit.name, kept)

    def _all_asked(self) -> Iterator[_Asked]:
        """Yield the forms that were sent off, with the answer that says that it is done."""
        for number, form in enumerate(self._plan.facts):
            if not isinstance(form, Form) or form.circuit != self._circuit.id:
                continue
            identity = f"form-{number}"
            sent = [r for r in self._of(identity, "sent off") if r.fields["arrived"]]
            if not sent:
                continue
            done = [
                record
                for record in self._of(identity, "answered")
                if _DONE[form.what] in record.fields["text"]
                and "Nothing is silenced" not in record.fields["text"]
            ]
            answers = done or self._of(identity, "answered", "refused")
            yield _Asked(
                form,
                sent[-1].fields["by"],
                sent[-1].at,
                done[0].at if done else None,
                str((answers or sent)[0].fields),
                # Where another daemon leads, it says that it waits for that one.
                self._plan.daemons == 1 and self._is_calm(form.at, sent[-1].at + _SOON),
            )

    def _of(self, identity: str, *kinds: str) -> list[Record]:
        return [r for r in self._trace.of(*kinds) if r.fields["id"] == identity]

    def _all_silences(self) -> list[_Silence]:
        """Return when it was silenced, for sure or perhaps."""
        silences: list[_Silence] = []
        for asked in self._asked:
            at = asked.answered_at
            if asked.form.what == "unsilence":
                silences = [part for s in silences for part in _ended(s, asked.sent_at, at)]
                continue
            end = self._end(asked)
            late = due(self._plan, end, self._rule.keep)
            if at is None or is_clock_wrong(self._plan, asked.sent_at, end):
                silences.append(_Silence(asked.sent_at, late, is_sure=False))
                continue
            silences.append(_Silence(asked.sent_at, at, is_sure=False))
            silences.append(_Silence(at, end))
            if asked.form.length == "resolved" and asked.form.until is None:
                silences.append(_Silence(end, late, is_sure=False))
        return silences

    def _end(self, asked: _Asked) -> datetime:
        form = asked.form
        if form.until is not None:
            return form.until
        if form.length in _LENGTHS:
            return asked.sent_at + timedelta(hours=_LENGTHS[form.length])
        # Of a circuit that is up already its incident may be resolved at any moment.
        ends = (o.end for o in self._outages if o.begin <= asked.sent_at < o.end)
        return next(ends, asked.sent_at)

    def _about_presses(self) -> Iterator[str]:
        for record in self._trace.of("asked"):
            by = record.at + _SOON
            if not record.fields["arrived"] or not self._is_calm(record.at, by):
                continue
            if by < self._plan.end and not self._of(record.fields["id"], "opened", "answered"):
                yield f"no form: {record.fields['form']} at {record.at}"

    def _about_answers(self) -> Iterator[str]:
        """Yield where something was not done, though it was asked for while it was down."""
        for asked in self._asked:
            if asked.answered_at is not None or not asked.is_calm:
                continue
            form, at = asked.form, asked.sent_at
            if form.what == "unsilence" and not self._is_sure(form.at, at):
                continue
            if any(o.begin < form.at and at + _SOON < o.end for o in self._outages):
                yield f"form: {form.what} by {asked.by} at {at} was not done: {asked.text}"

    def _about_ends(self) -> Iterator[str]:
        """Yield where a silence was added twice, or ends at another time than was asked for."""
        listed = self._listed()
        for asked in (asked for asked in self._asked if asked.form.what == "silence"):
            of_it = [silence for silence in listed if silence["by"] == asked.by]
            if len(of_it) > 1:
                yield f"twice: {len(of_it)} silences by {asked.by} at {asked.sent_at}"
            if is_clock_wrong(self._plan, asked.sent_at, asked.sent_at) or not asked.is_calm:
                continue
            if not of_it and asked.answered_at and not self._is_broker_gone(asked.sent_at):
                yield f"form: the silence by {asked.by} at {asked.sent_at} is not listed"
            is_until = asked.form.length == "resolved" and asked.form.until is None
            end = asked.sent_at + _LONGEST if is_until else self._end(asked)
            for silence in of_it:
                if abs(datetime.fromisoformat(silence["end"]) - end) > _ROUNDING:
                    yield f"form: the silence by {asked.by} ends at {silence['end']}, not at {end}"

    def _listed(self) -> list[dict[str, Any]]:
        """Return the silences that a subscriber of MQTT has heard of, as each was at first."""
        listed: dict[str, dict[str, Any]] = {}
        for record in self._trace.of("mqtt"):
            if record.fields["topic"] == "watcher/silences":
                for silence in json.loads(record.fields["payload"])["silences"]:
                    listed.setdefault(silence["id"], silence)
        return list(listed.values())

    def _disturbances(self) -> Iterator[str]:
        """Yield what was posted about it under a silence."""
        for record in (*self._records, *self._called):
            if not messages.opens_thread(record) or not self._is_calm(record.at, record.at):
                continue
            for silence in self._silences:
                if silence.is_sure and silence.begin < record.at < silence.end - _ROUNDING:
                    yield f"disturbed: {self._circuit.name} at {record.at}, silenced by a form"

    def _about_outage(self, outage: Outage) -> Iterator[str]:
        """Yield where it was not shown although nothing silenced it, or not said again after."""
        name, ends = self._circuit.name, [s.end for s in self._silences if s.is_sure]
        for at in sorted({outage.begin, *(end for end in ends if outage.begin < end < outage.end)}):
            by = due(self._plan, at, self._rule.hold)
            just_after = at + timedelta(microseconds=1)
            if by >= outage.end or self._is_silenced(just_after, by):
                continue
            if not messages.shows([*self._records, *self._of_storms], by):
                yield f"lost: {name} was down from {outage.begin} on, not shown by {by}"
            elif at > outage.begin and not self._is_said(at - _ROUNDING, by):
                yield f"lost: {name} was down after its silence, not said between {at} and {by}"

    def _is_said(self, begin: datetime, end: datetime) -> bool:
        return any(
            begin <= record.at <= end and record.fields["method"] == "chat.postMessage"
            for record in (*self._records, *self._called, *self._of_storms)
        )

    def _is_silenced(self, begin: datetime, end: datetime) -> bool:
        """Return whether it may be silenced at some time."""
        return any(s.begin <= end and s.end >= begin for s in self._silences)

    def _is_sure(self, begin: datetime, end: datetime) -> bool:
        """Return whether it is silenced for sure from a time to another."""
        return any(s.is_sure and s.begin <= begin and end <= s.end for s in self._silences)

    def _is_calm(self, begin: datetime, end: datetime) -> bool:
        faults = self._plan.faults
        return not any(fault.at <= end and fault.until + _AROUND >= begin for fault in faults)

    def _is_broker_gone(self, at: datetime) -> bool:
        by = due(self._plan, at, timedelta())
        return any(
            isinstance(fault, BrokerFault) and fault.at <= by and fault.until >= at
            for fault in self._plan.faults
        )


def _ended(silence: _Silence, asked_at: datetime, done_at: datetime | None) -> Iterator[_Silence]:
    """Yield what is left of a silence that somebody ends, as far as an answer says so."""
    if not silence.begin <= asked_at < silence.end:
        yield silence
    elif done_at is not None:
        yield _Silence(silence.begin, done_at, silence.is_sure)
    else:
        yield _Silence(silence.begin, asked_at, silence.is_sure)
        yield _Silence(asked_at, silence.end, is_sure=False)
