"""What the journal says of some subjects, as the series of a rule test. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from itertools import groupby

from watcher import model, ports
from watcher.rule_tests.series import Mark, Value


class Film:
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
