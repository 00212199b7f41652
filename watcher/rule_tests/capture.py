"""A real incident of the journal becomes a rule test. Pure.

Law: what was captured is played before it is handed out, and it must give the incident that was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

from watcher import engine, model, ports
from watcher.rule_tests import schema
from watcher.rule_tests.assertions import compact
from watcher.rule_tests.load import Written
from watcher.rule_tests.runner import run_through
from watcher.rule_tests.schema import Mark, Value
from watcher.ruleset.yaml_document import Document
from watcher.vendors.catalog import VENDORS

LEAD = timedelta(minutes=1)  # shown before the first alert became pending
_STEPS = tuple(timedelta(seconds=seconds) for seconds in (1, 10, 60, 300))
_MOST_STEPS = 40_000
_ACTS: Mapping[type, str] = {
    model.Acknowledged: "ack",
    model.Unacknowledged: "unack",
    model.ResolvedByHand: "resolve",
}


class Capture:
    """Show it the journal from `since` on, then ask for the test.

    Raises PermanentError for an incident whose rule or source is not in the rules any more, and
    for one that was learned late.
    """

    def __init__(self, view: model.IncidentView, rules: engine.Ruleset, *, until: datetime) -> None:
        incident = view.incident
        rule = next((each for each in rules.rules if each.name == incident.rule), None)
        traits = rules.sources.get(incident.source)
        if rule is None or traits is None:
            raise model.PermanentError(
                f"incident {incident.id} cannot be captured: rule {incident.rule} or source"
                f" {incident.source} is not there any more"
            )
        if view.timeline and view.timeline[0].kind is model.EntryKind.LATE:
            raise model.PermanentError(
                f"incident {incident.id} was learned late, so no poll shows it: write a test with"
                " the vendor's `history`, as in docs/howto/rule-tests.md"
            )
        self._dossier = view
        self._rules = rules
        self._end = incident.resolved_at or until
        metrics = VENDORS[traits.kind].fields.metrics
        measured = isinstance(rule.condition, engine.Threshold)
        first = min([incident.opened_at, *(alert.since for alert in view.alerts)])
        self.since = first - (engine.keep_samples(rules) if measured else LEAD)
        step = traits.granularity if metrics else _step(self._end - self.since)
        self._film = SeriesRecorder(
            incident.source,
            [alert.subject for alert in view.alerts if "/" in alert.subject],
            metrics=metrics,
            start=self.since - (self.since - schema.START) % step,
            step=step,
        )
        self._inbox: list[dict[str, Any]] = []

    def show(self, record: ports.Recorded) -> None:
        """Take in the next record."""
        if record.at > self._end:
            return
        self._film.show(record)
        match record.what:
            case model.Acknowledged() | model.Unacknowledged() | model.ResolvedByHand() if (
                record.what.incident == self._dossier.incident.id
            ):
                act = {
                    "at": compact(record.at - self._film.start),
                    "do": _ACTS[type(record.what)],
                    "rule": self._dossier.incident.rule,
                    "by": record.what.by,
                }
                self._inbox.append(act)
            case _:
                pass

    def test(self) -> dict[str, Any]:
        """Give the test as it is written in YAML.

        Raises PermanentError where it does not give the incident that was.
        """
        film, incident = self._film, self._dossier.incident
        steps = -(-(self._end - film.start) // film.step) + 1
        test: dict[str, Any] = {
            "name": f"{incident.title} ({incident.id})",
            "start": film.start,
            "step": compact(film.step),
            "subjects": {
                key: {**self._details(key), "series": series}
                for key, series in film.subjects().items()
            },
            **({"inbox": self._inbox} if self._inbox else {}),
        }
        last = compact(steps * film.step)
        account = self._play({**test, "expect": [{"at": last}]})
        self._find(account)
        told = [message.entry.text for message in account.told]
        incidents = [self._shown(each, account) for each in account.incidents.values()]
        return {**test, "expect": [{"at": last, "incidents": incidents, "told": told}]}

    def _play(self, test: dict[str, Any]) -> engine.Outcome:
        shape = schema.Test.model_validate(test)
        unwritten = Document(file=Path("captured"))
        account, _ = run_through(
            Written(test=shape, rules=self._rules, document=unwritten, number=0)
        )
        return account

    def _find(self, account: engine.Outcome) -> None:
        """See that the incident that was is among what the test gives, at about its time."""
        was = self._dossier.incident
        tolerance = 2 * self._film.step
        for each in account.incidents.values():
            alike = (each.rule, each.group, each.status, each.resolution, each.severity) == (
                (was.rule, was.group, was.status, was.resolution, was.severity)
            )
            if alike and abs(each.opened_at - was.opened_at) <= tolerance:
                return
        raise model.PermanentError(
            f"incident {was.id} does not come out of its own journal under the rules of now: was"
            " its rule changed since? Nothing was written"
        )

    def _details(self, key: str) -> dict[str, Any]:
        known = self._dossier.subjects.get(key)
        details: dict[str, Any] = {}
        if known is not None and known.labels:
            details["labels"] = dict(known.labels)
        if known is not None and known.bookings:
            details["bookings"] = [_booking(each) for each in known.bookings]
        return {"details": details} if details else {}

    def _shown(self, incident: model.Incident, account: engine.Outcome) -> dict[str, Any]:
        return {
            "rule": incident.rule,
            "subjects": sorted({subject for _, subject in account.members[incident.id]}),
            "severity": str(incident.severity),
            "status": str(incident.status),
            **({"resolution": str(incident.resolution)} if incident.resolution else {}),
            "title": incident.title,
            "opened": compact(incident.opened_at - self._film.start),
        }


def written(test: dict[str, Any], **file: object) -> str:
    """Write a file with this one test."""
    return yaml.safe_dump({**file, "tests": [test]}, sort_keys=False, allow_unicode=True, width=96)


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
    """Some subjects of one source, step by step from `start`; no `keys`: whichever comes first.

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
        self._said: dict[str, dict[str, dict[int, Value]]] = {}
        self._failing = False

    def show(self, record: ports.Recorded) -> None:
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
                self._mark(self._said, mark, record.at)
            case _:
                pass

    def subjects(self) -> dict[str, dict[str, str]]:
        """Give each subject's series as they are written in a test."""
        return {
            key: {name: self._series(name, values) for name, values in sorted(said.items())}
            for key, said in sorted(self._said.items())
        }

    def _poll(self, poll: model.Polled, at: datetime) -> None:
        if self._failing:
            self._failing = False
            for key, said in self._said.items():
                self._put(key, min(said), at, self._last(said[min(said)]))
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
            if key in self._said:
                self._put(key, min(self._said[key]), at, mark)

    def _put(self, key: str, name: str, at: datetime, value: model.Scalar) -> None:
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = float(value)
        if isinstance(value, str | float):
            place = max(0, (at - self.start) // self.step)
            self._said.setdefault(key, {}).setdefault(name, {})[place] = value

    @staticmethod
    def _last(values: Mapping[int, Value]) -> Value | None:
        known = [values[place] for place in sorted(values) if not isinstance(values[place], Mark)]
        return known[-1] if known else None

    def _series(self, name: str, values: Mapping[int, Value]) -> str:
        """Write the values by step; a field goes on, between two samples there is a gap."""
        goes_on = name.partition(" ")[0] not in self._metrics
        said: list[Value] = []
        for place in range(max(values) + 1):
            before = said[-1] if said and goes_on else Mark.GAP
            said.append(values.get(place, before))
        if not goes_on:
            said.append(Mark.GAP)  # else the last sample would be repeated
        return " ".join(_part(value, len(list(run))) for value, run in groupby(said))


def _part(value: Value, times: int) -> str:
    text = repr(value).removesuffix(".0") if isinstance(value, float) else str(value)
    return text if times == 1 else f"{text}*{times}"
