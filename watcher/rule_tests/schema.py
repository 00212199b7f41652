"""The settings of rule test files, as pydantic validates them, and the series in them."""

from __future__ import annotations

import contextlib
import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from msgspec import Struct
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    PlainValidator,
    model_validator,
)

from watcher import model
from watcher.config_types import Duration, Span
from watcher.ruleset.schema_types import Part, Words
from watcher.vendors.catalog import Kind

MOST_STEPS = 1_000_000  # steps

_PART = re.compile(
    r"(?P<number>-?\d+(?:\.\d+)?)(?:(?P<by>[+-]\d+(?:\.\d+)?))?(?:\*(?P<numbers>\d+))?"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*)(?:\*(?P<words>\d+))?"
)


class Mark(StrEnum):
    """What a step may hold in place of a value."""

    GAP = "_"  # of a metric: no sample; of a field: the poll fails
    FAILS = "fails"  # the poll fails
    REFUSED = "refused"  # the poll fails, and waiting will not cure it: a wrong key, say
    ABSENT = "absent"  # the poll does not list the subject
    UNREADABLE = "unreadable"  # it does, but what it says of the subject cannot be read
    STALE = "stale"  # the value before, with the vendor's time of before


Value = str | float | Mark


class Series(Struct, frozen=True):
    """The values of one field or metric, from step 0 on."""

    values: tuple[Value, ...]

    def at(self, step: int) -> Value:
        """Return the value at a step; the last one goes on."""
        return self.values[min(step, len(self.values) - 1)]

    def last_known(self, step: int) -> str | float | None:
        """Return the last value that is not a mark, up to a step; None before the first one."""
        for value in reversed(self.values[: step + 1]):
            if not isinstance(value, Mark):
                return value
        return None


def parse_series(text: str | float) -> Series:
    """Parse a series. Raises ValueError with a sentence for what cannot be read."""
    if not isinstance(text, str):
        return Series((float(text),))
    values: list[Value] = []
    for part in text.split():
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(
                f"cannot read {part!r}: write a value, VALUE*TIMES or START+STEP*TIMES,"
                " as in online*3, 80*20 or 50+5*4"
            )
        times = int(match["numbers"] or match["words"] or 1)
        if times < 1 or len(values) + times > MOST_STEPS:
            raise ValueError(f"{part!r}: a series has 1 to {MOST_STEPS:,} steps")
        values += _values(match, times)
    if not values:
        raise ValueError("is empty: write what the vendor says at each step")
    return Series(tuple(values))


def _values(match: re.Match[str], times: int) -> list[Value]:
    if match["number"] is not None:
        first, by = float(match["number"]), float(match["by"] or 0)
        return [round(first + by * step, 9) for step in range(times)]
    word = match["word"]
    return [Mark(word) if word in set(Mark) else word] * times


START = datetime(2026, 1, 1, tzinfo=UTC)


def _not_negative(value: timedelta) -> timedelta:
    if value < timedelta(0):
        raise ValueError("must not be negative")
    return value


def _moment(value: object) -> timedelta | datetime:
    """Accept -10m as well: before the start of the test."""
    if isinstance(value, str) and value.startswith("-"):
        return -model.parse_duration(value[1:])
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            return model.parse_duration(value)
        with contextlib.suppress(ValueError):
            value = datetime.fromisoformat(value)
    if isinstance(value, timedelta) or (isinstance(value, datetime) and value.tzinfo is not None):
        return value
    raise ValueError(
        "expected how long after the start, as in 10m or -10m, or a time with its zone"
    )


def _series(value: object) -> Series:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(  # noqa: TRY004  # pydantic reports this one alone
            "expected a series, as in online*3 offline*10 online"
        )
    return parse_series(value)


Offset = Annotated[Duration, AfterValidator(_not_negative)]
Moment = Annotated[timedelta | datetime, BeforeValidator(_moment)]
Values = Annotated[Series, PlainValidator(_series)]
WindowPair = tuple[Moment | None, Moment | None]


class Booking(Part):
    """One reservation's schedule; each window is [START, END], offsets or times, null if open."""

    id: str = Field("1", description="The reservation's own id")
    scheduled: WindowPair = Field((None, None), description="As booked")
    reserved: WindowPair = Field((None, None), description="As held by the vendor")
    actual: WindowPair = Field((None, None), description="As it ran")
    activated: tuple[WindowPair, ...] = Field((), description="When it was switched on")
    terminal: bool = Field(default=False, description="The vendor says that it is over")


class Details(Part):
    """What the vendor answers when it is asked for the subject alone."""

    labels: dict[str, str] = Field({}, description="Who and where it is")
    bookings: tuple[Booking, ...] = ()
    notes: tuple[str, ...] = ()
    after: Offset = Field(timedelta(0), description="How long the answer takes")
    error: str = Field("", description="The answer is this failure")


class AlarmEntry(Part):
    """One alarm of the record that the vendor keeps, on the vendor's time."""

    state: str
    message: str = ""
    start: Moment
    end: Moment | None = Field(None, description="None while it lasts")


class Subject(Part):
    """One subject and what its vendor says of it at each step."""

    labels: dict[str, str] = Field({}, description="Labels that every poll brings")
    details: Details = Details()
    history: tuple[AlarmEntry, ...] = Field((), description="The vendor's own alarm record")
    series: dict[str, Values] = Field(
        description="By field, or metric and direction (utilization in)", min_length=1
    )


class Notice(Part):
    """A carrier's notice of planned works; of one id the one that is read last counts."""

    at: Offset = Field(timedelta(0), description="When it is read")
    provider: str = Field(description="Who sends it, as in lumen", min_length=1)
    id: str = Field("1", description="The carrier's id of the works", min_length=1)
    status: model.WorkStatus = model.WorkStatus.CONFIRMED
    windows: tuple[tuple[Moment, Moment], ...] = Field(description="Each [BEGIN, END]")
    circuits: Words = Field(description="As in circuit_ids or service_ids of the inventory")
    impact: model.WorkImpact = model.WorkImpact.OUTAGE

    @model_validator(mode="after")
    def _check(self) -> Self:
        for begin, end in self.windows:
            if isinstance(begin, timedelta) is not isinstance(end, timedelta):
                raise ValueError("a window has two times or two spans, not one of each")
            if begin >= end:  # type: ignore[operator]  # of one type, as was just checked
                raise ValueError("a window has to end after it begins")
        return self


class Action(Part):
    """What a person does at a time."""

    at: Offset
    do: Literal["ack", "unack", "resolve", "note", "approve", "refuse"]
    rule: str = Field(description="The rule of the incident")
    subject: str | None = Field(None, description="One of its subjects, where there are several")
    by: str = "somebody"
    text: str = Field("", description="Of a note, or why it is resolved")


class Incident(Part):
    """An incident as it must be; what is left out may be anything."""

    rule: str
    subjects: Words | None = None
    status: model.IncidentStatus | None = None
    resolution: model.Resolution | None = None
    severity: model.Severity | None = None
    title: str | None = None
    summary: str | None = None
    fault_domain: model.FaultDomain | None = None
    flags: Words | None = Field(None, min_length=0)
    notify: Words | None = Field(None, min_length=0)
    runbook: str | None = None
    acknowledged_by: str | None = None
    remedy: model.RemedyStatus | None = Field(None, description="How its change of bandwidth is")
    opened: Offset | None = Field(None, description="How long after the start")
    resolved: Offset | None = Field(None, description="How long after the start")


class ExpectedNotification(Part):
    """A timeline entry; * in a text stands for anything."""

    text: str
    title: str | None = None
    rule: str | None = None
    at: Offset | None = None


def _text_alone(value: Any) -> Any:
    return {"text": value} if isinstance(value, str) else value


class Expectation(Part):
    """What must hold at a time; only what is given is checked."""

    at: Offset
    pending: dict[str, Words] | None = Field(None, description="Every pending alert: rule, subject")
    firing: dict[str, Words] | None = Field(None, description="Every firing alert: rule, subject")
    incidents: tuple[Incident, ...] | None = Field(
        None, description="Every incident that was opened until then, in order"
    )
    told: tuple[Annotated[ExpectedNotification, BeforeValidator(_text_alone)], ...] | None = Field(
        None, description="Every notification since the previous expectation with `told`"
    )
    quiet: tuple[Annotated[ExpectedNotification, BeforeValidator(_text_alone)], ...] | None = Field(
        None, description="Every other timeline entry since the previous expectation with `quiet`"
    )


class Test(Part):
    """One story and what must come of it: the polls, what people do, what is expected."""

    name: str = Field(min_length=1, max_length=200)
    start: AwareDatetime = Field(START, description="Time of step 0")
    step: Span = Field(timedelta(minutes=1), description="Time between polls")
    subjects: dict[str, Subject] = Field(description="By key: SOURCE/ID", min_length=1)
    inbox: tuple[Action, ...] = Field((), description="What people do")
    notices: tuple[Notice, ...] = Field((), description="Notices of planned works that are read")
    expect: tuple[Expectation, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> Self:
        times = [expectation.at for expectation in self.expect]
        if times != sorted(times):
            raise ValueError("expect must be in chronological order")
        if times[-1] / self.step > MOST_STEPS:
            raise ValueError(f"has more than {MOST_STEPS:,} steps; make step longer")
        return self


class Source(Part):
    """A source that the rules name; default: one of each kind, named like its kind."""

    kind: Kind
    blind_after: Span | None = None
    granularity: Span | None = None
    settle: Span | None = None


class TestFile(Part):
    """One file of tests."""

    rules: Words = Field(description="Rule files, relative to this one; globs are fine")
    inventory: str | None = Field(None, description="The inventory, relative to this file")
    sources: dict[str, Source] = Field({}, description="By name")
    tests: tuple[
        object, ...
    ] = ()  # each is validated as a Test of its own, so that all problems are reported
