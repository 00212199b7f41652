"""What came of a test against what was expected, in words. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from watcher import engine, model
from watcher.rule_tests import schema
from watcher.rule_tests.load import Written
from watcher.ruleset.problems import Place


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as expected, in words."""

    place: Place
    at: timedelta
    section: str
    text: str

    def __str__(self) -> str:
        """Write it as compilers do."""
        return f"{self.place}: at {compact(self.at)}: {self.section}: {self.text}"


def find(account: engine.Outcome, act: schema.Act) -> str | None:
    """Find the incident that a person means: the last one of the rule and the subject."""
    for identity, incident in reversed(account.incidents.items()):
        subjects = {subject for _, subject in account.members[identity]}
        if incident.rule == act.rule and (act.subject is None or act.subject in subjects):
            return identity
    return None


def evaluate(
    written: Written, number: int, state: engine.State, account: engine.Outcome
) -> Iterator[Difference]:
    """Hold one expectation against the state; whoever reads it to its end has been told."""
    expected = written.test.expect[number]

    def differ(section: str, texts: Iterable[str], *inside: int) -> Iterator[Difference]:
        place = written.place("expect", number, section, *inside)
        return (Difference(place, expected.at, section, text) for text in texts)

    for section, alerts in (("pending", expected.pending), ("firing", expected.firing)):
        if alerts is not None:
            yield from differ(section, _alerts(state, section, alerts, written.test))
    if expected.incidents is not None:
        there = [*account.incidents.values()]
        for item, wanted in enumerate(expected.incidents):
            is_now = _shown(there[item], account, written.test) if item < len(there) else None
            yield from differ("incidents", _incident(wanted, is_now), item)
        surplus = there[len(expected.incidents) :]
        yield from differ("incidents", (_surplus(each, written.test) for each in surplus))
    if expected.told is not None:
        yield from differ("told", _told(account, expected.told, written.test))
        account.told.clear()


def _alerts(
    state: engine.State, section: str, expected: Mapping[str, Sequence[str]], test: schema.Test
) -> Iterator[str]:
    wanted = {(rule, key) for rule, keys in expected.items() for key in keys}
    known = {alert.key: alert for alerts in state.alerts.values() for alert in alerts.values()}
    there = {key for key, alert in known.items() if alert.state == section}
    for rule, subject in sorted(wanted - there):
        now = known.get((rule, subject))
        is_now = "inactive" if now is None else _alert(now, test)
        yield f"expected {rule} on {subject}; it is {is_now}"
    for key in sorted(there - wanted):
        yield f"not expected: {key[0]} on {key[1]}, {_alert(known[key], test)}"


def _alert(alert: model.Alert, test: schema.Test) -> str:
    due = f", due at {compact(alert.due - test.start)}" if alert.due else ""
    return f"{alert.state} since {compact(alert.since - test.start)}{due}"


def _incident(wanted: schema.Incident, is_now: Mapping[str, object] | None) -> Iterator[str]:
    if is_now is None:
        yield f"expected another incident, of {wanted.rule}; there is none"
        return
    for name, value in wanted.model_dump(exclude_none=True).items():
        if value != is_now[name]:
            yield f"{name}: expected {_said(value)}, is {_said(is_now[name])}"


def _surplus(incident: model.Incident, test: schema.Test) -> str:
    opened = compact(incident.opened_at - test.start)
    return f"not expected: {incident.rule}, opened at {opened}: {incident.title}"


def _shown(
    incident: model.Incident, account: engine.Outcome, test: schema.Test
) -> dict[str, object]:
    return {
        "rule": incident.rule,
        "subjects": tuple(sorted({subject for _, subject in account.members[incident.id]})),
        "status": incident.status,
        "resolution": incident.resolution,
        "severity": incident.severity,
        "title": incident.title,
        "summary": incident.summary,
        "fault_domain": incident.fault_domain,
        "flags": incident.flags,
        "notify": incident.receivers,
        "runbook": incident.runbook,
        "acknowledged_by": incident.acknowledged_by,
        "remedy": incident.remedy and incident.remedy.status,
        "opened": incident.opened_at - test.start,
        "resolved": incident.resolved_at and incident.resolved_at - test.start,
    }


def _said(value: object) -> str:
    match value:
        case timedelta():
            return compact(value)
        case tuple():
            return f"[{', '.join(map(str, value))}]"
        case None:
            return "nothing"
        case _:
            return repr(str(value))


def _told(
    account: engine.Outcome, expected: Sequence[schema.Told], test: schema.Test
) -> Iterator[str]:
    rest = list(expected)
    for message in account.told:
        fitting = next((each for each in rest if _fits(each, message, account, test)), None)
        if fitting is not None:
            rest.remove(fitting)
            continue
        incident = account.incidents[message.entry.incident]
        when = compact(message.at - test.start)
        yield f"not expected, but told at {when}: {message.entry.text} ({incident.title})"
    for missing in rest:
        yield f"expected, but not told: {missing.text}"


def _fits(
    wanted: schema.Told, message: engine.Notification, account: engine.Outcome, test: schema.Test
) -> bool:
    incident = account.incidents[message.entry.incident]
    return (
        _like(wanted.text, message.entry.text)
        and (wanted.title is None or _like(wanted.title, incident.title))
        and wanted.rule in {None, incident.rule}
        and wanted.at in {None, message.at - test.start}
    )


def _like(pattern: str, text: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text) is not None


def compact(span: timedelta) -> str:
    """Write a span as it is written in a test: 1h30m."""
    rest, text = abs(round(span.total_seconds() * 1000)), "-" if span < timedelta(0) else ""
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        number, rest = divmod(rest, size)
        text += f"{number}{unit}" if number else ""
    return text or "0s"
