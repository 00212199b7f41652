"""The laws of `watcher why`: it can always answer, and it says what the vendor did.

- a question never has an internal error for an answer, and in quiet times always has one;
- the state of a circuit is the vendor's, since a poll that could see it, or that lists it anew;
- once a poll has seen an outage, a rule waits for it or fires; once people must know of it, there
  is an incident, and what is up again has neither;
- an incident can be explained while anybody sees it: by which rule, since when, and that people
  were notified, which they were, or what keeps them from it, which there was.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from tests.year.faults import VendorFault
from tests.year.laws import answers
from tests.year.laws.bookings import is_booked
from tests.year.laws.calendar import openings
from tests.year.laws.hours import has_hours
from tests.year.laws.spans import Outage, faults, outages
from tests.year.laws.timing import due, is_clock_wrong
from tests.year.laws.works import is_planned
from tests.year.peers import iod
from tests.year.peers.refusals import PARTIAL_STEP
from tests.year.plan import NOC, Circuit, Form, Plan, Rule, Silence, Status
from tests.year.trace import Record, Trace

_TAKEN_IN = timedelta(seconds=3)  # what a poll has seen, at most
_ROUNDING = timedelta(seconds=1)
_FORGOTTEN_AFTER = 2  # polls that do not list it


def complaints(plan: Plan, trace: Trace) -> Iterator[str]:
    """Yield where an answer was missing or wrong."""
    circuits = {circuit.id: circuit for circuit in plan.circuits}
    posted = {record.fields["ts"] for record in trace.of("slack") if record.fields["done"]}
    polls = list(trace.of("polled"))
    for record in trace.of("why"):
        circuit = circuits[record.fields["circuit"]]
        yield from _About(plan, circuit, record, polls, posted).complaints()


class _About:
    """One question, and the answers."""

    def __init__(
        self,
        plan: Plan,
        circuit: Circuit,
        record: Record,
        polls: Sequence[Record],
        posted: set[str],
    ) -> None:
        self._plan = plan
        self._circuit = circuit
        self._at: datetime = record.fields["asked"]
        self._record = record
        self._polls = polls
        self._posted = posted
        self._of = f"{circuit.name} at {self._at}"

    def complaints(self) -> Iterator[str]:
        """Yield what was wrong with the answers."""
        fields = self._record.fields
        yield from answers.refused(self._plan, self._record, self._circuit.subject)
        if fields["code"] != 200:
            return
        lines = fields["answer"]["why"]
        yield from self._about_state(lines)
        if is_booked(self._plan, self._circuit) or has_hours(self._plan, self._circuit):
            return
        spans = [
            (rule, outage)
            for rule in faults(self._plan)
            for outage in outages(self._plan, rule, self._circuit)
        ]
        live = [line for line in lines if line.startswith("rule ") and _is_live(line)]
        yield from self._about_rules(spans, live)
        if fields["incident_code"] == 200:
            yield from self._about_incident(spans, live, fields["incident_answer"]["why"])

    def _about_state(self, lines: Sequence[str]) -> Iterator[str]:
        """Yield where the state is another one, or since another time."""
        changes = [
            fact
            for fact in self._plan.statuses
            if fact.circuit == self._circuit.id and fact.at <= self._at
        ]
        fact = changes[-1] if changes else None
        begin = fact.at if fact else self._plan.begin
        known_by = self._seen_by(begin)
        if known_by >= self._at or is_clock_wrong(self._plan, begin, self._at):
            return
        state = _word(self._circuit, fact)
        if f" {state}," not in f"{lines[0]},":
            yield f"untrue: why {self._of} says {lines[0]!r}, it is {state} since {begin}"
        elif fact and not self._may_be_since(answers.since(lines[1]), changes, known_by):
            yield f"untrue: why {self._of} says {lines[1]!r}, it is {state} since {begin}"

    def _may_be_since(self, since: datetime, changes: Sequence[Status], known_by: datetime) -> bool:
        """Return whether it can have been in this state since then, as far as Watcher can know."""
        earliest = self._same_since(changes)
        if earliest - _ROUNDING <= since <= known_by:
            return True
        if is_clock_wrong(self._plan, earliest, self._at):
            return True  # a change that no poll saw sets no time that was kept right
        return any(
            poll.fields["asked"] - _ROUNDING <= since <= poll.at + _TAKEN_IN
            for poll in self._listed_again()
        )

    def _listed_again(self) -> Iterator[Record]:
        """Yield the polls that list it after two that did not: it was forgotten, and is new."""
        place = self._plan.circuits_of(self._circuit.vendor).index(self._circuit)
        missed = 0
        for poll in self._polls if place % PARTIAL_STEP else ():
            if poll.fields["source"] != self._circuit.vendor:
                continue
            kind = "" if poll.fields["whole"] else _spoilt(self._plan, poll.fields["asked"])
            if kind == "partial":
                missed += 1
            elif kind in ("", "old"):
                if missed >= _FORGOTTEN_AFTER:
                    yield poll
                missed = 0

    def _seen_by(self, at: datetime) -> datetime:
        """Return by when Watcher knows what changed: by the first poll that saw it, if it may."""
        is_quiet = not any(
            fault.at <= self._at and fault.until + answers.QUIET_AFTER >= at
            for fault in self._plan.faults
        )
        for poll in self._polls if is_quiet else ():
            if poll.fields["source"] == self._circuit.vendor and poll.fields["asked"] >= at:
                return poll.at + _TAKEN_IN
        return due(self._plan, at, _ZERO)

    def _same_since(self, changes: Sequence[Status]) -> datetime:
        """Return since when no other state than the last one was seen for sure."""
        first = Status(at=self._plan.begin, circuit=self._circuit.id, state="online")
        *before, last = (first, *changes)
        since = last.at
        while before:
            other = before.pop()
            if other.state == last.state:
                since = other.at
            elif self._seen_by(other.at) <= since:
                break
        return since

    def _about_rules(
        self, spans: Sequence[tuple[Rule, Outage]], live: Sequence[str]
    ) -> Iterator[str]:
        """Yield where no rule is at work on what is down, or one on what is up."""
        may_be_live = False
        for rule, outage in spans:
            over_by = due(self._plan, outage.end, rule.keep)
            may_be_live = may_be_live or outage.begin <= self._at <= over_by
            if not outage.begin <= self._at < outage.end:
                continue
            names = tuple(f"rule {r.name}-" for r in self._plan.rules if set(r.to) & set(rule.to))
            of_rule = [line for line in live if line.startswith(names)]
            if self._seen_by(outage.begin) < self._at and not of_rule:
                yield f"unexplained: {self._of} is down since {outage.begin}, by no rule"
            shown_by = due(self._plan, outage.begin, rule.hold)
            if shown_by < self._at and not any("incident " in line for line in of_rule):
                yield f"unexplained: {self._of} is down since {outage.begin}, without an incident"
        if live and not may_be_live:
            yield f"untrue: why {self._of} says {live[0]!r} of what is up"

    def _about_incident(
        self, spans: Sequence[tuple[Rule, Outage]], live: Sequence[str], lines: Sequence[str]
    ) -> Iterator[str]:
        """Yield where it is notified otherwise than it was."""
        is_open = any(word in lines[1] for word in answers.LIVE)
        if "Storm on" in lines[0]:
            return
        names = [f"by rule {rule.name}-{self._circuit.vendor}:" for rule in self._plan.rules]
        if not any(name in lines[1] for name in names):
            yield f"unexplained: incident of {self._of}, {lines[1]!r} names no rule"
        if not live and is_open:
            ends = [due(self._plan, outage.end, rule.keep) for rule, outage in spans]
            if all(end < self._at for end in ends):
                yield f"untrue: incident of {self._of} is up, {lines[1]!r}"
        if not any(line.endswith(f"incident {self._record.fields['incident']}") for line in live):
            return
        if not is_open:
            yield f"untrue: incident of {self._of} has ended, {lines[1]!r}"
        yield from self._began(spans, lines[1])
        if all(
            due(self._plan, outage.begin, rule.hold) < self._at
            for rule, outage in spans
            if outage.begin <= self._at < outage.end
        ):
            yield from self._notified(lines)

    def _began(self, spans: Sequence[tuple[Rule, Outage]], line: str) -> Iterator[str]:
        began = answers.since(line)
        lasting = (o.begin for r, o in spans if due(self._plan, o.end, r.keep) >= self._at)
        if is_clock_wrong(self._plan, min(lasting, default=began), self._at):
            return
        # Where nobody could look for a while, `for` begins again.
        if not any(
            outage.begin - _ROUNDING <= began <= due(self._plan, outage.begin, rule.hold)
            for rule, outage in spans
        ):
            yield f"untrue: incident of {self._of}, {line!r}, and nothing failed then"

    def _notified(self, lines: Sequence[str]) -> Iterator[str]:
        """Yield where it neither says that people were notified nor what keeps them from it."""
        notified = [match for line in lines if (match := answers.POSTED.search(line))]
        is_silenced, is_works = "it is silenced" in lines, _any(lines, "it belongs to planned")
        for match in notified:
            if match.group(1) != NOC or match.group(2) not in self._posted:
                yield f"untrue: incident of {self._of}, {match.group()!r} is no message"
        if is_silenced and not self._may_be_silenced():
            yield f"untrue: incident of {self._of} is silenced, and nobody silenced it"
        if is_works and not is_planned(self._plan, self._circuit):
            yield f"untrue: incident of {self._of} is planned, and nobody announced it"
        if not (notified or is_silenced or is_works):
            yield f"unexplained: {self._of} is down, neither notified nor held back: {lines}"

    def _may_be_silenced(self) -> bool:
        """Return whether there was a silence or a window of it by then."""
        silences = [
            fact.at
            for fact in self._plan.facts
            if isinstance(fact, Silence | Form) and fact.circuit == self._circuit.id
        ]
        for window in self._plan.windows:
            if window.circuit == self._circuit.id:
                silences += [begin for begin, _ in openings(self._plan, window)]
        return any(begin <= self._at for begin in silences)


_ZERO = timedelta()


def _word(circuit: Circuit, fact: Status | None) -> str:
    """Return what the vendor calls a state."""
    state = fact.state if fact else "online"
    return f"status {iod.STATUSES[state]}" if circuit.vendor == "iod" else f"state {state}"


def _spoilt(plan: Plan, at: datetime) -> str:
    """Return what was wrong with the vendor."""
    faults = (fault for fault in plan.faults if isinstance(fault, VendorFault))
    return next((fault.kind for fault in faults if fault.at <= at < fault.until), "")


def _is_live(line: str) -> bool:
    return ": pending since" in line or ": firing since" in line


def _any(lines: Sequence[str], words: str) -> bool:
    return any(words in line for line in lines)
