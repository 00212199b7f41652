"""Who is on call: the keys of rule files about people and rotas, checked and compiled."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from itertools import pairwise
from typing import Annotated, Any, Protocol, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from watcher import model
from watcher.config_types import Zone
from watcher.oncall import rota as oncall
from watcher.oncall.rota import Handover
from watcher.ruleset.problems import Problems, suggest
from watcher.ruleset.schema_types import WEEK, Part, Words, parse_days, parse_minutes
from watcher.ruleset.yaml_document import Document

_NAME = r"^[a-z0-9]+(-[a-z0-9]+)*$"
_TEXT = WithJsonSchema({"type": "string"})
_TEXT_OR_NUMBER = [{"type": "string"}, {"type": "integer"}]


def _parse_handovers(value: object) -> tuple[Handover, ...]:
    """Return handovers such as `mon 09:00`, `mon-fri 18:00` or `09:00`, in the week's order."""
    items = value if isinstance(value, list | tuple) else [value]
    handovers = {handover for item in items for handover in _parse_handover(item)}
    if not handovers:
        raise ValueError("expected at least one time, as in mon 09:00")
    return tuple(sorted(handovers))


def _parse_handover(item: object) -> list[Handover]:
    if isinstance(item, Handover):
        return [item]
    words = item.split() if isinstance(item, str) else [item]
    if not 1 <= len(words) <= 2:
        raise ValueError("expected a day and a time, as in mon 09:00, or a time alone")
    minute = parse_minutes(words[-1])
    days: Any = parse_days(words[0]) if len(words) == 2 else WEEK
    return [Handover(weekday=WEEK.index(day), minute=minute % (24 * 60)) for day in days]


def _parse_moment(value: object) -> datetime:
    if isinstance(value, datetime) and value.tzinfo is None:
        return value
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time())
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d", value):
        return datetime.fromisoformat(value)
    raise ValueError("expected a day and a time on the clocks of zone, as in 2026-12-24 09:00")


def _check_member(value: str) -> str:
    if value and not re.fullmatch(r"[UWS][A-Z0-9]{4,}", value):
        raise ValueError("expected a member id, as in U0123456789, or that of a user group (S...)")
    return value


Handovers = Annotated[
    tuple[Handover, ...],
    BeforeValidator(_parse_handovers),
    WithJsonSchema(
        {
            "anyOf": [
                *_TEXT_OR_NUMBER,
                {"type": "array", "items": {"anyOf": _TEXT_OR_NUMBER}, "minItems": 1},
            ]
        }
    ),
]
Moment = Annotated[datetime, BeforeValidator(_parse_moment), _TEXT]


class Person(Part):
    """Somebody who may be on call."""

    slack: Annotated[str, AfterValidator(_check_member)] = Field(
        "", description="Member id, or that of a user group, as in U0123456789"
    )
    email: str = Field("", description="How calendars name them, beside their name")


class Override(Part):
    """A shift that wins over the rota."""

    from_: Moment = Field(alias="from", description="When it begins, on the clocks of zone")
    to: Moment = Field(description="When it ends")
    person: str = Field(description="Who has it")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.to <= self.from_:
            raise ValueError("to is not later than from")
        return self


class Rota(Part):
    """Who is on call: people who take turns, or a calendar."""

    name: str = Field(pattern=_NAME, max_length=80)
    zone: Zone = Field("UTC", description="Time zone, as in Europe/Paris")
    turns: Words | None = Field(None, description="Whose turn it is, one after the other")
    handover: Handovers | None = Field(
        None, description="When the next one takes over, as in mon 09:00, or 09:00 for every day"
    )
    start: Annotated[date, _TEXT] | None = Field(
        None, description="The day from which on the first of turns has it"
    )
    overrides: tuple[Override, ...] = Field((), description="Shifts that win over the rest")
    calendar: str | None = Field(
        None, min_length=1, description="An iCalendar file, or its address; SUMMARY is the person"
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.turns is None) == (self.calendar is None):
            raise ValueError("needs exactly one of turns and calendar")
        if self.turns is not None and (self.handover is None or self.start is None):
            raise ValueError("turns needs handover, as in mon 09:00, and start, a day")
        if self.calendar is not None and (self.handover is not None or self.start is not None):
            raise ValueError("a rota with calendar cannot have handover or start")
        return self


class File(Protocol):
    """What a rule file says about who is on call."""

    @property
    def people(self) -> Mapping[str, Person]:
        """People by name."""

    @property
    def rotas(self) -> Sequence[Rota]:
        """Rotas."""


def compile_rotas(
    files: Sequence[tuple[Document, File]], problems: Problems
) -> dict[str, oncall.Rota]:
    """Return the rotas of all files by name; add what is wrong to `problems`."""
    people: dict[str, oncall.Person] = {}
    for document, file in files:
        for name, person in file.people.items():
            if name in people:
                place = document.place(("people", name), of_key=True)
                problems.add(place, f"people.{name}", "there is already a person of this name")
            people[name] = oncall.Person(name=name, slack=person.slack, email=person.email)
    rotas: dict[str, oncall.Rota] = {}
    for document, file in files:
        for number, written in enumerate(file.rotas):
            if written.name in rotas:
                place = document.place(("rotas", number, "name"))
                problems.add(place, f"{written.name}.name", "there is already a rota of this name")
            rotas[written.name] = _Compiler(written, document, number, people, problems).compile()
    return rotas


class _Compiler:
    """Compiles one rota."""

    def __init__(
        self,
        written: Rota,
        document: Document,
        number: int,
        people: dict[str, oncall.Person],
        problems: Problems,
    ) -> None:
        self._written = written
        self._document = document
        self._number = number
        self._people = people
        self._problems = problems

    def compile(self) -> oncall.Rota:
        """Return the rota; add what is wrong with it."""
        written = self._written
        for number, name in enumerate(written.turns or ()):
            self._check_person(name, "turns", number)
        overrides = tuple(self._overrides())
        for earlier, later in pairwise(sorted(overrides, key=lambda shift: shift.begin)):
            if later.begin < earlier.end:
                what = f"those of {earlier.person} and {later.person} overlap"
                self._report(what, "overrides")
        return oncall.Rota(
            name=written.name,
            zone=ZoneInfo(written.zone),
            turns=written.turns or (),
            handovers=written.handover or (),
            start=written.start or date.min.replace(year=2001),
            overrides=overrides,
            people=self._people,
            calendar=self._calendar(),
        )

    def _overrides(self) -> Iterator[model.Shift]:
        zone = ZoneInfo(self._written.zone)
        for number, override in enumerate(self._written.overrides):
            self._check_person(override.person, "overrides", number, "person")
            yield model.Shift(
                begin=override.from_.replace(tzinfo=zone).astimezone(UTC),
                end=override.to.replace(tzinfo=zone).astimezone(UTC),
                person=override.person,
            )

    def _calendar(self) -> str:
        calendar = self._written.calendar or ""
        if "://" not in calendar:
            return str(self._document.file.parent / calendar) if calendar else ""
        address = urlsplit(calendar)
        if address.scheme not in {"http", "https", "webcal"} or not address.hostname:
            self._report("expected a file, or an address that begins with https://", "calendar")
        return calendar.replace("webcal://", "https://", 1)

    def _check_person(self, name: str, key: str, *more: str | int) -> None:
        if name not in self._people:
            hint = suggest(name, self._people) if self._people else "; list them under people"
            self._report(f"there is no person {name!r}{hint}", key, *more)

    def _report(self, what: str, key: str, *more: str | int) -> None:
        place = self._document.place(("rotas", self._number, key, *more))
        self._problems.add(place, f"{self._written.name}.{key}", what)
