"""Planned works as a calendar to subscribe to: RFC 5545 with the BCOP's `X-MAINTNOTE-*`. Pure.

Each window is an event. Its UID stays the same while the works move, so that a calendar moves the
event; one that does not count any more is CANCELLED. The SEQUENCE only grows. Account numbers and
where a notice was read stay at home: calendars are shared widely.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from icalendar import Calendar, Event, vText

from watcher.model import CountedWork, Work, WorkStatus, WorkWindow, format_count
from watcher.operations import works
from watcher.operations.works import Subjects
from watcher.text import clean

NAME = "Planned works"
REFRESH = timedelta(minutes=15)  # how often a calendar should ask again
_PRODID = "-//Watcher//Planned works//EN"
_LONGEST = 500  # of a text that a carrier wrote
_MOST_CIRCUITS = 100  # of one event


def calendar(
    listed: Iterable[Work], now: datetime, find: works.FindSubjects, *, page: str = ""
) -> bytes:
    """Return the calendar. `page` is the address of the page with the works, if it is known."""
    shown = Calendar()
    shown.add("PRODID", _PRODID)
    shown.add("VERSION", "2.0")
    shown.add("METHOD", "PUBLISH")
    shown.add("NAME", NAME)
    shown.add("X-WR-CALNAME", NAME)
    shown.add("REFRESH-INTERVAL", REFRESH, parameters={"VALUE": "DURATION"})
    shown["X-PUBLISHED-TTL"] = vText("PT15M")
    for work in listed:
        subjects = find(work)
        for number, window, counts in _windows(work):
            shown.add_component(_event(work, number, window, now, subjects, page, counts=counts))
    return bytes(shown.to_ical())


def _windows(work: Work) -> Iterator[tuple[int, WorkWindow, bool]]:
    """Yield each window with its number, and whether it counts; those that left come last."""
    live = sorted(work.windows, key=_by_time)
    yield from ((number, window, True) for number, window in enumerate(live))
    number = len(live)
    for notice in reversed(work.notices):  # what earlier notices had more of is cancelled
        for window in sorted(notice.windows, key=_by_time)[number:]:
            yield number, window, False
            number += 1


def _event(  # noqa: PLR0917  # one caller, which has just looked them up
    work: Work,
    number: int,
    window: WorkWindow,
    now: datetime,
    subjects: Subjects,
    page: str,
    *,
    counts: bool,
) -> Event:
    notice, impact = work.notice, works.worst_impact(work)
    event = Event()
    event.add("UID", f"{_digest(work.key)}-{number + 1}@watcher")
    event.add("SEQUENCE", sequence_of(work))
    event.add("DTSTAMP", now)
    event.add("DTSTART", window.begin)
    event.add("DTEND", window.end)
    event.add("SUMMARY", f"{works.title(work)}: {works.IMPACTS[impact]}")
    event.add("DESCRIPTION", "\n".join(_description(work, now, subjects)))
    event.add("STATUS", _status(work, counts=counts))
    event.add("TRANSP", "TRANSPARENT")  # nobody's own time is taken
    event.add("CATEGORIES", [_clean(notice.provider)])
    if page:
        event.add("URL", page)
    event.add("X-MAINTNOTE-PROVIDER", _clean(notice.provider))
    event.add("X-MAINTNOTE-MAINTENANCE-ID", _clean(notice.id))
    event.add("X-MAINTNOTE-IMPACT", impact.value.upper())
    status = notice.status if counts else WorkStatus.CANCELLED
    event.add("X-MAINTNOTE-STATUS", status.value.upper())
    for circuit in notice.circuits[:_MOST_CIRCUITS]:
        impact_of = {"X-MAINTNOTE-OBJECT-IMPACT": circuit.impact.value.upper()}
        event.add("X-MAINTNOTE-OBJECT-ID", _clean(circuit.id), parameters=impact_of)
    return event


def sequence_of(work: Work) -> int:
    """Return a number that grows with each notice, and when somebody decides about the works."""
    notices = [notice.sequence or 0 for notice in work.notices]
    decided = bool(work.confirmed_by or work.dismissed_by)
    others = work.others if isinstance(work, CountedWork) else ()  # a notice of theirs moves these
    beside = sum(len(other.notices) for other in others)
    return 2 * (max(notices) + len(work.history) + beside) + decided


def _status(work: Work, *, counts: bool) -> str:
    if not counts:
        return "CANCELLED"
    return "TENTATIVE" if work.notice.status is WorkStatus.TENTATIVE else "CONFIRMED"


def _description(work: Work, now: datetime, subjects: Subjects) -> Iterator[str]:
    notice = work.notice
    if notice.summary:
        yield _clean(notice.summary)
    yield f"{works.STATES[works.state_of(work, now)]}; the carrier says: {notice.status.words}"
    if people := works.describe_people(work):
        yield people
    for circuit in notice.circuits[:_MOST_CIRCUITS]:
        keys = _clean(", ".join(subjects.get(circuit.id, ())))
        named = f" ({keys})" if keys else ""
        yield f"{_clean(circuit.id)}: {works.IMPACTS[circuit.impact]}{named}"
    more = len(notice.circuits) - _MOST_CIRCUITS
    if more > 0:
        yield f"and {format_count(more, 'more circuit')}"


def _clean(text: str) -> str:
    return clean(text, _LONGEST)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:24]


def _by_time(window: WorkWindow) -> tuple[datetime, datetime]:
    return window.begin, window.end
