"""EVPL lines as subjects: field `utilization` in percent, and its samples by direction."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median_low

import msgspec
import structlog
from msgspec.structs import replace

from watcher import model, off_loop
from watcher.clock import Clock
from watcher.vendors.evpl import settings
from watcher.vendors.evpl.client import MOST_ON_LOOP, EvplClient, Line, Utilization

METRIC = "utilization"
MOST = 110.0  # percent; above it the unit is wrong, not the line full
FARTHEST = timedelta(days=7)  # how far back a gap is asked for
LONGEST_LAG = timedelta(days=1)  # a line further behind the others holds no poll back
CHANGES = 3  # by so many answers the vendor publishes buckets while they fill
_DIRECTIONS = {
    **dict.fromkeys(("in", "ingress", "rx", "receive", "received", "input", "download"), "in"),
    **dict.fromkeys(("out", "egress", "tx", "transmit", "sent", "output", "upload"), "out"),
}
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

log = structlog.get_logger()

_Series = dict[str, dict[datetime, float]]  # by direction, then by time, in percent


class Reading(msgspec.Struct, frozen=True, gc=False):
    """The newest that is known of one line; `utilization` is the worse of its directions."""

    utilization: float | None
    at: datetime | None
    pop_country: str
    pop_name: str
    pop_section: str


class EvplSource:
    """One operator's lines. Raises what its client raises; it has no details.

    Each poll asks from the newest sample of the line that is furthest behind, less three spacings,
    and at least for `window`, since samples arrive late. Only samples that are new or corrected are
    passed on, and none that is younger than `settle`.
    """

    def __init__(
        self, name: str, config: settings.EvplSource, client: EvplClient, clock: Clock
    ) -> None:
        self.name = name
        self._config = config
        self._client = client
        self._clock = clock
        self._newest: dict[str, datetime] = {}  # by line
        self._readings: dict[str, Reading] = {}
        self._passed_on: dict[tuple[str, str, datetime], float] = {}
        self._changes = 0  # answers in which a newest sample had changed
        self._logged: set[str] = set()

    async def poll(self) -> model.Snapshot:
        """Fetch the utilisation of all lines since a little before the newest sample."""
        now = self._clock.now()
        start = now - self._config.window
        if self._newest:
            last = max(self._newest.values())
            behind = min(at for at in self._newest.values() if last - at <= LONGEST_LAG)
            start = min(start, behind - 3 * self._config.granularity)
        start = max(start, now - FARTHEST)
        answer = await self._client.utilization(start, now)
        return await off_loop.run_long(
            lambda: self._settled(answer, start, now), is_long=len(answer.lines) > MOST_ON_LOOP
        )

    def _settled(self, answer: Utilization, start: datetime, now: datetime) -> model.Snapshot:
        """Return a snapshot of the values that are not from the future, and old enough."""
        past, future = up_to(answer, now + self._config.clock_tolerance)
        settled, _ = up_to(past, now - self._config.settle) if self._config.settle else (past, 0)
        snapshot = self.snapshot(settled, start)
        if not future:
            return snapshot
        remark = f"{future} values are from the future and left out: check both clocks"
        self._log({"evpl values from the future": remark})
        return replace(snapshot, future=future, remarks=(*snapshot.remarks, remark))

    def resume(self, subjects: Iterable[model.Subject]) -> None:
        """Fetch from the newest samples of these lines on, which were kept over a restart."""
        latest = self._clock.now() + self._config.clock_tolerance
        self._newest |= {
            subject.id: subject.vendor_time
            for subject in subjects
            if subject.vendor_time is not None and subject.vendor_time <= latest
        }

    async def details(self, subject: str) -> model.Details:
        """Refuse: Orange tells a line's labels with its samples and nothing else."""
        raise model.PermanentError(f"{subject} has no details: Orange offers none for EVPL lines")

    async def history(
        self, subject: str, start: datetime, end: datetime
    ) -> tuple[model.AlarmRecord, ...]:
        """Refuse: its samples are all that Orange records of a line."""
        raise model.PermanentError(f"{subject} has no alarm record between {start} and {end}")

    def snapshot(self, answer: Utilization, start: datetime) -> model.Snapshot:
        """Return a snapshot of what was measured since `start`."""
        lines: dict[str, list[Line]] = {}
        for line in answer.lines:
            lines.setdefault(line.instance, []).append(line)
        series = {instance: self._series(lines[instance]) for instance in lines}
        given, taken = _counts(answer, series)
        if not taken:
            self._refuse(answer, given)
        self._changes += self._has_changed(series)
        remarks = dict(self._remarks(answer, series))
        self._log(remarks)
        readings = {i: self._reading(lines[i][-1], series[i]) for i in lines}
        self._readings |= readings
        samples = self._fresh(series, start)
        times = {i: reading.at for i, reading in readings.items() if reading.at is not None}
        if answer.complete and readings:  # a line that is gone is waited for no longer
            self._newest = {i: at for i, at in self._newest.items() if i in readings}
        self._newest |= times
        return model.Snapshot(
            readings=readings,
            translate=self._translate,
            complete=answer.complete,
            samples=samples,
            vendor_time=max(times.values(), default=None),
            remarks=tuple(remarks.values()),
            unread_values=given - taken,
        )

    def _refuse(self, answer: Utilization, given: int) -> None:
        """Raise TemporaryError for an answer that says something of which nothing can be read."""
        if answer.unreadable and not answer.lines:
            raise model.TemporaryError(
                f"none of the {answer.unreadable} entries of the answer names a line"
            )
        if answer.odd:
            raise model.TemporaryError(
                f"none of the {given} values in the answer can be read, as in {answer.example}"
            )
        if given:
            unit = self._config.unit
            raise model.TemporaryError(
                f"none of the {given} values in the answer is from 0 to {MOST:g} % where the unit"
                f" is {unit}: check `unit`"
            )

    def _series(self, lines: list[Line]) -> _Series:
        scale = 100.0 if self._config.unit == "ratio" else 1.0
        series: _Series = {}
        for line in lines:
            values = series.setdefault(direction(line.metric), {})
            for at, value in line.values.items():
                percent = value * scale
                if 0 <= percent <= MOST:
                    values[at] = max(percent, values.get(at, 0.0))
        return series

    def _reading(self, line: Line, series: _Series) -> Reading:
        newest = [(max(values), values) for values in series.values() if values]
        last = self._readings.get(line.instance)
        if not newest and last is not None:
            return last  # a gap is not zero: the last known value stays, with its time
        return Reading(
            utilization=max((values[at] for at, values in newest), default=None),
            at=max((at for at, _ in newest), default=None),
            pop_country=line.pop_country,
            pop_name=line.pop_name,
            pop_section=line.pop_section,
        )

    def _remarks(
        self, answer: Utilization, series: Mapping[str, _Series]
    ) -> Iterator[tuple[str, str]]:
        """Yield what a person should look into; it never stops the poll."""
        given = [value for line in answer.lines for value in line.values.values()]
        taken = [v for s in series.values() for values in s.values() for v in values.values()]
        if not answer.complete:
            yield "evpl pages incomplete", f"lines may be missing: {answer.doubt or 'no last page'}"
        if answer.unreadable:
            yield "evpl entries unreadable", f"{answer.unreadable} entries do not name a line"
        if answer.odd:
            what = f"{answer.odd} values cannot be read and are left out, as in {answer.example}"
            yield "evpl values unreadable", what
        limit = MOST / 100 if self._config.unit == "ratio" else MOST
        if any(value < 0 or value > limit for value in given):
            yield "evpl unit wrong", f"values beyond {MOST:g} % are left out: check `unit`"
        if len(taken) >= 20 and 0 < max(taken) <= 1:
            yield "evpl unit wrong", "no value is above 1 %: check whether `unit` is ratio"

        asked = self._config.granularity
        if self._changes >= CHANGES:
            least = model.format_duration(max(2 * asked, self._config.settle + asked))
            remark = f"the newest samples change later: set `settle` to {least} or more"
            yield "evpl newest samples change", remark

        spacing = _spacing(series)
        # With samples further apart than this no window would ever count as covered.
        if spacing is not None and not asked / 2 < spacing <= asked * 5 / 4:
            actual, expected = model.format_duration(spacing), model.format_duration(asked)
            remark = f"samples come every {actual}, not every {expected}: check `granularity`"
            yield "evpl granularity differs", remark

    def _has_changed(self, series: Mapping[str, _Series]) -> bool:
        """Return whether a sample that was the newest of its line now has another value."""
        newest: dict[tuple[str, str], datetime] = {}
        for instance, way, at in self._passed_on:
            newest[instance, way] = max(at, newest.get((instance, way), at))
        for (instance, way), at in newest.items():
            before = self._passed_on[instance, way, at]
            now = series.get(instance, {}).get(way, {}).get(at, before)
            if abs(now - before) >= 1:
                return True
        return False

    def _log(self, remarks: Mapping[str, str]) -> None:
        for event, text in remarks.items():
            if event not in self._logged:
                self._logged.add(event)
                log.warning(event, source=self.name, answer=text)

    def _fresh(self, series: Mapping[str, _Series], start: datetime) -> tuple[model.Sample, ...]:
        given = {
            (instance, way, at): value
            for instance, ways in series.items()
            for way, values in ways.items()
            for at, value in values.items()
        }
        fresh = [key for key, value in given.items() if self._passed_on.get(key) != value]
        kept = {key: value for key, value in self._passed_on.items() if key[2] >= start}
        self._passed_on = kept | given
        return tuple(
            model.Sample(
                subject=f"{self.name}/{instance}",
                metric=METRIC,
                direction=way,
                at=at,
                value=given[instance, way, at],
            )
            for instance, way, at in sorted(fresh, key=lambda key: (key[2], key[0], key[1]))
        )

    def _translate(self, instance: str, reading: object) -> model.Observed:
        if not isinstance(reading, Reading):
            raise TypeError(f"{reading!r} is not a reading of EVPL")
        labels = {
            "pop_country": reading.pop_country,
            "pop_name": reading.pop_name,
            "pop_section": reading.pop_section,
        }
        return model.Observed(
            key=f"{self.name}/{instance}",
            fields={METRIC: reading.utilization},
            labels={key: value for key, value in labels.items() if value},
            vendor_time=reading.at,
        )


def up_to(answer: Utilization, latest: datetime) -> tuple[Utilization, int]:
    """Return an answer without what was measured after `latest`, and how much that was."""
    later = sum(at > latest for line in answer.lines for at in line.values)
    if not later:
        return answer, 0
    lines = tuple(
        replace(line, values={at: value for at, value in line.values.items() if at <= latest})
        for line in answer.lines
    )
    return replace(answer, lines=lines), later


def _counts(answer: Utilization, series: Mapping[str, _Series]) -> tuple[int, int]:
    """Return how many values the answer has, and how many of them can be used."""
    taken = sum(len(values) for ways in series.values() for values in ways.values())
    readable = {
        (line.instance, direction(line.metric), at) for line in answer.lines for at in line.values
    }
    return answer.odd + len(readable), taken


def direction(metric: str) -> str:
    """Return `in` or `out` where a word of the metric's name says so, else nothing."""
    words = [word.lower() for word in _WORD.findall(metric)]
    return next((_DIRECTIONS[word] for word in words if word in _DIRECTIONS), "")


def _spacing(series: Mapping[str, _Series]) -> timedelta | None:
    """Return the median time between samples, over all lines; None for fewer than three gaps."""
    gaps = [
        later - earlier
        for ways in series.values()
        for values in ways.values()
        for earlier, later in pairwise(sorted(values))
    ]
    return median_low(gaps) if len(gaps) >= 3 else None
