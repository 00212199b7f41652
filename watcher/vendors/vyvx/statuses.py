"""Reads replies with the status of every reservation; what is as it was is not decoded again.

A status of 100,000 reservations is 6 MB, of which hardly anything changes from one poll to the
next. The reply is cut into parts of some entries each. Text that a part of the reply before had
already is not decoded: its readings are taken over as they are. Nothing here takes long in one
piece, so that a thread which reads leaves the event loop its turns.

A cut in the wrong place cannot go unnoticed: where it is inside an entry or inside a text, what
comes before it is not valid JSON. Then the part gets longer, up to the next place.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import chain, islice
from typing import Annotated, Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from watcher import model, text
from watcher.http import exchange
from watcher.http.headers import parse_http_date
from watcher.vendors.http.times import parse_time, parse_vendor_time

LONGEST_ID = 100

_PART = 2_000  # bytes of a part, at least; some 30 entries
_MOST_CUTS = 20  # places that are tried for the end of one part
_SEARCHED = 4 * _PART  # bytes in which the beginning of a known part is looked for
_AHEAD = 8  # of those parts, so many
_CUT = re.compile(rb'\}\s*,\s*(?=")')  # between two entries, or inside one
_GAP = re.compile(rb"\s*,\s*")

_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_ID)]


class Service(msgspec.Struct, frozen=True, gc=False):
    """The health of one reservation: `online impaired degraded offline unknown`, as sent.

    `ingress_state` is Lumen's estimate of the signal that reaches its network.
    """

    state: str | None
    ingress_state: str | None = None


class _Data(msgspec.Struct, gc=False):
    services: msgspec.Raw
    time: Any = None
    timestamp: Any = None


class _Status(msgspec.Struct, gc=False):
    data: _Data
    time: Any = None
    timestamp: Any = None


_STATUS = msgspec.json.Decoder(_Status)
_SERVICES = msgspec.json.Decoder(dict[_Id, Service])


class Statuses(Struct, frozen=True, kw_only=True):
    """A status reply; `unreadable` are the ids of malformed entries."""

    services: dict[str, Service]
    unreadable: tuple[str, ...] = ()
    time: datetime | None = None


class _Part(Struct, frozen=True):
    """Some entries as they were sent, without the commas around them."""

    text: bytes
    count: int  # of the readable ones
    unreadable: tuple[str, ...] = ()

    @property
    def beginning(self) -> bytes:
        """The first id, with its quotes."""
        return self.text[: self.text.find(b'"', 1) + 1]


class _NotCutError(Exception):
    """Entries that have no end where one is looked for: the reply has to be read as a whole."""


class StatusReader:
    """Reads the replies of one source, one after another, and remembers the last one."""

    def __init__(self) -> None:
        self._parts: list[_Part] = []
        self._services: dict[str, Service] = {}
        self._usual = Service(None)  # the reading that was shared last
        self._body = b""
        self._last: Statuses | None = None  # what that body says; `time` is what it says itself

    def repeats(self, reply: exchange.Reply) -> bool:
        """Return whether a reply is the last one, byte for byte: then it takes no time to read."""
        return self._last is not None and reply.body == self._body

    def read(self, reply: exchange.Reply) -> Statuses:
        """Read a reply; a malformed entry costs only itself.

        Raises TemporaryError when it is not an object with `data.services`, or no entry can be
        read. Readings that are as they were are the same objects as before; if all are, and nothing
        has come or gone, `services` is the same dict.
        """
        if self._last is not None and self.repeats(reply):
            return _dated(self._last, reply)
        self._last = None
        try:
            status = _STATUS.decode(reply.body)
            services, parts = self._read_services(bytes(status.data.services).strip())
        except (*exchange.MALFORMED, _NotCutError):
            self._parts, self._services = [], {}
            return _read_whole(reply)
        # An id may come twice: then the readings are not in the order of the parts.
        is_in_order = sum(part.count for part in parts) == len(services)
        self._parts, self._services = (parts, services) if is_in_order else ([], {})
        self._body, self._last = (
            reply.body,
            Statuses(
                services=services,
                unreadable=_require_readable(
                    reply, services, chain(*(p.unreadable for p in parts))
                ),
                time=parse_time(
                    status.data.time, status.data.timestamp, status.time, status.timestamp
                ),
            ),
        )
        return _dated(self._last, reply)

    def _read_services(self, body: bytes) -> tuple[dict[str, Service], list[_Part]]:
        """Return the readings of an object of services, and its parts."""
        if not body.startswith(b"{"):
            raise _NotCutError
        entries = body[1:-1].strip()
        last = _LastReply(self._parts, self._services)
        services: dict[str, Service] = {}
        parts: list[_Part] = []
        at = 0
        while at < len(entries):
            part = last.take(entries, at)
            if part is None:
                services.update(last.taken())
                part = last.take_later(entries, at)
            if part is None:
                part, decoded = _decode_part(entries, at, last.next_beginning(entries, at))
                self._share_equal(decoded)
                services.update(decoded)
            parts.append(part)
            at += len(part.text)
            gap = _GAP.match(entries, at)
            if gap is None and at < len(entries):
                raise _NotCutError
            at = gap.end() if gap else at
        if parts == self._parts:
            return self._services, parts
        services.update(last.taken())
        return services, parts

    def _share_equal(self, services: dict[str, Service]) -> None:
        """Let one object stand for equal readings in a row: hardly any differs from the next."""
        usual = self._usual
        for service, reading in services.items():
            if reading == usual:
                services[service] = usual
            else:
                usual = reading
        self._usual = usual


def _dated(statuses: Statuses, reply: exchange.Reply) -> Statuses:
    """Return them with the time of the reply, where they have none."""
    if statuses.time is not None:
        return statuses
    return replace(statuses, time=parse_http_date(reply.headers.get("Date", "")))


class _LastReply:
    """The parts of the last reply, which are taken one after another or passed over."""

    def __init__(self, parts: list[_Part], services: dict[str, Service]) -> None:
        self._parts = parts
        self._readings = iter(services.items())
        self._next = 0
        self._taken = 0  # readings, in a row

    def take(self, entries: bytes, at: int) -> _Part | None:
        """Return the next part, if it stands there."""
        if self._next == len(self._parts):
            return None
        part = self._parts[self._next]
        if not entries.startswith(part.text, at):
            return None
        self._next += 1
        self._taken += part.count
        return part

    def take_later(self, entries: bytes, at: int) -> _Part | None:
        """Return a part that stands there though others should come before it."""
        ahead = self._parts[self._next : self._next + _AHEAD]
        for number, part in enumerate(ahead):
            if entries.startswith(part.text, at):
                self._pass_over(ahead[:number])
                return self.take(entries, at)
        return None

    def taken(self) -> Iterator[tuple[str, Service]]:
        """Return the readings of the parts that were taken since the last call; use them up."""
        count, self._taken = self._taken, 0
        return islice(self._readings, count)

    def next_beginning(self, entries: bytes, at: int) -> int | None:
        """Return where a part begins that comes soon; those before it are passed over."""
        ahead = self._parts[self._next : self._next + _AHEAD]
        for number, part in enumerate(ahead):
            begins = entries.find(part.beginning, at + 1, at + _SEARCHED)
            if begins > 0:
                self._pass_over(ahead[:number])
                return begins
        return None

    def _pass_over(self, parts: list[_Part]) -> None:
        deque(islice(self._readings, sum(part.count for part in parts)), maxlen=0)
        self._next += len(parts)


def _decode_part(
    entries: bytes, at: int, beginning: int | None
) -> tuple[_Part, dict[str, Service]]:
    """Return the entries from `at` to the `beginning` of others, or some of them."""
    for end in _ends(entries, at, beginning):
        sent = entries[at:end]
        try:
            return _decode(sent)
        except exchange.MALFORMED:
            continue  # this is inside an entry, or inside a text
    raise _NotCutError


def _ends(entries: bytes, at: int, beginning: int | None) -> Iterator[int]:
    """Yield where a part may end, before the comma."""
    if beginning is not None:
        yield at + len(entries[at:beginning].rstrip().removesuffix(b",").rstrip())
    cuts = 0
    for cut in islice(_CUT.finditer(entries, at + _PART), _MOST_CUTS):
        cuts += 1
        yield cut.start() + 1
    if cuts < _MOST_CUTS:
        yield len(entries)


def _decode(sent: bytes) -> tuple[_Part, dict[str, Service]]:
    whole = b"{%b}" % sent
    if b"\\" not in sent:  # an id with an escape in it is hostile or broken; valid ids need none
        try:
            services = _SERVICES.decode(whole)
        except exchange.MALFORMED:
            pass  # the tolerant reading below says whether it is JSON
        else:
            if all(map(str.isprintable, services)):
                return _Part(sent, len(services)), services
    services, unreadable = _read_tolerantly(msgspec.json.decode(whole))
    return _Part(sent, len(services), unreadable), services


def _read_tolerantly(entries: dict[str, Any]) -> tuple[dict[str, Service], tuple[str, ...]]:
    """Return what can be read of some entries, and the ids of the others."""
    services: dict[str, Service] = {}
    unreadable = []
    for service, entry in entries.items():
        try:
            reading = msgspec.convert(entry, Service)
        except msgspec.ValidationError:
            reading = None
        if reading is not None and 0 < len(service) <= LONGEST_ID and service.isprintable():
            services[service] = reading
        else:
            unreadable.append(text.clean(service))
    return services, tuple(unreadable)


def _read_whole(reply: exchange.Reply) -> Statuses:
    """Read a reply in one piece, as none of its parts was read."""
    root = exchange.parse_object(reply)
    data = root.get("data")
    entries = data.get("services") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(entries, dict):
        raise model.TemporaryError(f"{reply.place} answered 200 without data.services")
    services, unreadable = _read_tolerantly(entries)
    return Statuses(
        services=services,
        unreadable=_require_readable(reply, services, unreadable),
        time=parse_vendor_time(root, reply),
    )


def _require_readable(
    reply: exchange.Reply, services: dict[str, Service], unreadable: Iterable[str]
) -> tuple[str, ...]:
    """Return the ids that cannot be read. Raises TemporaryError where no others are there."""
    ids = tuple(unreadable)
    if ids and not services:
        raise model.TemporaryError(
            f"{reply.place} answered 200, but none of its {len(ids)} services can be read"
        )
    return ids
