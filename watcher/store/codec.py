"""Encodes nouns as the JSON text that the tables keep, and decodes it.

Law: what is stored outlives the code that stored it. A field may be added with a default and a
field may be dropped; a kind in the tables below is never renamed.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Generic, TypeVar, get_args

import msgspec
from msgspec.structs import replace

from watcher import model, ports

Noun = TypeVar("Noun", bound=msgspec.Struct)
Item = TypeVar("Item")

_ENCODER = msgspec.json.Encoder()
_CHUNK = 1_000  # nouns
_LONG = 250_000  # characters, which take some 2 ms to decode
_PARTS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
_OPENS = re.compile(r'"(\w+)":\[$')  # a list, at the end of a line


def encode(noun: object) -> str:
    """Return a noun as JSON. Raises PermanentError for text that is not valid Unicode."""
    try:
        return _ENCODER.encode(noun).decode()
    except UnicodeEncodeError as error:
        raise model.PermanentError(
            f"a {type(noun).__name__} contains text that is not valid Unicode and cannot be stored"
        ) from error


def encode_event(event: object) -> str:
    """Return an event as JSON, a long poll in lines: one call keeps Python's lock."""
    if not isinstance(event, model.Polled) or len(event.seen) + len(event.samples) <= _CHUNK:
        return encode(event)
    lists = {"seen": event.seen, "samples": event.samples}
    chunks = {name: map(_entries, in_chunks(of)) for name, of in lists.items() if of}
    return "\n".join(in_lines(encode(replace(event, seen=(), samples=())), chunks))


def in_chunks(listed: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Yield what is listed, a thousand at a time."""
    return (listed[at : at + _CHUNK] for at in range(0, len(listed), _CHUNK))


def _entries(nouns: object) -> str:
    return encode(nouns)[1:-1]


def in_lines(text: str, lists: Mapping[str, Iterable[str]]) -> Iterator[str]:
    """Yield the lines of a document, with the entries of lists that it leaves empty.

    A line break is white space to a reader of JSON, and never stands inside of a text.
    """
    for name, chunks in lists.items():
        head, opening, text = text.partition(f'"{name}":[')
        yield f"{head}{opening}"
        last = ""
        for chunk in chunks:
            if last:
                yield f"{last},"
            last = chunk
        yield last
    yield text


def _listed(noun: type) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a noun that are lists of nouns, and the noun that they list."""
    for field in msgspec.structs.fields(noun):
        match get_args(field.type):
            case (of, of_any) if of_any is ... and isinstance(of, type):
                yield field.name, of
            case _:
                pass


class Document(Generic[Noun]):
    """The stored form of one type of noun."""

    def __init__(self, noun: type[Noun]) -> None:
        self._noun = noun
        self._name = noun.__name__
        self._decoder: msgspec.json.Decoder[Noun] = msgspec.json.Decoder(noun)

    def decode(self, data: str) -> Noun:
        """Return the noun. Raises PermanentError for text that is not such a document."""
        try:
            return self._decoder.decode(data)
        except msgspec.DecodeError as error:
            raise model.PermanentError(
                f"a stored {self._name} cannot be read ({error}): restore a backup, or run the"
                " version of Watcher that wrote it"
            ) from error

    @cached_property
    def _items(self) -> dict[str, msgspec.json.Decoder[Any]]:
        return {name: msgspec.json.Decoder(of) for name, of in _listed(self._noun)}

    @cached_property
    def _all_items(self) -> dict[str, msgspec.json.Decoder[Any]]:
        return {name: msgspec.json.Decoder(list[of]) for name, of in _listed(self._noun)}  # type: ignore[valid-type]  # found at run time

    def decode_in_parts(self, data: str) -> Noun:
        """Return the noun as `decode` does, a long one in parts: one call keeps Python's lock."""
        if len(data) <= _LONG:
            return self.decode(data)
        try:
            rest, lists = self._read_lines(data) if "\n" in data else self._read_lists(data)
        except msgspec.DecodeError:
            return self.decode(data)  # which says what is wrong with it
        return replace(self.decode(rest), **lists)

    def _read_lines(self, data: str) -> tuple[str, dict[str, tuple[Any, ...]]]:
        """Return what `in_lines` made of a document, without the entries of its lists."""
        rest: list[str] = []
        lists: dict[str, list[Any]] = {}
        inside = ""  # the list that the lines are entries of
        for line in data.split("\n"):
            if inside and not line.startswith("]"):
                entries = f"[{line.removesuffix(',')}]"
                lists[inside] += self._all_items[inside].decode(entries)
                continue
            rest.append(line)
            opens = _OPENS.search(line)
            inside = opens[1] if opens and opens[1] in self._all_items else ""
            if inside:
                lists[inside] = []
        return "".join(rest), {name: tuple(nouns) for name, nouns in lists.items()}

    def _read_lists(self, data: str) -> tuple[str, dict[str, tuple[Any, ...]]]:
        """Return a document as earlier versions wrote it, without its long lists, and these."""
        parts = _PARTS.decode(data)
        lists = {
            name: tuple(map(self._items[name].decode, _ITEMS.decode(parts.pop(name))))
            for name, part in list(parts.items())
            if name in self._items and len(bytes(part)) > _LONG
        }
        return encode(parts), lists

    def decode_all(self, rows: Iterable[str]) -> tuple[Noun, ...]:
        """Return the nouns of many rows. Raises PermanentError as `decode` does."""
        return tuple(self.decode(data) for data in rows)


SUBJECT = Document(model.Subject)
SOURCE = Document(model.SourceHealth)
ALERT = Document(model.Alert)
INCIDENT = Document(model.Incident)
INCIDENT_ALERT = Document(model.IncidentAlert)
ENTRY = Document(model.Entry)
SILENCE = Document(model.Silence)
CALENDAR = Document(model.Calendar)
WORK = Document(model.Work)
RECEIPT = Document(model.Receipt)
NOTIFICATION = Document(model.Notification)
DRILL = Document(model.DrillResult)
BACKUP = Document(model.Backup)
HISTORY_NEEDED = Document(model.HistoryNeeded)
CHANGE = Document(ports.BandwidthChange)

_COMMANDS: dict[str, type[model.Command]] = {
    "details_read": model.DetailsRead,
    "history_read": model.HistoryRead,
    "diagnosed": model.Diagnosed,
    "alternatives_read": model.AlternativesRead,
    "remedy_approved": model.RemedyApproved,
    "remedy_refused": model.RemedyRefused,
    "bandwidth_news": model.BandwidthNews,
    "diagnosis_wanted": model.DiagnosisWanted,
    "acknowledged": model.Acknowledged,
    "unacknowledged": model.Unacknowledged,
    "resolved_by_hand": model.ResolvedByHand,
    "noted": model.Noted,
    "ticket_recorded": model.TicketRecorded,
    "silenced": model.Silenced,
    "unsilenced": model.Unsilenced,
    "receiver_failed": model.ReceiverFailed,
    "receiver_recovered": model.ReceiverRecovered,
    "drill_wanted": model.DrillWanted,
    "calendar_read": model.CalendarRead,
    "notice_read": model.NoticeRead,
    "work_confirmed": model.WorkConfirmed,
    "work_dismissed": model.WorkDismissed,
}
_EVENTS: dict[str, type[model.Event]] = {
    "polled": model.Polled,
    "poll_failed": model.PollFailed,
    "ticked": model.Ticked,
    "clock_stepped": model.ClockStepped,
    "stalled": model.Stalled,
    **_COMMANDS,
}
_KINDS = {noun: kind for kind, noun in _EVENTS.items()}
_COMMAND_DOCUMENTS: dict[str, Document[Any]] = {
    kind: Document(noun) for kind, noun in _COMMANDS.items()
}
COMMAND_KINDS = tuple(_COMMANDS)

_JOURNAL: dict[str, Document[Any]] = {
    kind: Document(noun)
    for kind, noun in {**_EVENTS, "rules": ports.RulesRead, "checkpoint": ports.Loaded}.items()
}


def kind_of(event: model.Event | ports.RulesRead) -> str:
    """Return the name of an event's type in the tables."""
    return "rules" if isinstance(event, ports.RulesRead) else _KINDS[type(event)]


def decode_record(kind: str, data: str) -> model.Event | ports.RulesRead | ports.Loaded:
    """Return the noun of a row of the journal. Raises PermanentError for an unknown kind."""
    document = _JOURNAL.get(kind)
    if document is None:
        raise model.PermanentError(
            f"the journal holds a record of kind {kind!r}, which this version of Watcher does not"
            " know: run the version that wrote it"
        )
    record: model.Event | ports.RulesRead | ports.Loaded = document.decode_in_parts(data)
    return record


def decode_command(kind: str, data: str) -> model.Command:
    """Return a command of the inbox; `kind` is one of COMMAND_KINDS."""
    command: model.Command = _COMMAND_DOCUMENTS[kind].decode(data)
    return command


_NOTHING: Mapping[str, Any] = {}


def share_fields(subjects: Iterable[model.Subject]) -> Iterator[model.Subject]:
    """Yield subjects that share what is equal: most of 100,000 have the same fields."""
    shared: dict[tuple[tuple[str, tuple[type, model.Scalar]], ...], model.Subject] = {}
    for subject in subjects:
        # The type is part of the key: 1, 1.0 and True are equal, but differ to a rule.
        key = tuple((name, (type(value), value)) for name, value in subject.fields.items())
        first = shared.setdefault(key, subject)
        yield replace(
            subject,
            source=sys.intern(subject.source),
            fields=first.fields,
            previous=subject.previous or _NOTHING,
            labels=subject.labels or _NOTHING,
        )
