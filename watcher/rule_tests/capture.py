"""Makes a rule test of a real incident in the journal. Pure.

Law: the test is run before it is handed out, and the real incident must come out of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

from watcher import engine, model, ports
from watcher.rule_tests import schema
from watcher.rule_tests.assertions import format_span
from watcher.rule_tests.load import LoadedTest
from watcher.rule_tests.runner import run_test
from watcher.rule_tests.schema import Mark, Value
from watcher.ruleset.yaml_document import Document
from watcher.vendors.catalog import VENDORS

LEAD = timedelta(minutes=1)  # captured before the first alert became pending
_STEPS = tuple(timedelta(seconds=seconds) for seconds in (1, 10, 60, 300))
_MOST_STEPS = 40_000
_ACTIONS: Mapping[type, str] = {
    model.Acknowledged: "ack",
    model.Unacknowledged: "unack",
    model.ResolvedByHand: "resolve",
}


class Capture:
    """Feed it the journal from `since` on, then build the test.

    Raises PermanentError for an incident whose rule or source is not in the rules any more, and
    for one that was learned late.
    """

    def __init__(self, view: model.IncidentView, rules: engine.Ruleset, *, until: datetime) -> None:
        incident = view.incident
        rule = next((rule for rule in rules.rules if rule.name == incident.rule), None)
        traits = rules.sources.get(incident.source)
        if rule is None or traits is None:
            raise model.PermanentError(
                f"incident {incident.id} cannot be captured: rule {incident.rule} or source"
                f" {incident.source} no longer exists"
            )
        if traits.kind not in VENDORS:
            raise model.PermanentError(
                f"incident {incident.id} cannot be captured: {incident.source} has no subjects,"
                " and a rule test is about subjects"
            )
        if view.timeline and view.timeline[0].kind is model.EntryKind.LATE:
            raise model.PermanentError(
                f"incident {incident.id} was reported late, so no poll shows it: write a test with"
                " the vendor's `history`, as in docs/howto/rule-tests.md"
            )
        self._view = view
        self._rules = rules
        self._end = incident.resolved_at or until
        metrics = VENDORS[traits.kind].fields.metrics
        names = {rule.name, *(alert.rule for alert in view.alerts)}
        measured = any(
            isinstance(rule.condition, engine.Threshold)
            for rule in rules.rules
            if rule.name in names
        )
        first = min([incident.opened_at, *(alert.since for alert in view.alerts)])
        self.since = first - (engine.keep_samples(rules) if measured else LEAD)
        step = traits.granularity if metrics else _step(self._end - self.since)
        self._recorder = SeriesRecorder(
            incident.source,
            [alert.subject for alert in view.alerts if "/" in alert.subject],
            metrics=metrics,
            start=self.since - (self.since - schema.START) % step,
            step=step,
        )
        self._inbox: list[dict[str, Any]] = []
        self._notices: list[model.Notice] = []

    def feed(self, record: ports.Recorded) -> None:
        """Take in the next record."""
        if record.at > self._end:
            return
        self._recorder.feed(record)
        match record.what:
            case model.Acknowledged() | model.Unacknowledged() | model.ResolvedByHand() if (
                record.what.incident == self._view.incident.id
            ):
                action = {
                    "at": format_span(record.at - self._recorder.start),
                    "do": _ACTIONS[type(record.what)],
                    "rule": self._view.incident.rule,
                    "by": record.what.by,
                }
                self._inbox.append(action)
            case model.NoticeRead():
                self._notices.append(record.what.notice)
            case ports.Loaded():
                for work in record.what.works:
                    self._notices += [*work.history, work.notice]
            case _:
                pass

    def build_test(self) -> dict[str, Any]:
        """Return the test as it is written in YAML.

        Raises PermanentError if the real incident does not come out of it.
        """
        recorder, incident = self._recorder, self._view.incident
        steps = -(-(self._end - recorder.start) // recorder.step) + 1
        test: dict[str, Any] = {
            "name": f"{incident.title} ({incident.id})",
            "start": recorder.start,
            "step": format_span(recorder.step),
            "subjects": {
                key: {**self._details(key), "series": series}
                for key, series in recorder.subjects().items()
            },
            **({"notices": notices} if (notices := list(self._relevant_notices())) else {}),
            **({"inbox": self._inbox} if self._inbox else {}),
        }
        last = format_span(steps * recorder.step)
        outcome = self._run({**test, "expect": [{"at": last}]})
        self._verify(outcome)
        texts = [
            notification.entry.text
            for notification in outcome.notifications
            if not outcome.incidents[notification.entry.incident].is_announcement
        ]
        incidents = [
            self._expected(incident, outcome)
            for incident in outcome.incidents.values()
            if not incident.is_announcement
        ]
        return {**test, "expect": [{"at": last, "incidents": incidents, "told": texts}]}

    def _relevant_notices(self) -> Iterator[dict[str, Any]]:
        """Yield what carriers had said by then of the circuits, once for each time it was read."""
        ours: set[str] = set()
        for key in self._recorder.subjects():
            subject = self._view.subjects.get(key)
            entry = self._rules.inventory.entry(key, subject.labels if subject else {})
            ours.update(engine.circuits_of(entry))
        start, written = self._recorder.start, set[str]()
        for notice in sorted(self._notices, key=lambda notice: notice.said_at):
            circuits = [
                circuit for circuit in notice.circuits if engine.circuit_key(circuit.id) in ours
            ]
            if not circuits or notice.digest in written:
                continue
            written.add(notice.digest)
            yield {
                "at": format_span(max(notice.received_at, start) - start),
                "provider": notice.provider,
                "id": notice.id,
                "status": str(notice.status),
                "windows": [[window.begin, window.end] for window in notice.windows],
                "circuits": [circuit.id for circuit in circuits],
                "impact": str(max((c.impact for c in circuits), key=lambda impact: impact.rank)),
            }

    def _run(self, test: dict[str, Any]) -> engine.Outcome:
        shape = schema.Test.model_validate(test)
        document = Document(file=Path("captured"))
        outcome, _ = run_test(
            LoadedTest(test=shape, rules=self._rules, document=document, number=0)
        )
        return outcome

    def _verify(self, outcome: engine.Outcome) -> None:
        """Raise PermanentError unless the real incident is among the outcome, at about its time."""
        real = self._view.incident
        tolerance = 2 * self._recorder.step
        for incident in outcome.incidents.values():
            is_near = abs(incident.opened_at - real.opened_at) <= tolerance
            if is_near and _outline(incident) == _outline(real):
                return
        raise model.PermanentError(
            f"incident {real.id} cannot be reproduced from the journal with the current rules: has"
            " its rule changed? Nothing was written"
        )

    def _details(self, key: str) -> dict[str, Any]:
        subject = self._view.subjects.get(key)
        details: dict[str, Any] = {}
        if subject is not None and subject.labels:
            details["labels"] = dict(subject.labels)
        if subject is not None and subject.bookings:
            details["bookings"] = [_booking(booking) for booking in subject.bookings]
        return {"details": details} if details else {}

    def _expected(self, incident: model.Incident, outcome: engine.Outcome) -> dict[str, Any]:
        return {
            "rule": incident.rule,
            "subjects": sorted({subject for _, subject in outcome.members[incident.id]}),
            "severity": str(incident.severity),
            "status": str(incident.status),
            **({"resolution": str(incident.resolution)} if incident.resolution else {}),
            "title": incident.title,
            "opened": format_span(incident.opened_at - self._recorder.start),
        }


def render(test: dict[str, Any], **file: object) -> str:
    """Return the text of a file with this one test."""
    return yaml.safe_dump({**file, "tests": [test]}, sort_keys=False, allow_unicode=True, width=96)


def _outline(incident: model.Incident) -> tuple[object, ...]:
    return (
        incident.rule,
        incident.group,
        incident.status,
        incident.resolution,
        incident.severity,
    )


def _step(span: timedelta) -> timedelta:
    return next((step for step in _STEPS if span / step <= _MOST_STEPS), _STEPS[-1])


def _booking(booking: model.Booking) -> dict[str, Any]:
    return {
        "id": booking.id,
        **{
            name: [window.start, window.end]
            for name in ("scheduled", "reserved", "actual")
            if (window := getattr(booking, name)) != model.Window()
        },
        "activated": [[window.start, window.end] for window in booking.activated],
        "terminal": booking.terminal,
    }


class SeriesRecorder:
    """The series of some subjects of one source, from `start`; without `keys`, of the first seen.

    A source that was blind has an incident without subjects; one of its subjects shows enough.
    """

    def __init__(
        self,
        source: str,
        keys: Iterable[str],
        *,
        metrics: Iterable[str],
        start: datetime,
        step: timedelta,
    ) -> None:
        self.start = start
        self.step = step
        self._source = source
        self._keys = set(keys)
        self._metrics = frozenset(metrics)
        self._values: dict[str, dict[str, dict[int, Value]]] = {}
        self._failing = False

    def feed(self, record: ports.Recorded) -> None:
        """Take in the next record."""
        match record.what:
            case ports.Loaded():
                for subject in record.what.subjects:
                    self._fields(subject.key, subject.fields, record.at)
                self._samples(record.what.samples)
            case model.Polled() if record.what.source == self._source:
                self._poll(record.what, record.at)
            case model.PollFailed() if record.what.source == self._source:
                self._failing = True
                mark = Mark.REFUSED if record.what.permanent else Mark.FAILS
                self._mark(self._values, mark, record.at)
            case _:
                pass

    def subjects(self) -> dict[str, dict[str, str]]:
        """Return each subject's series as they are written in a test."""
        return {
            key: {name: self._series(name, values) for name, values in sorted(series.items())}
            for key, series in sorted(self._values.items())
        }

    def _poll(self, poll: model.Polled, at: datetime) -> None:
        if self._failing:
            self._failing = False
            for key, series in self._values.items():
                self._put(key, min(series), at, self._last(series[min(series)]))
        for seen in poll.seen:
            self._fields(seen.key, seen.fields, at)
        self._mark(poll.absent, Mark.ABSENT, at)
        self._mark(poll.unreadable, Mark.UNREADABLE, at)
        self._samples(poll.samples)

    def _fields(self, key: str, fields: Mapping[str, model.Scalar], at: datetime) -> None:
        if not self._keys and key.startswith(f"{self._source}/"):
            self._keys.add(key)
        for name, value in fields.items():
            if key in self._keys and name not in self._metrics:
                self._put(key, name, at, value)

    def _samples(self, samples: Iterable[model.Sample]) -> None:
        for sample in samples:
            if sample.subject in self._keys and sample.at >= self.start:
                name = f"{sample.metric} {sample.direction}".strip()
                self._put(sample.subject, name, sample.at, sample.value)

    def _mark(self, keys: Iterable[str], mark: Mark, at: datetime) -> None:
        for key in keys:
            if key in self._values:
                self._put(key, min(self._values[key]), at, mark)

    def _put(self, key: str, name: str, at: datetime, value: model.Scalar) -> None:
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = float(value)
        if isinstance(value, str | float):
            step = max(0, (at - self.start) // self.step)
            self._values.setdefault(key, {}).setdefault(name, {})[step] = value

    @staticmethod
    def _last(values: Mapping[int, Value]) -> Value | None:
        steps = [step for step in sorted(values) if not isinstance(values[step], Mark)]
        return values[steps[-1]] if steps else None

    def _series(self, name: str, values: Mapping[int, Value]) -> str:
        """Return the values by step; a field goes on, between two samples there is a gap."""
        goes_on = name.partition(" ")[0] not in self._metrics
        series: list[Value] = []
        for step in range(max(values) + 1):
            before = series[-1] if series and goes_on else Mark.GAP
            series.append(values.get(step, before))
        if not goes_on:
            series.append(Mark.GAP)  # else the last sample would be repeated
        return " ".join(_part(value, len(list(run))) for value, run in groupby(series))


def _part(value: Value, times: int) -> str:
    text = repr(value).removesuffix(".0") if isinstance(value, float) else str(value)
    return text if times == 1 else f"{text}*{times}"
