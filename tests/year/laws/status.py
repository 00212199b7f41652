"""The laws of `watcher status`: it never says fine while something cannot be told for a minute.

- a receiver is not fine while what is sent to it fails, while the broker is away, or while a thread
  does not show what polls have seen for longer than that takes;
- a source is not fine while it cannot be asked, and was not seen later than it has answered;
- nobody says that all is fine who cannot write to the database;
- in quiet times all is fine, nothing is pending, and as many incidents are open as a subscriber of
  MQTT sees;
- a question never has an internal error for an answer.

A fault that has just begun may not be known yet: a minute, as for people.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from tests.year.faults import BrokerFault, StoreFault, VendorFault, WrongClock
from tests.year.laws import messages
from tests.year.laws.plain import is_plain
from tests.year.laws.retained import unresolved
from tests.year.laws.spans import faults, outages
from tests.year.laws.timing import due, unsilenced
from tests.year.plan import DUTY, NOC, Plan
from tests.year.trace import Record, Trace

_MINUTE = timedelta(minutes=1)
_ROUNDING = timedelta(seconds=1)
_QUIET_AFTER = timedelta(minutes=90)  # a fault: a source that is asked seldom tries again late
_CHANNELS = {"noc": NOC, "duty": DUTY}
_SEEN_BY_VENDOR = {"down", "limited", "cut"}  # faults that an answer shows


def complaints(plan: Plan, trace: Trace) -> Iterator[str]:
    """Yield where an answer was wrong."""
    asked = list(trace.of("status"))
    for record in asked:
        if record.fields["code"] == 500:
            yield f"broken: status at {record.at}: {record.fields['report']['error']}"
    answers = [record for record in asked if record.fields["code"] == 200]
    for law in (_receivers, _broker, _not_shown, _sources, _database, _quiet):
        yield from law(plan, trace, answers)


def _receivers(plan: Plan, trace: Trace, answers: Sequence[Record]) -> Iterator[str]:
    """Yield where a channel is counted to be fine although what is sent there fails."""
    del plan
    for name, channel in _CHANNELS.items():
        writes = [r for r in trace.of("slack") if r.fields.get("channel", NOC) == channel]
        failing_since = _failing(writes, lambda write: _arrived(write.fields))
        for answer in answers:
            since = failing_since(answer.at)
            if since and _receiver_is_fine(answer, name):
                yield f"fine: {name} at {answer.at}, writes fail since {since}"


def _arrived(write: Any) -> bool:
    """Return whether Slack has done what it was asked: a look shows that, where no answer came.

    A refused edit is an answer.
    """
    return write["done"] or (write["answered"] and write["error"] == "edit_window_closed")


def _failing(
    attempts: Sequence[Record], succeeded: Callable[[Record], bool]
) -> Callable[[datetime], datetime | None]:
    """Return what says since when each attempt has failed, if that is for longer than a minute."""
    failed_since: list[datetime | None] = [None]  # after none, one, two ... of the attempts
    for attempt in attempts:
        failed_since.append(None if succeeded(attempt) else failed_since[-1] or attempt.at)

    def since(at: datetime) -> datetime | None:
        first = failed_since[_until(attempts, at)]
        return first if first and at - first > _MINUTE else None

    return since


def _until(records: Sequence[Record], at: datetime) -> int:
    """Return how many of the records, in the order of time, are not after a time."""
    return bisect_right(records, at, key=lambda record: record.at)


def _broker(plan: Plan, trace: Trace, answers: Sequence[Record]) -> Iterator[str]:
    del trace
    for fault in plan.faults:
        if not isinstance(fault, BrokerFault):
            continue
        for answer in answers:
            if fault.at + _MINUTE < answer.at < fault.until and _receiver_is_fine(answer, "mqtt"):
                yield f"fine: mqtt at {answer.at}, no broker since {fault.at}"


def _not_shown(plan: Plan, trace: Trace, answers: Sequence[Record]) -> Iterator[str]:
    """Yield where all is fine although no thread shows what is down, seen for long enough."""
    seen = {vendor: _seen(trace, vendor) for vendor in {c.vendor for c in plan.circuits}}
    for rule in faults(plan):
        for circuit in plan.circuits:
            if not is_plain(plan, circuit):
                continue
            records = messages.about(trace, circuit.name, NOC)
            records += messages.of_storms(trace, circuit.vendor)
            for outage in outages(plan, rule, circuit):
                seen_at = _first_seen(plan, seen[circuit.vendor], outage.begin)
                shown_by = seen_at + rule.hold + 2 * _MINUTE
                shown_by = unsilenced(plan, circuit, outage.begin, shown_by)
                for answer in answers:
                    if not shown_by < answer.at < outage.end or messages.shows(records, answer.at):
                        continue
                    is_fine = _receiver_is_fine(answer, "noc")
                    if is_fine and _source_is_fine(answer, circuit.vendor):
                        yield f"fine: all at {answer.at}, {circuit.name} is not shown"


def _seen(trace: Trace, vendor: str) -> list[Record]:
    """Return the polls of a vendor that arrived and could be read."""
    return [r for r in trace.of("polled") if r.fields["source"] == vendor and r.fields["whole"]]


def _first_seen(plan: Plan, polls: Sequence[Record], begin: datetime) -> datetime:
    """Return when a poll had seen what began, and nothing has delayed the rest but Slack."""
    for record in polls[_until(polls, begin) :]:  # none was answered before it was asked
        if record.fields["asked"] >= begin:
            return _undisturbed(plan, record.at)
    return plan.end


def _undisturbed(plan: Plan, at: datetime) -> datetime:
    """Return from when on a daemon goes on that was disturbed around a time."""
    for fault in plan.faults:
        if not isinstance(fault, BrokerFault | WrongClock) and fault.at <= at + _QUIET_AFTER:
            at = max(at, due(plan, fault.until, timedelta())) if fault.until >= at else at
    return at


def _sources(plan: Plan, trace: Trace, answers: Sequence[Record]) -> Iterator[str]:
    """Yield where a source is counted to be fine although its vendor does not answer."""
    for name in ("vyvx", "iod", "evpl"):
        polls = [record for record in trace.of("polled") if record.fields["source"] == name]
        failing_since = _failing(polls, lambda poll: not _refused(plan, poll))
        for answer in answers if polls else ():
            since = failing_since(answer.at)
            if since and _source_is_fine(answer, name):
                yield f"fine: {name} at {answer.at}, polls fail since {since}"
            seen = _of(answer, "sources", "source", name)["last_success"]
            if seen is None or _is_clock_wrong(plan, answer):
                continue
            before = _until(polls, answer.at)
            last = polls[before - 1].at if before else plan.begin
            if datetime.fromisoformat(seen) > last + _ROUNDING:
                yield f"untrue: {name} seen at {seen}, asked at {last}"


def _refused(plan: Plan, poll: Record) -> bool:
    """Return whether a vendor's answer shows that something is wrong."""
    asked = poll.fields["asked"]
    return any(
        isinstance(fault, VendorFault)
        and fault.kind in _SEEN_BY_VENDOR
        and fault.at <= asked < fault.until
        for fault in plan.faults
    )


def _database(plan: Plan, trace: Trace, answers: Sequence[Record]) -> Iterator[str]:
    del trace
    for fault in plan.faults:
        if not isinstance(fault, StoreFault) or fault.kind == "unsure":
            continue
        known_by = fault.at + 2 * plan.interval + _MINUTE
        for answer in answers:
            if known_by < answer.at < fault.until and _is_fine(answer):
                yield f"fine: all at {answer.at}, no database since {fault.at}"


def _quiet(plan: Plan, trace: Trace, answers: Sequence[Record]) -> Iterator[str]:
    open_at = unresolved(trace)
    for answer in answers:
        at, report = answer.at, answer.fields["report"]
        if any(fault.at <= at <= fault.until + _QUIET_AFTER for fault in plan.faults):
            continue
        if at - plan.begin < _MINUTE:
            continue
        for receiver in report["receivers"]:
            since = receiver["owed_since"]
            pending = since and at - datetime.fromisoformat(since) > _MINUTE
            if receiver["failing"] or receiver["remarks"] or pending:
                yield f"not fine: {receiver['name']} at {at} in quiet times: {receiver}"
        for source in report["sources"]:
            if not _source_is_fine(answer, source["source"]):
                yield f"not fine: {source['source']} at {at} in quiet times: {source['error']}"
        if any(daemon["leads"] for daemon in report["daemons"]):
            counted = report["open"] + report["acknowledged"]
            around = [open_at(at + wait) for wait in (-_MINUTE, timedelta(), _MINUTE)]
            if around[0] == around[1] == around[2] and counted != len(around[0]):
                yield f"untrue: {counted} incidents are open at {at}, retained are {around[0]}"
        else:
            yield f"not fine: nobody leads at {at} in quiet times"


def _is_clock_wrong(plan: Plan, answer: Record) -> bool:
    """Return whether a daemon had another time of day at that time, or shortly before."""
    return any(
        isinstance(fault, WrongClock) and fault.at <= answer.at <= fault.until + _QUIET_AFTER
        for fault in plan.faults
    )


def _is_fine(answer: Record) -> bool:
    report = answer.fields["report"]
    return all(_receiver_is_fine(answer, r["name"]) for r in report["receivers"]) and all(
        _source_is_fine(answer, source["source"]) for source in report["sources"]
    )


def _receiver_is_fine(answer: Record, name: str) -> bool:
    receiver = _of(answer, "receivers", "name", name)
    return not (receiver["failing"] or receiver["owed"] or receiver["remarks"])


def _source_is_fine(answer: Record, name: str) -> bool:
    source = _of(answer, "sources", "source", name)
    return bool(source["sight"] == "seen" and source["last_success"])


def _of(answer: Record, table: str, key: str, name: str) -> Any:
    """Return a row of an answer."""
    return next(row for row in answer.fields["report"][table] if row[key] == name)
