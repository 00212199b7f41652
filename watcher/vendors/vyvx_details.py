"""Reads Vyvx details and alarm history, which differ from their document in small ways.

Law: one malformed part costs only itself; without a name there are no details.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import structlog

from watcher import model
from watcher.vendors import moments, texts, wire

log = structlog.get_logger()

MOST_NOTES = 20
_FIRST = datetime.min.replace(tzinfo=UTC)


def read_details(reply: wire.Reply, service: str) -> model.Details:
    """Read who and where a service is: labels, bookings, notes (newest first).

    Labels, each only where the vendor gives it: name, po_number, and for origin and destination
    the names and `_city`, `_abbr`, `_country`, several joined by a comma. Raises TemporaryError
    when the reply has no name, as a status reply has none.
    """
    entry = _entry(reply, service)
    name = texts.clean(texts.written(entry.get("name")))
    if not name:
        raise model.TemporaryError(f"{reply.place}: details unavailable: the reply has no name")
    labels = {
        "name": name,
        "po_number": texts.clean(texts.written(entry.get("po_number"))),
        **_ends("origin", entry.get("origins")),
        **_ends("destination", entry.get("destinations")),
    }
    return model.Details(
        labels={key: value for key, value in labels.items() if value},
        bookings=tuple(_booking(r, service) for r in _dicts(entry.get("reservations"))),
        notes=_notes(entry.get("notes")),
    )


def read_history(reply: wire.Reply, service: str) -> tuple[model.Alarm, ...]:
    """Read alarms, oldest first; an entry without a state is left out. Raises TemporaryError."""
    history = _entry(reply, service).get("history")
    events = history.get("events") if isinstance(history, dict) else None
    alarms = [
        model.Alarm(
            state=state.casefold(),
            message=texts.clean(texts.written(event.get("message"))),
            start=(window := _window(event.get("interval"))).start,
            end=window.end,
        )
        for event in _dicts(events)
        if (state := texts.clean(texts.written(event.get("state"))))
    ]
    return tuple(sorted(alarms, key=lambda alarm: alarm.start or _FIRST))


def _entry(reply: wire.Reply, service: str) -> dict[str, Any]:
    root = wire.read_object(reply)
    data = root.get("data")
    services = data.get("services") if isinstance(data, dict) else None
    if not isinstance(services, dict):
        raise model.TemporaryError(f"{reply.place} answered 200 without data.services")
    # The path takes a reservation's id and the reply is keyed by service: one entry is the answer.
    entry = services.get(service)
    if entry is None and len(services) == 1:
        key, entry = next(iter(services.items()))
        log.info("vyvx_key_differs", asked=service, answered=texts.clean(key))
    if not isinstance(entry, dict):
        raise model.TemporaryError(f"{reply.place} answered 200 without service {service}")
    return entry


def _ends(side: str, places: object) -> dict[str, str]:
    found = _dicts(places)
    keys = {side: "name", f"{side}_city": "city", f"{side}_abbr": "abbr"}
    keys[f"{side}_country"] = "country"
    return {label: _joined(place.get(key) for place in found) for label, key in keys.items()}


def _joined(values: Any) -> str:
    words = [texts.clean(texts.written(value)) for value in values]
    return texts.clean(", ".join(dict.fromkeys(word for word in words if word)))


def _notes(notes: object) -> tuple[str, ...]:
    dated = []
    for note in _dicts(notes):
        message = texts.clean(texts.written(note.get("message")), 1_000)
        if message:
            at = moments.read(note.get("date"))
            dated.append((at or _FIRST, f"{at:%Y-%m-%d %H:%M} UTC: {message}" if at else message))
    dated.sort(key=lambda pair: pair[0], reverse=True)
    return tuple(text for _, text in dated[:MOST_NOTES])


def _booking(reservation: dict[str, Any], service: str) -> model.Booking:
    schedule = reservation.get("schedule")
    times = schedule if isinstance(schedule, dict) else {}
    return model.Booking(
        id=texts.clean(texts.written(reservation.get("id"))) or service,
        scheduled=_window(times.get("scheduled")),
        reserved=_window(times.get("reserved")),
        actual=_window(times.get("actual")),
        activated=tuple(_window(window) for window in _dicts(times.get("activated"))),
        terminal=times.get("terminal") in (True, "true"),
    )


def _window(value: object) -> model.Window:
    if not isinstance(value, dict):
        return model.Window()
    return model.Window(start=moments.read(value.get("start")), end=moments.read(value.get("end")))


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
