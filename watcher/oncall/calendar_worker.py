"""`python -m watcher.oncall.calendar_worker BEGIN END ZONE`: an iCalendar on stdin becomes shifts.

A process of its own, because one line of a calendar (`RRULE:FREQ=SECONDLY`) can keep a processor
busy for hours: its parent ends it then. It is confined, as what a stranger writes may be worse than
slow. The answer is JSON, an error a sentence on stderr.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import msgspec
import recurring_ical_events  # type: ignore[import-untyped]  # publishes no types
from icalendar import Calendar, Event

from watcher import model, text
from watcher.sandbox.confine import confine

MOST_SHIFTS = 5_000
LONGEST_NAME = 200  # characters


def parse_shifts(
    calendar: bytes, begin: datetime, end: datetime, zone: ZoneInfo
) -> list[model.Shift]:
    """Return the shifts between two times, by their begin.

    What has no zone of its own is on the clocks of `zone`. Cancelled events and events without a
    SUMMARY do not count. Raises ValueError for what is not a calendar, or has too many shifts.
    """
    try:
        parsed = Calendar.from_ical(calendar)
        events = recurring_ical_events.of(parsed).between(begin, end)
        shifts = list(_shifts(events, zone))
    except (ValueError, KeyError, TypeError, AttributeError, LookupError) as error:
        reason = text.clean(str(error) or type(error).__name__, 200)
        raise ValueError(f"not a valid iCalendar file: {reason}") from error
    if len(shifts) > MOST_SHIFTS:
        raise ValueError(f"has more than {MOST_SHIFTS:,} shifts")
    return sorted(shifts, key=lambda shift: (shift.begin, shift.end, shift.person))


def _shifts(events: list[Event], zone: ZoneInfo) -> Iterator[model.Shift]:
    for event in events:
        person = text.clean(str(event.get("SUMMARY") or ""), LONGEST_NAME)
        begin, end = _moment(event.start, zone), _moment(event.end, zone)
        if person and begin < end and str(event.get("STATUS") or "").upper() != "CANCELLED":
            yield model.Shift(begin=begin, end=end, person=person)


def _moment(value: date, zone: ZoneInfo) -> datetime:
    """Return a time; a day begins at midnight on the clocks of the zone."""
    if not isinstance(value, datetime):
        value = datetime.combine(value, time())
    return (value if value.tzinfo else value.replace(tzinfo=zone)).astimezone(UTC)


def main() -> None:
    """Answer what is asked, once."""
    begin, end, zone = sys.argv[1:]
    confine(cpu_seconds=60, reads=True)  # zones are read as events name them
    try:
        shifts = parse_shifts(
            sys.stdin.buffer.read(),
            datetime.fromisoformat(begin),
            datetime.fromisoformat(end),
            ZoneInfo(zone),
        )
    except (ValueError, RecursionError) as error:
        sys.exit(text.clean(str(error) or type(error).__name__, 300))
    sys.stdout.buffer.write(msgspec.json.encode(shifts))


if __name__ == "__main__":
    main()
