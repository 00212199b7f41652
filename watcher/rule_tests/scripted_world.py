"""The vendors of one test: how they answer polls and what the engine asks for. Pure.

Snapshots go through the sources' own differ, so that the engine gets what it gets of a real poll.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from watcher import engine, model
from watcher.rule_tests import schema
from watcher.rule_tests.load import LoadedTest
from watcher.rule_tests.schema import Mark, Series
from watcher.vendors.catalog import VENDORS
from watcher.vendors.poller import Differ


class _Reading(Struct, frozen=True, kw_only=True):
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
        self._fields = VENDORS[traits.kind].fields
        self._test = test
        self._subjects = {
            model.id_of(key): subject
            for key, subject in test.subjects.items()
            if model.source_of(key) == traits.name
        }
        self._differ = Differ(traits.name)

    def poll(self, at: datetime) -> model.Polled | model.PollFailed:
        """Return the answer to a poll; between two steps, that of the earlier one."""
        step = (at - self._test.start) // self._test.step
        marks = {
            self._mark(name, series, step)
            for subject in self._subjects.values()
            for name, series in subject.series.items()
        }
        if Mark.REFUSED in marks:
            error = "the vendor refuses the account"
            return model.PollFailed(source=self._name, error=error, permanent=True)
        if Mark.FAILS in marks:
            return model.PollFailed(source=self._name, error="timed out")
        values = {
            identity: {series.at(step) for series in subject.series.values()}
            for identity, subject in self._subjects.items()
        }
        listed = [identity for identity in values if Mark.ABSENT not in values[identity]]
        unreadable = [identity for identity in listed if Mark.UNREADABLE in values[identity]]
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

    def _mark(self, name: str, series: Series, step: int) -> Mark | None:
        value = series.at(step)
        if value is Mark.GAP and name not in self._fields.words:
            return None
        return Mark.FAILS if value is Mark.GAP else value if isinstance(value, Mark) else None

    def _reading(self, identity: str, step: int) -> _Reading:
        subject = self._subjects[identity]
        fields: dict[str, model.Scalar] = dict.fromkeys(self._fields.words, model.UNKNOWN)
        fields |= dict.fromkeys(self._fields.figures)
        measured = max(
            (self._measured(series, step) for series in subject.series.values()), default=-1
        )
        at = self._test.start + measured * self._test.step if self._fields.metrics else None
        for name, series in subject.series.items():
            field = name.partition(" ")[0]
            value, other = series.last_known(step), fields.get(field)
            if isinstance(value, float) and isinstance(other, float):
                value = max(value, other)  # of two directions the higher one is shown
            if value is not None:
                fields[field] = value
        return _Reading(fields=fields, labels=subject.labels, at=at)

    @staticmethod
    def _measured(series: Series, step: int) -> int:
        """Return the last step up to this one that brought a value; -1: none has."""
        values = series.values
        steps = range(min(step, len(values) - 1), -1, -1)
        last = next((earlier for earlier in steps if not isinstance(values[earlier], Mark)), -1)
        return step if last == len(values) - 1 else last

    def _samples(self, identity: str, step: int) -> Iterator[model.Sample]:
        for name, series in self._subjects[identity].series.items():
            metric, _, direction = name.partition(" ")
            value = series.at(step)
            if metric in self._fields.metrics and isinstance(value, float):
                yield model.Sample(
                    subject=f"{self._name}/{identity}",
                    metric=metric,
                    direction=direction,
                    at=self._test.start + step * self._test.step,
                    value=value,
                )


class ScriptedWorld:
    """A test's polls in order, and how its world answers what the engine asks for."""

    def __init__(self, loaded: LoadedTest) -> None:
        self._test = loaded.test
        used = {model.source_of(key) for key in loaded.test.subjects}
        sources = loaded.rules.sources
        self._vendors = {name: ScriptedVendor(sources[name], self._test) for name in sorted(used)}

    def polls(self) -> Iterator[tuple[datetime, str]]:
        """Yield when which source is polled: at every step, up to the end of the test."""
        actions = (action.at for action in self._test.inbox)
        last = max(self._test.expect[-1].at, *actions, timedelta(0))
        for step in range(last // self._test.step + 1):
            for name in self._vendors:
                yield self._test.start + step * self._test.step, name

    def poll(self, source: str, at: datetime) -> engine.Event:
        """Return a source's answer to a poll; times must not go back."""
        return self._vendors[source].poll(at)

    def answer(self, effect: model.Effect, at: datetime) -> Iterator[tuple[datetime, engine.Event]]:
        """Yield the answers to an effect: at once, but details when the test says."""
        match effect:
            case model.PollNeeded() if effect.source in self._vendors:
                yield at, self.poll(effect.source, at)
            case model.DetailsNeeded():
                yield self._details(effect.subject, at)
            case model.HistoryNeeded():
                yield at, self._history(effect, at)
            case model.BandwidthNeeded():
                yield from self._bandwidth_news(effect, at)
            case _:
                pass

    def _bandwidth_news(
        self, needed: model.BandwidthNeeded, at: datetime
    ) -> Iterator[tuple[datetime, engine.Event]]:
        """Accept an order at once; it is applied when the connection's series shows it."""
        requested = model.BandwidthNews(
            incident=needed.incident,
            order=needed.order,
            status=model.RemedyStatus.REQUESTED,
            had=model.format_mbps(needed.from_mbps),
        )
        yield at, requested
        subject = self._test.subjects.get(needed.connection)
        series = subject.series.get("bandwidth_mbps") if subject else None
        if series is None:
            return
        first = -((self._test.start - at) // self._test.step)  # the next step, or this very one
        for step in range(first, max(first + 1, len(series.values))):
            if series.at(step) == needed.to_mbps:
                applied = replace(requested, status=model.RemedyStatus.APPLIED, over=True)
                yield self._test.start + step * self._test.step, applied
                return

    def _details(self, key: str, at: datetime) -> tuple[datetime, engine.Event]:
        scripted = self._test.subjects[key].details
        details = model.Details(
            labels=scripted.labels,
            bookings=tuple(self._booking(booking) for booking in scripted.bookings),
            notes=scripted.notes,
        )
        event = model.DetailsRead(
            subject=key, details=None if scripted.error else details, error=scripted.error
        )
        return at + scripted.after, event

    def _history(self, need: model.HistoryNeeded, now: datetime) -> model.HistoryRead:
        """Return the alarms of a time as they are on record now: some last."""
        entries = self._test.subjects[need.subject].history
        alarms = [self._alarm(entry, now) for entry in entries]
        return model.HistoryRead(
            subject=need.subject,
            start=need.start,
            end=need.end,
            alarms=tuple(alarm for alarm in alarms if _is_between(alarm, need.start, need.end)),
        )

    def _alarm(self, entry: schema.AlarmEntry, now: datetime) -> model.AlarmRecord:
        window = self._window((entry.start, entry.end))
        end = None if window.end is None or window.end > now else window.end
        return model.AlarmRecord(
            state=entry.state, message=entry.message, start=window.start, end=end
        )

    def _booking(self, booking: schema.Booking) -> model.Booking:
        return model.Booking(
            id=booking.id,
            scheduled=self._window(booking.scheduled),
            reserved=self._window(booking.reserved),
            actual=self._window(booking.actual),
            activated=tuple(self._window(window) for window in booking.activated),
            terminal=booking.terminal,
        )

    def _window(self, pair: schema.WindowPair) -> model.Window:
        start, end = (
            self._test.start + moment if isinstance(moment, timedelta) else moment
            for moment in pair
        )
        return model.Window(start=start, end=end)


def _is_between(alarm: model.AlarmRecord, start: datetime, end: datetime) -> bool:
    has_started = alarm.start is not None and alarm.start <= end
    return has_started and (alarm.end is None or alarm.end >= start)
