"""The NANOG BCOP form of a notice: an iCalendar file whose events have X-MAINTNOTE properties.

Sources: github.com/maint-notification/maintnote-std, RFC 5545. As carriers write it: a status that
is left out is a plan as announced before; an impact that is left out, or is a word that nobody has
defined, counts as none, so that an outage calls people.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from watcher import model
from watcher.text import clean
from watcher.works.entries import ENDED, Announcement, NoticeError, window

if TYPE_CHECKING:
    from icalendar import Component

_ESCAPES = re.compile(r"\\([\\,;nN])")
_BEGINS = re.compile(rb"^BEGIN:VCALENDAR\s*$", re.IGNORECASE | re.MULTILINE)
_ENDS = re.compile(rb"^END:VCALENDAR\s*$", re.IGNORECASE | re.MULTILINE)
STATUSES = {status.value.upper(): status for status in model.WorkStatus} | {
    "CANCELED": model.WorkStatus.CANCELLED,
    "RESCHEDULED": model.WorkStatus.RESCHEDULED,
    "NO-CHANGE": model.WorkStatus.CONFIRMED,
    "": model.WorkStatus.CONFIRMED,
}
IMPACTS = {impact.value.upper(): impact for impact in model.WorkImpact}
_FIRST_YEAR, _LAST_YEAR = 1990, 2200


def parse_calendar(body: bytes, *, zone: ZoneInfo, sender: str = "") -> list[Announcement]:
    """Return an entry for each event with X-MAINTNOTE properties; none where it has no such event.

    Times without a zone are on the clocks of `zone`. Raises NoticeError where it is not a calendar,
    or an event says something that cannot be.
    """
    if len(_BEGINS.findall(body)) != len(_ENDS.findall(body)):
        raise NoticeError(
            "not a valid iCalendar file: it is cut off, or has no end (END:VCALENDAR)"
        )
    from icalendar import Calendar  # noqa: PLC0415  # most starts read none

    try:
        calendars = Calendar.from_ical(body, multiple=True)
        events = [event for calendar in calendars for event in calendar.walk("VEVENT")]
        cancels = any(_text(calendar, "METHOD").upper() == "CANCEL" for calendar in calendars)
        return list(_entries(events, zone, sender, cancels=cancels))
    except (ValueError, KeyError, TypeError, AttributeError, LookupError) as error:
        reason = clean(str(error) or type(error).__name__, 200)
        raise NoticeError(f"not a valid iCalendar file: {reason}") from error


def _entries(
    events: list[Component], zone: ZoneInfo, sender: str, *, cancels: bool
) -> Iterator[Announcement]:
    for event in events:
        identity = _text(event, "X-MAINTNOTE-MAINTENANCE-ID")
        if not identity:
            if any(name.upper().startswith("X-MAINTNOTE-") for name in event):
                raise NoticeError("an event of the calendar has no X-MAINTNOTE-MAINTENANCE-ID")
            continue
        status = model.WorkStatus.CANCELLED if cancels else _status(event, identity)
        yield Announcement(
            provider=_text(event, "X-MAINTNOTE-PROVIDER") or _organizer(event) or sender,
            id=identity,
            status=status,
            window=_window(event, identity, status, zone),
            circuits=list(_circuits(event)),
            sequence=_sequence(event),
            stamp=_stamp(event, identity, status, zone),
            summary=_text(event, "SUMMARY"),
            account=_text(event, "X-MAINTNOTE-ACCOUNT"),
            label=_text(event, "UID"),
        )


def _values(component: Any, name: str) -> list[Any]:
    values = component.get(name, [])
    return values if isinstance(values, list) else [values]


def _text(component: Any, name: str) -> str:
    """Return a property's text; the first where it stands more than once."""
    values = _values(component, name)
    return _plain(values[0]).strip() if values else ""


def _plain(value: Any) -> str:
    """Return a property's text without escapes, which icalendar leaves in those with X-."""
    from icalendar.prop import vUnknown  # noqa: PLC0415  # as in parse_calendar

    if not isinstance(value, vUnknown):
        return str(value)
    return _ESCAPES.sub(lambda match: "\n" if match[1] in "nN" else match[1], str(value))


def _organizer(event: Component) -> str:
    return _text(event, "ORGANIZER").rpartition("@")[2]


def _status(event: Component, identity: str) -> model.WorkStatus:
    written = _text(event, "X-MAINTNOTE-STATUS") or _text(event, "STATUS")
    status = STATUSES.get(written.upper())
    if status is None:
        raise NoticeError(f"{clean(identity)}: its status {clean(written, 60)!r} is not known")
    return status


def _circuits(event: Component) -> Iterator[tuple[str, model.WorkImpact]]:
    of_all = _text(event, "X-MAINTNOTE-IMPACT")
    for value in _values(event, "X-MAINTNOTE-OBJECT-ID"):
        written = str(value.params.get("X-MAINTNOTE-OBJECT-IMPACT") or of_all)
        yield _plain(value), IMPACTS.get(written.strip().upper(), model.WorkImpact.NO_IMPACT)


def _sequence(event: Component) -> int | None:
    written = _text(event, "SEQUENCE")
    return int(written) if written.isascii() and written.isdigit() and len(written) < 10 else None


def _window(
    event: Component, identity: str, status: model.WorkStatus, zone: ZoneInfo
) -> model.WorkWindow | None:
    """Return an event's window. Work that is over is over, whatever is written of its window."""
    try:
        return _announced(event, identity, zone)
    except (NoticeError, OverflowError):
        if status in ENDED:
            return None
        raise


def _announced(event: Component, identity: str, zone: ZoneInfo) -> model.WorkWindow:
    begin = _moment(event, "DTSTART", identity, zone)
    end = _moment(event, "DTEND", identity, zone)
    if begin is not None and end is None and (lasts := _values(event, "DURATION")):
        span = _value(lasts[0])
        if not isinstance(span, timedelta):
            raise NoticeError(f"{clean(identity)}: its DURATION is not a duration")
        end = begin + span
    if begin is None:
        raise NoticeError(f"{clean(identity)}: it has no begin (DTSTART)")
    if end is None:
        raise NoticeError(f"{clean(identity)}: it has no end (DTEND)")
    return window(begin, end, clean(identity))


def _stamp(
    event: Component, identity: str, status: model.WorkStatus, zone: ZoneInfo
) -> datetime | None:
    try:
        return _moment(event, "DTSTAMP", identity, zone)
    except NoticeError:
        if status in ENDED:
            return None
        raise


def _value(written: Any) -> Any:
    """Return the value of a property; None where icalendar found it broken."""
    try:
        return getattr(written, "dt", None)
    except ValueError:
        return None


def _moment(event: Component, name: str, identity: str, zone: ZoneInfo) -> datetime | None:
    values = _values(event, name)
    if not values:
        return None
    value, what = _value(values[0]), clean(identity)
    if len(values) > 1 or not isinstance(value, date):
        raise NoticeError(f"{what}: its {name} is not a time: {clean(str(values[0]), 60)!r}")
    if not _FIRST_YEAR <= value.year <= _LAST_YEAR:
        raise NoticeError(f"{what}: its {name} is in the year {value.year}")
    if not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if value.tzinfo is None:
        # icalendar returns a time without a zone where it does not know the zone that is named.
        if named := values[0].params.get("TZID"):
            raise NoticeError(f"{what}: its time zone {clean(str(named), 60)!r} is not known")
        value = value.replace(tzinfo=zone)
    return value.astimezone(UTC)
