"""Lumen Vyvx reservations: status of all, status of one, details, alarm history. GET alone.

Source: Lumen help, Media Portal API, "Vyvx reservations". Its examples are not valid JSON and one
names the wrong path; what is read here is strict JSON with the fields that the text names.

Alone:

    async with open_account(settings.MpaAccount(kind="mpa", key_id="K", secret="S")) as account:
        api = VendorApi(account, "https://ws.lumen.com/vyvx/v1.0", timeout=timedelta(seconds=30))
        client = VyvxClient(api)
        for reservation, service in (await client.statuses()).services.items():
            details = await client.details(reservation)
            print(details.labels["name"], service.state, service.ingress_state)
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import structlog

from watcher import model, off_loop, text
from watcher.http import exchange
from watcher.vendors.http.account import CallPriority
from watcher.vendors.http.api import VendorApi
from watcher.vendors.http.paging import read_paging
from watcher.vendors.http.times import parse_time
from watcher.vendors.vyvx.statuses import Service, Statuses, StatusReader

# One status of 100,000 reservations is 6 MB; give the Api this cap.
STATUS_CAP = 50 * exchange.MEGABYTE

# From this many bytes on a status is read beside the event loop.
LONG = 200_000


class VyvxClient:
    """The Vyvx API at `base_url`, https://ws.lumen.com/vyvx/v1.0; sign with an MPA account.

    Every call raises TemporaryError or PermanentError. A reservation that is over answers 400 or
    404, which is a PermanentError.
    """

    def __init__(self, api: VendorApi) -> None:
        self._api = api
        self._reader = StatusReader()

    async def statuses(self) -> Statuses:
        """`GET /customer/service/_active/status`: every active reservation."""
        reply = await self._api.get("/customer/service/_active/status")
        return await off_loop.run_long(
            lambda: self._reader.read(reply),
            is_long=len(reply.body) >= LONG and not self._reader.repeats(reply),
        )

    async def status(self, service: str) -> Service:
        """`GET /customer/service/{id}/status`: one reservation."""
        reply = await self._api.get(f"{_path(service)}/status", priority=CallPriority.LOOKUP)
        services = StatusReader().read(reply).services
        if service not in services and len(services) != 1:
            raise model.TemporaryError(f"{reply.place} answered without service {service}")
        return services[service] if service in services else next(iter(services.values()))

    async def details(self, service: str) -> model.Details:
        """`GET /customer/service/{id}/details`: name, route, notes and bookings of one service."""
        reply = await self._api.get(f"{_path(service)}/details", priority=CallPriority.LOOKUP)
        return parse_details(reply, service)

    async def history(
        self, service: str, start: datetime, end: datetime
    ) -> tuple[model.AlarmRecord, ...]:
        """`GET /customer/service/{id}/history?start=&end=`: alarms, oldest first."""
        query = [("start", model.format_timestamp(start)), ("end", model.format_timestamp(end))]
        reply = await self._api.get(
            f"{_path(service)}/history", query=query, priority=CallPriority.BACKGROUND
        )
        return parse_history(reply, service)


def _path(service: str) -> str:
    return f"/customer/service/{quote(service, safe='')}"


log = structlog.get_logger()

MOST_NOTES = 20
_FIRST = datetime.min.replace(tzinfo=UTC)


def parse_details(reply: exchange.Reply, service: str) -> model.Details:
    """Parse who and where a service is: labels, bookings, notes (newest first).

    Labels, each only where the vendor gives it: name, po_number, and for origin and destination
    the names and `_city`, `_abbr`, `_country`, several joined by a comma. Raises TemporaryError
    when the reply has no name, as a status reply has none.
    """
    entry = _entry(reply, service)
    name = text.clean(text.as_text(entry.get("name")))
    if not name:
        raise model.TemporaryError(f"{reply.place}: details unavailable: the reply has no name")
    labels = {
        "name": name,
        "po_number": text.clean(text.as_text(entry.get("po_number"))),
        **_ends("origin", entry.get("origins")),
        **_ends("destination", entry.get("destinations")),
    }
    return model.Details(
        labels={key: value for key, value in labels.items() if value},
        bookings=tuple(_booking(r, service) for r in _dicts(entry.get("reservations"))),
        notes=_notes(entry.get("notes")),
    )


def parse_history(reply: exchange.Reply, service: str) -> tuple[model.AlarmRecord, ...]:
    """Parse alarms, oldest first; an entry without a state is left out.

    Raises TemporaryError, and so where there are further pages: none are documented.
    """
    entry = _entry(reply, service)
    history = entry.get("history")
    root = exchange.parse_object(reply)
    parts = (part for part in (root, root["data"], entry, history) if isinstance(part, dict))
    if any(read_paging(part).promises(1) for part in parts):
        raise model.TemporaryError(
            f"{reply.place} answered with a part of the record alone: it says that there are more"
            " pages, and how to ask for them is not documented"
        )
    events = history.get("events") if isinstance(history, dict) else None
    alarms = [
        model.AlarmRecord(
            state=state.casefold(),
            message=text.clean(text.as_text(event.get("message"))),
            start=(window := _window(event.get("interval"))).start,
            end=window.end,
        )
        for event in _dicts(events)
        if (state := text.clean(text.as_text(event.get("state"))))
    ]
    return tuple(sorted(alarms, key=lambda alarm: alarm.start or _FIRST))


def _entry(reply: exchange.Reply, service: str) -> dict[str, Any]:
    root = exchange.parse_object(reply)
    data = root.get("data")
    services = data.get("services") if isinstance(data, dict) else None
    if not isinstance(services, dict):
        raise model.TemporaryError(f"{reply.place} answered 200 without data.services")
    # The path takes a reservation's id and the reply is keyed by service: one entry is the answer.
    entry = services.get(service)
    if entry is None and len(services) == 1:
        key, entry = next(iter(services.items()))
        log.info("reply is keyed by another service", asked=service, answered=text.clean(key))
    if not isinstance(entry, dict):
        raise model.TemporaryError(f"{reply.place} answered 200 without service {service}")
    return entry


def _ends(side: str, places: object) -> dict[str, str]:
    labels = {
        side: "name",
        f"{side}_city": "city",
        f"{side}_abbr": "abbr",
        f"{side}_country": "country",
    }
    dicts = _dicts(places)
    return {label: _joined(place.get(key) for place in dicts) for label, key in labels.items()}


def _joined(values: Any) -> str:
    words = [text.clean(text.as_text(value)) for value in values]
    return text.clean(", ".join(dict.fromkeys(word for word in words if word)))


def _notes(notes: object) -> tuple[str, ...]:
    dated = []
    for note in _dicts(notes):
        message = text.clean(text.as_text(note.get("message")), 1_000)
        if message:
            at = parse_time(note.get("date"))
            dated.append(
                (
                    at or _FIRST,
                    f"{model.format_date_time(at, seconds=False)} UTC: {message}"
                    if at
                    else message,
                )
            )
    dated.sort(key=lambda pair: pair[0], reverse=True)
    return tuple(text for _, text in dated[:MOST_NOTES])


def _booking(reservation: dict[str, Any], service: str) -> model.Booking:
    schedule = reservation.get("schedule")
    times = schedule if isinstance(schedule, dict) else {}
    return model.Booking(
        id=text.clean(text.as_text(reservation.get("id"))) or service,
        scheduled=_window(times.get("scheduled")),
        reserved=_window(times.get("reserved")),
        actual=_window(times.get("actual")),
        activated=tuple(_window(window) for window in _dicts(times.get("activated"))),
        terminal=times.get("terminal") in (True, "true"),
    )


def _window(value: object) -> model.Window:
    if not isinstance(value, dict):
        return model.Window()
    return model.Window(start=parse_time(value.get("start")), end=parse_time(value.get("end")))


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
