"""What the address of a page or of the API asks for: filters, limits and places in a list.

Law: a parameter that is not known, or says nothing that can be done, is refused in words (400).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import TypeVar

from aiohttp import web

from watcher import model, ports
from watcher.web.middleware import HttpError

Word = TypeVar("Word", bound=StrEnum)

LONGEST = 500  # of a filter
_CURSOR = re.compile(r"(\d{1,16})\.([A-Za-z0-9_-]{1,64})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
FILTERS = ("status", "severity", "rule", "source", "subject", "label", "q", "from", "to", "drills")


def check_parameters(request: web.Request, allowed: Collection[str]) -> None:
    """Refuse what is not one of these."""
    for name in request.query:
        if name not in allowed:
            which = f"expected {', '.join(sorted(allowed))}" if allowed else "none is accepted here"
            raise HttpError(400, f"unknown parameter: {which}")


def limit(request: web.Request, usual: int, most: int) -> int:
    """Return how many are asked for."""
    return whole_number(request, "limit", usual, 1, most)


def whole_number(request: web.Request, name: str, usual: int, least: int, most: int) -> int:
    """Return a parameter that is a number."""
    given = request.query.get(name, str(usual))
    is_number = given.isascii() and given.isdigit() and len(given) <= 9
    if not (is_number and least <= int(given) <= most):
        raise HttpError(400, f"{name} must be a whole number from {least} to {most}")
    return int(given)


def text(request: web.Request, name: str) -> str:
    """Return a parameter that is any text."""
    given = request.query.get(name, "")
    if _CONTROL.search(given):
        raise HttpError(400, f"{name} contains characters that are not allowed")
    if len(given) > LONGEST:
        raise HttpError(400, f"{name} is longer than {LONGEST} characters")
    return given


def incident_filter(request: web.Request) -> ports.IncidentFilter:
    """Return which incidents are asked for; parameters without a value ask for nothing."""
    labels = []
    for given in filter(None, request.query.getall("label", [])):
        name, sign, value = given.partition("=")
        if not (sign and name and not _CONTROL.search(given) and len(given) <= LONGEST):
            raise HttpError(400, "label must be NAME=VALUE; it can be repeated")
        labels.append((name, value))
    drills = request.query.get("drills", "")
    if drills not in {"", "only", "no"}:
        raise HttpError(400, "drills must be only or no")
    return ports.IncidentFilter(
        statuses=words(request, "status", model.IncidentStatus),
        severities=words(request, "severity", model.Severity),
        rule=text(request, "rule"),
        source=text(request, "source"),
        subject=text(request, "subject"),
        labels=tuple(labels),
        text=text(request, "q").strip(),
        begin=_moment(request, "from", time.min),
        end=_moment(request, "to", time.max),
        drills=drills == "only" if drills else None,
    )


def incident_cursor(request: web.Request) -> ports.IncidentCursor | None:
    """Return the place in the list that is asked for."""
    given = request.query.get("cursor", "")
    if not given:
        return None
    match = _CURSOR.fullmatch(given)
    if match is None or not given.isascii():
        raise HttpError(400, "cursor is not one of ours: pass `next_cursor` as it was given")
    return ports.IncidentCursor(opened_at=_EPOCH + int(match[1]) * _MICROSECOND, id=match[2])


def cursor_after(incident: model.Incident) -> str:
    """Return the place after an incident, as the address has it."""
    return f"{(incident.opened_at - _EPOCH) // _MICROSECOND}.{incident.id}"


def next_address(request: web.Request, **place: str) -> str:
    """Return this address at another place in the list."""
    return str(request.rel_url.update_query(place))


def words(request: web.Request, name: str, kind: type[Word]) -> tuple[Word, ...]:
    """Return a parameter that is one of these words, and may be repeated."""
    try:
        return tuple(kind(word) for word in request.query.getall(name, []) if word)
    except ValueError:
        raise HttpError(
            400, f"{name} must be one of {', '.join(kind)}; it can be repeated"
        ) from None


def _moment(request: web.Request, name: str, of_day: time) -> datetime | None:
    """Return a time; a date alone means the whole day, in UTC."""
    given = request.query.get(name, "")
    if not given:
        return None
    try:
        if len(given) <= len("2026-11-21"):
            return datetime.combine(date.fromisoformat(given), of_day, tzinfo=UTC)
        at = datetime.fromisoformat(given)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise HttpError(
            400, f"{name} must be a time or a date in UTC: 2026-11-21T03:10:22Z or 2026-11-21"
        ) from None
