"""Cron expressions as people write them, for maintenance windows: five fields, days with names."""

from __future__ import annotations

import re
from datetime import UTC

from apscheduler.triggers.cron import CronTrigger  # type: ignore[import-untyped]  # no types

_FIELDS = 5
_ORDINALS = {"1": "1st", "2": "2nd", "3": "3rd", "4": "4th", "5": "5th", "l": "last"}
_NTH = re.compile(r"(mon|tue|wed|thu|fri|sat|sun)#([1-5l])")


def parse_cron(text: str) -> CronTrigger:
    """Parse `0 22 * * sat`, five fields with names for the days of the week.

    Raises ValueError for anything else, and for what cron itself reads otherwise.
    """
    fields = text.casefold().split()
    if len(fields) != _FIELDS:
        raise ValueError(
            f"{text!r} is not a cron expression: expected minute, hour, day, month and day of the"
            " week, as in 0 22 * * sat"
        )
    minute, hour, day, month, weekday = fields
    if re.search(r"\d", weekday.partition("#")[0]):
        raise ValueError(
            "name the days of the week, as in sat or mon-fri: not every cron numbers"
            " them in the same way"
        )
    if day != "*" and weekday != "*":
        raise ValueError(
            "give the day of the month or the day of the week; for the first Sunday write sun#1"
        )
    if "#" in weekday:
        nth = [_NTH.fullmatch(word) for word in weekday.split(",")]
        if not all(nth):
            raise ValueError(f"{weekday!r} is not a day of the week, as in sun#1, fri#L or mon-fri")
        day = ",".join(f"{_ORDINALS[match[2]]} {match[1]}" for match in nth if match)
        weekday = "*"
    try:
        return CronTrigger(
            minute=minute,
            hour=hour,
            day="last" if day == "l" else day,
            month=month,
            day_of_week=weekday,
            timezone=UTC,
        )
    except ValueError as error:
        what = re.sub(r"^Error validating expression '.*?': ", "", str(error))
        raise ValueError(f"{text!r} is not a cron expression: {what}") from error
