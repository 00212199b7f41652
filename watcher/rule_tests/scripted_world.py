"""What the vendors and the people of one test do, as events. Pure.

Law: the vendor's side is played by the sources' own differ, so that the engine is told of a test
what it is told of a real poll.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from watcher import engine, model
from watcher.rule_tests import schema
from watcher.rule_tests.load import Written
from watcher.rule_tests.schema import Mark, Series
from watcher.vendors.catalog import VENDORS
from watcher.vendors.poller import Differ


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    fields: Mapping[str, model.Scalar]
    labels: Mapping[str, str]
    at: datetime | None  # of the newest sample; a field alone has no time of its own


def _translate(source: str, identity: str, reading: object) -> model.Observed:
    assert isinstance(reading, _Reading)  # noqa: S101  # the differ gives back what it was given
    return model.Observed(
        key=f"{source}/{identity}",
        fields=reading.fields,
        labels=reading.labels,
        vendor_time=reading.at,
    )


class ScriptedVendor:
    """One source of a test, which answers polls as the test's series say."""

    def __init__(self, traits: engine.SourceTraits, test: schema.Test) -> None:
        self._name = traits.name
        self._kind = VENDORS[traits.kind].fields
        self._test = test
        self._subjects = {
            model.id_of(key): subject
            for key, subject in test.subjects.items()
            if model.source_of(key) == traits.name
        }
        self._differ = Differ(traits.name)

    def poll(self, at: datetime) -> model.Polled | model.PollFailed:
        """Answer a poll; between two steps the former one still holds."""
        step = (at - self._test.start) // self._test.step
        marks = {
            self._mark(name, said, step)
            for subject in self._subjects.values()
            for name, said in subject.series.items()
        }
        if Mark.REFUSED in marks:
            error = "the vendor refuses the account"
            return model.PollFailed(source=self._name, error=error, permanent=True)
        if Mark.FAILS in marks:
            return model.PollFailed(source=self._name, error="timed out")
        says = {
            identity: {said.at(step) for said in subject.series.values()}
            for identity, subject in self._subjects.items()
        }
        listed = [identity for identity, said in says.items() if Mark.ABSENT not in said]
        unreadable = [identity for identity in listed if Mark.UNREADABLE in says[identity]]
        readable = [identity for identity in listed if identity not in unreadable]
        return self._differ.compare(
            model.Snapshot(
                readings={identity: self._reading(identity, step) for identity in readable},
                translate=lambda identity, reading: _translate(self._name, identity, reading),
                unreadable=tuple(unreadable),
                samples=tuple(
                    sample for identity in readable for sample in self._samples(identity, step)
                ),
            )
        )

    def _mark(self, name: str, said: Series, step: int) -> Mark | None:
        value = said.at(step)
        if value is Mark.GAP and name not in self._kind.words:
            return None
        return Mark.FAILS if value is Mark.GAP else value if isinstance(value, Mark) else None

    def _reading(self, identity: str, step: int) -> _Reading:
        subject = self._subjects[identity]
        fields: dict[str, model.Scalar] = dict.fromkeys(self._kind.words, model.UNKNOWN)
        fields |= dict.fromkeys(self._kind.figures)
        measured = max((self._measured(said, step) for said in subject.series.values()), default=-1)
        at = self._test.start + measured * self._test.step if self._kind.metrics else None
        for name, said in subject.series.items():
            value, known = said.known(step), fields.get(name.partition(" ")[0])
            if isinstance(value, float) and isinstance(known, float):
                value = max(value, known)  # of two directions the higher one is shown
            if value is not None:
                fields[name.partition(" ")[0]] = value
        return _Reading(fields=fields, labels=subject.labels, at=at)

    def _measured(self, said: Series, step: int) -> int:
        """Tell the last step up to this one that brought a value; -1: none has."""
        steps = range(min(step, len(said.values) - 1), -1, -1)
        last = next((each for each in steps if not isinstance(said.values[each], Mark)), -1)
        return step if last == len(said.values) - 1 else last

    def _samples(self, identity: str, step: int) -> Iterator[model.Sample]:
        for name, said in self._subjects[identity].series.items():
            metric, _, direction = name.partition(" ")
            value = said.at(step)
            if metric in self._kind.metrics and isinstance(value, float):
                yield model.Sample(
                    subject=f"{self._name}/{identity}",
                    metric=metric,
                    direction=direction,
                    at=self._test.start + step * self._test.step,
                    value=value,
                )


class ScriptedWorld:
    """A test's events in order, and how its world answers what the engine asks for."""

    def __init__(self, written: Written) -> None:
        self._test = written.test
        used = {model.source_of(key) for key in written.test.subjects}
        sources = written.rules.sources
        self._vendors = {name: ScriptedVendor(sources[name], self._test) for name in sorted(used)}

    def polls(self) -> Iterator[tuple[datetime, str]]:
        """Tell when which source is polled: at every step, up to the last expectation."""
        last = max(self._test.expect[-1].at, *(act.at for act in self._test.inbox), timedelta(0))
        for step in range(last // self._test.step + 1):
            for name in self._vendors:
                yield self._test.start + step * self._test.step, name

    def poll(self, source: str, at: datetime) -> engine.Event:
        """Poll a source; times must not go back."""
        return self._vendors[source].poll(at)

    def answer(self, effect: model.Effect, at: datetime) -> Iterator[tuple[datetime, engine.Event]]:
        """Answer at once where the engine wants something, and details when their time has come."""
        match effect:
            case model.PollNeeded() if effect.source in self._vendors:
                yield at, self.poll(effect.source, at)
            case model.DetailsNeeded():
                yield self._details(effect.subject, at)
            case model.HistoryNeeded():
                yield at, self._record(effect, at)
            case model.BandwidthNeeded():
                yield from self._changed(effect, at)
            case _:
                pass

    def _changed(
        self, wanted: model.BandwidthNeeded, at: datetime
    ) -> Iterator[tuple[datetime, engine.Event]]:
        """Take an order at once; it is carried out when the connection's series shows it."""
        requested = model.BandwidthNews(
            incident=wanted.incident, order=wanted.order, status=model.RemedyStatus.REQUESTED
        )
        yield at, requested
        subject = self._test.subjects.get(wanted.connection)
        said = subject.series.get("bandwidth_mbps") if subject else None
        if said is None:
            return
        begin = -((self._test.start - at) // self._test.step)  # the next step, or this very one
        for step in range(begin, max(begin + 1, len(said.values))):
            if said.at(step) == wanted.to_mbps:
                applied = replace(requested, status=model.RemedyStatus.APPLIED, over=True)
                yield self._test.start + step * self._test.step, applied
                return

    def _details(self, key: str, at: datetime) -> tuple[datetime, engine.Event]:
        said = self._test.subjects[key].details
        read = model.Details(
            labels=said.labels,
            bookings=tuple(self._booking(each) for each in said.bookings),
            notes=said.notes,
        )
        event = model.DetailsRead(
            subject=key, details=None if said.error else read, error=said.error
        )
        return at + said.after, event

    def _record(self, need: model.HistoryNeeded, now: datetime) -> model.HistoryRead:
        """Give the alarms of a time as they are on record now: some last."""
        alarms = [self._alarm(said, now) for said in self._test.subjects[need.subject].history]
        return model.HistoryRead(
            subject=need.subject,
            start=need.start,
            end=need.end,
            alarms=tuple(alarm for alarm in alarms if _is_between(alarm, need.start, need.end)),
        )

    def _alarm(self, said: schema.AlarmEntry, now: datetime) -> model.AlarmRecord:
        window = self._window((said.start, said.end))
        end = None if window.end is None or window.end > now else window.end
        return model.AlarmRecord(
            state=said.state, message=said.message, start=window.start, end=end
        )

    def _booking(self, said: schema.Booking) -> model.Booking:
        return model.Booking(
            id=said.id,
            scheduled=self._window(said.scheduled),
            reserved=self._window(said.reserved),
            actual=self._window(said.actual),
            activated=tuple(self._window(each) for each in said.activated),
            terminal=said.terminal,
        )

    def _window(self, said: schema.Pair) -> model.Window:
        start, end = (
            self._test.start + moment if isinstance(moment, timedelta) else moment
            for moment in said
        )
        return model.Window(start=start, end=end)


def _is_between(alarm: model.AlarmRecord, start: datetime, end: datetime) -> bool:
    begins = alarm.start is not None and alarm.start <= end
    return begins and (alarm.end is None or alarm.end >= start)
