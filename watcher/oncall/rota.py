"""Who is on call at a time, by a rota that hands over on the clocks of a place, or by a calendar.

Pure. Law: at each instant exactly one person is on call, or nobody, and then the rota says until
when. An override wins over everything. A handover at 09:00 is at 09:00 on the clocks there on every
day; a time that the clocks skip counts by the offset before they jump, one that they show twice by
its first time (RFC 5545, 3.3.5).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from msgspec import Struct, field

from watcher import model

_DAY = timedelta(days=1)
_WEEK = 7
_MONDAY = date(2001, 1, 1)  # weeks are counted from here
_MOST_SHIFTS = 100  # that are looked through for the next person
_MOST_COMPARED = 500  # shifts of a calendar, from now on


class Person(Struct, frozen=True, kw_only=True):
    """Somebody who may be on call, and how Slack knows them; `email` is how calendars do."""

    name: str
    slack: str = ""
    email: str = ""

    @property
    def mention(self) -> str:
        """What calls them in a Slack message; empty for somebody who is not on Slack."""
        if not self.slack:
            return ""
        return f"<!subteam^{self.slack}>" if self.slack.startswith("S") else f"<@{self.slack}>"


class Handover(NamedTuple):
    """A time of the week at which the next person takes over; Monday is 0."""

    weekday: int
    minute: int  # after midnight


class OnCall(Struct, frozen=True, kw_only=True):
    """Who has a rota until when, and who has it then; no `person` is a gap.

    `until` is None where nothing is going to change. `mention` calls the person in Slack.
    """

    rota: str
    person: str = ""
    mention: str = ""
    until: datetime | None = None
    next: str = ""
    trouble: str = ""  # with its calendar

    def __str__(self) -> str:
        """Return it as people say it: `ann until Mon 30 Nov 08:00 UTC, then bob`."""
        who = self.person or "nobody"
        trouble = f"; {self.trouble}" if self.trouble else ""
        if self.until is None:
            return f"{who}{trouble}"
        then = f"then {self.next or 'nobody'}"
        return f"{who} until {self.until:%a %d %b %H:%M} UTC, {then}{trouble}"


class Rota(Struct, frozen=True, kw_only=True):
    """People who take turns: at each of the `handovers`, from `start` on; or a `calendar`.

    `overrides` are shifts that win. a calendar may name others than `people`.
    """

    name: str
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    turns: tuple[str, ...] = ()
    handovers: tuple[Handover, ...] = ()  # in the order of the week
    start: date = _MONDAY
    overrides: tuple[model.Shift, ...] = ()
    people: Mapping[str, Person] = field(default_factory=dict)
    calendar: str = ""  # a file, or an address, which may be secret

    def __repr__(self) -> str:
        """Return its name alone: a log must not show the address of its calendar."""
        return f"Rota(name={self.name!r})"

    def who(self, now: datetime, shifts: Sequence[model.Shift] = ()) -> OnCall:
        """Return who has it at a time; `shifts` are those of its calendar, by their begin."""
        shifts = [shift for shift in shifts if shift.end > now][:_MOST_COMPARED]
        person, until = self._at(now, shifts)
        following = ""
        for _ in range(_MOST_SHIFTS):
            if until is None:
                break
            following, ends = self._at(until, shifts)
            if following != person:
                break
            until = ends
        else:
            until = None  # nobody else is in sight
        listed = self.people.get(person)
        return OnCall(
            rota=self.name,
            person=person,
            mention=listed.mention if listed else "",
            until=until,
            next=following if until else "",
        )

    def gaps(
        self, begin: datetime, end: datetime, shifts: Sequence[model.Shift] = ()
    ) -> Iterator[tuple[datetime, datetime | None]]:
        """Yield from when until when nobody has it, between two times."""
        at: datetime | None = begin
        while at is not None and at < end:
            current = self.who(at, shifts)
            if not current.person:
                yield at, current.until
            at = current.until

    def find(self, text: str) -> str:
        """Return whom a calendar means: a name or an address of `people`, or its own words."""
        wanted = text.strip().casefold()
        for person in self.people.values():
            if wanted in {person.name.casefold(), person.email.casefold()} - {""}:
                return person.name
        return text.strip()

    def _at(self, now: datetime, shifts: Sequence[model.Shift]) -> tuple[str, datetime | None]:
        """Return who has it, empty for nobody, and a time up to which that is so."""
        override = _latest(self.overrides, now)
        ahead = min((shift.begin for shift in self.overrides if shift.begin > now), default=None)
        if override is not None:
            return override.person, _earlier(override.end, ahead)
        person, until = self._by_calendar(now, shifts) if self.calendar else self._by_turns(now)
        return person, _earlier(until, ahead)

    def _by_calendar(
        self, now: datetime, shifts: Sequence[model.Shift]
    ) -> tuple[str, datetime | None]:
        shift = _latest(shifts, now)
        ahead = min((shift.begin for shift in shifts if shift.begin > now), default=None)
        if shift is None:
            return "", ahead
        return self.find(shift.person), _earlier(shift.end, ahead)

    def _by_turns(self, now: datetime) -> tuple[str, datetime | None]:
        today = max(now.astimezone(self.zone).date(), self.start)
        current: int | None = None
        for moment, number in self._handovers_around(today):
            if moment > now:
                return "" if current is None else self.turns[current % len(self.turns)], moment
            current = number
        return "", None  # cannot be: a week holds a handover

    def _handovers_around(self, today: date) -> Iterator[tuple[datetime, int]]:
        """Yield the handovers of the weeks around a day, each with its number since the start."""
        first = next(
            number for number, day, _ in self._days(self.start, _WEEK + 1) if day >= self.start
        )
        for number, day, handover in self._days(today - (_WEEK + 1) * _DAY, 3 * _WEEK):
            if day >= self.start:
                wall = datetime.combine(day, time(*divmod(handover.minute, 60)), self.zone)
                yield wall.astimezone(UTC), number - first

    def _days(self, begin: date, days: int) -> Iterator[tuple[int, date, Handover]]:
        """Yield the handovers of some days: number since long ago, day, and time."""
        for offset in range(days):
            day = begin + offset * _DAY
            week = (day - _MONDAY).days // _WEEK
            for index, handover in enumerate(self.handovers):
                if handover.weekday == day.weekday():
                    yield week * len(self.handovers) + index, day, handover


def _latest(shifts: Sequence[model.Shift], now: datetime) -> model.Shift | None:
    """Return the shift that counts now: of several the one that began last, then the shortest."""
    active = [shift for shift in shifts if shift.begin <= now < shift.end]
    return max(
        active, key=lambda shift: (shift.begin, -shift.end.timestamp(), shift.person), default=None
    )


def _earlier(*times: datetime | None) -> datetime | None:
    return min((at for at in times if at is not None), default=None)
