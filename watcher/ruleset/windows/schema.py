"""The keys of windows: the hours of a rule, and maintenance."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from pydantic import Field, model_validator

from watcher import engine
from watcher.config_types import Span, Zone
from watcher.ruleset.schema_types import (
    WEEK,
    Cron,
    Days,
    Part,
    TimeOfDay,
    WallTime,
)


class TimeOfWeek(Part):
    """A window on some days of the week, on the clocks of a place."""

    zone: Zone = Field(description="Time zone, as in Europe/Paris")
    days: Days = Field(
        WEEK, description="Days on which it starts, as in mon or mon-fri; absent: every day"
    )
    from_: TimeOfDay = Field(alias="from", description="When it starts, as in 22:00")
    to: TimeOfDay = Field(description="When it ends; if not later than from, on the next day")


class Hours(TimeOfWeek):
    """A time of the week in which a rule applies."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.to <= self.from_ and (self.to - self.from_) % (24 * 60) == 0:
            raise ValueError(
                "from and to are the same time; for whole days write from: 00:00 and to: 24:00"
            )
        return self


class Maintenance(Part):
    """A time in which nobody is notified: of the week, once, or by cron."""

    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=80)
    match: dict[str, str] = Field(
        min_length=1,
        description="What it mutes: rule, subject, source, severity, labels.NAME; * is a wildcard",
    )
    zone: Zone = Field(description="Time zone, as in Europe/Paris")
    action: engine.WindowAction = Field(
        engine.WindowAction.MUTE,
        description="skip: rules are not evaluated; mute: nobody is notified; run: only marked",
    )
    days: Days | None = Field(
        None, description="Days on which it starts, as in mon or mon-fri; absent: every day"
    )
    from_: WallTime | None = Field(
        None, alias="from", description="When it starts, as in 22:00, or once: 2026-12-01 22:00"
    )
    to: WallTime | None = Field(
        None, description="When it ends; a time of day not later than from is on the next day"
    )
    cron: Cron | None = Field(
        None, description="When it starts, as in 0 22 * * sat; days of the week have names"
    )
    for_: Span | None = Field(None, alias="for", description="How long it lasts, with cron")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.cron is None) == (self.from_ is None):
            raise ValueError("needs from and to, or cron and for")
        if (self.cron is None) != (self.for_ is None):
            raise ValueError("for is how long a window with cron lasts; the two belong together")
        if (self.from_ is None) != (self.to is None):
            raise ValueError("from and to belong together")
        if isinstance(self.from_, datetime) != isinstance(self.to, datetime):
            raise ValueError("from and to are both times of day, or both have a date")
        if self.days is not None and not isinstance(self.from_, int):
            raise ValueError("days are for a window of the week, with times of day")
        match self.from_, self.to:
            case datetime() as start, datetime() as end if end <= start:
                raise ValueError("the window would end before it starts")
            case _:
                pass
        return self
