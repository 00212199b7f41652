"""Compares what came of a test with what was expected, in words. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta

from msgspec import Struct

from watcher import engine, model
from watcher.rule_tests import schema
from watcher.rule_tests.load import LoadedTest
from watcher.ruleset.problems import Place


class Failure(Struct, frozen=True):
    """One thing that is not as expected, in words."""

    place: Place
    at: timedelta
    section: str
    text: str

    def __str__(self) -> str:
        """Return it in the form that compilers use: FILE:LINE:COLUMN first."""
        return f"{self.place}: at {format_span(self.at)}: {self.section}: {self.text}"


def find_incident(outcome: engine.Outcome, action: schema.Action) -> str | None:
    """Return the incident that a person means: the last one of the rule and the subject.

    It may be any rule that has an alert in it, as the one that opened it depends on the fault.
    """
    for identity, incident in reversed(outcome.incidents.items()):
        members = outcome.members[identity]
        rules = {incident.rule, *(rule for rule, _ in members)}
        subjects = {subject for _, subject in members}
        if action.rule in rules and (action.subject is None or action.subject in subjects):
            return identity
    return None


def check(
    loaded: LoadedTest, number: int, state: engine.State, outcome: engine.Outcome
) -> Iterator[Failure]:
    """Yield how the state differs from an expectation; what it lists of the timeline is done."""
    test = loaded.test
    expected = test.expect[number]

    def failures(section: str, texts: Iterable[str], *inside: int) -> Iterator[Failure]:
        place = loaded.place("expect", number, section, *inside)
        return (Failure(place, expected.at, section, text) for text in texts)

    for section, alerts in (("pending", expected.pending), ("firing", expected.firing)):
        if alerts is not None:
            yield from failures(section, _alerts(state, section, alerts, test))
    if expected.incidents is not None:
        incidents = [
            incident for incident in outcome.incidents.values() if not incident.is_announcement
        ]
        for item, wanted in enumerate(expected.incidents):
            actual = _shown(incidents[item], outcome, test) if item < len(incidents) else None
            yield from failures("incidents", _incident(wanted, actual), item)
        surplus = incidents[len(expected.incidents) :]
        yield from failures("incidents", (_surplus(incident, test) for incident in surplus))
    for section, wanted_texts, actual_entries in (
        ("told", expected.told, outcome.notifications),
        ("quiet", expected.quiet, outcome.quiet),
    ):
        if wanted_texts is not None:
            texts = _entries(outcome, actual_entries, wanted_texts, test)
            yield from failures(section, texts)
            actual_entries.clear()


def _alerts(
    state: engine.State, section: str, expected: Mapping[str, Sequence[str]], test: schema.Test
) -> Iterator[str]:
    wanted = {(rule, key) for rule, keys in expected.items() for key in keys}
    alerts = {alert.key: alert for group in state.alerts.values() for alert in group.values()}
    actual = {key for key, alert in alerts.items() if alert.state == section}
    for rule, subject in sorted(wanted - actual):
        alert = alerts.get((rule, subject))
        is_now = "inactive" if alert is None else _alert(alert, test)
        yield f"expected {rule} on {subject}; it is {is_now}"
    for key in sorted(actual - wanted):
        yield f"not expected: {key[0]} on {key[1]}, {_alert(alerts[key], test)}"


def _alert(alert: model.Alert, test: schema.Test) -> str:
    due = f", due at {format_span(alert.due - test.start)}" if alert.due else ""
    return f"{alert.state} since {format_span(alert.since - test.start)}{due}"


def _incident(wanted: schema.Incident, actual: Mapping[str, object] | None) -> Iterator[str]:
    if actual is None:
        yield f"expected an incident of {wanted.rule}; there is none"
        return
    for name, value in wanted.model_dump(exclude_none=True).items():
        if value != actual[name]:
            yield f"{name}: expected {_format(value)}, is {_format(actual[name])}"


def _surplus(incident: model.Incident, test: schema.Test) -> str:
    opened = format_span(incident.opened_at - test.start)
    return f"not expected: {incident.rule}, opened at {opened}: {incident.title}"


def _shown(
    incident: model.Incident, outcome: engine.Outcome, test: schema.Test
) -> dict[str, object]:
    return {
        "rule": incident.rule,
        "subjects": tuple(sorted({subject for _, subject in outcome.members[incident.id]})),
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


def _format(value: object) -> str:
    match value:
        case timedelta():
            return format_span(value)
        case tuple():
            return f"[{', '.join(map(str, value))}]"
        case None:
            return "nothing"
        case _:
            return repr(str(value))


def _entries(
    outcome: engine.Outcome,
    actual: Sequence[engine.Notification],
    expected: Sequence[schema.ExpectedNotification],
    test: schema.Test,
) -> Iterator[str]:
    missing_ones = list(expected)
    for notification in actual:
        incident = outcome.incidents[notification.entry.incident]
        matching = next(
            (wanted for wanted in missing_ones if _matches(wanted, notification, incident, test)),
            None,
        )
        if matching is not None:
            missing_ones.remove(matching)
            continue
        when = format_span(notification.at - test.start)
        yield f"not expected, but sent at {when}: {notification.entry.text} ({incident.title})"
    for missing in missing_ones:
        yield f"expected, but not sent: {missing.text}"


def _matches(
    wanted: schema.ExpectedNotification,
    notification: engine.Notification,
    incident: model.Incident,
    test: schema.Test,
) -> bool:
    return (
        _like(wanted.text, notification.entry.text)
        and (wanted.title is None or _like(wanted.title, incident.title))
        and wanted.rule in {None, incident.rule}
        and wanted.at in {None, notification.at - test.start}
    )


def _like(pattern: str, text: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text) is not None


def format_span(span: timedelta) -> str:
    """Return a span as it is written in a test: 1h30m."""
    rest, text = abs(round(span.total_seconds() * 1000)), "-" if span < timedelta(0) else ""
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        number, rest = divmod(rest, size)
        text += f"{number}{unit}" if number else ""
    return text or "0s"
