"""What is watched: subjects, their bookings and samples, and how well a source can be seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from sys import intern

from msgspec import Struct, field

Scalar = str | float | int | bool | None

UNKNOWN = "unknown"


def source_of(key: str) -> str:
    """Return the source in the key `SOURCE/ID`; a key without a slash names a source itself."""
    return intern(key.partition("/")[0])  # one text, and not one for each of 100,000 subjects


def id_of(key: str) -> str:
    """Return the vendor's id in the key `SOURCE/ID`; empty in a key of a source itself."""
    return key.partition("/")[2]


class Visibility(StrEnum):
    """Whether a source can be seen now."""

    SEEN = "seen"
    FAILING = "failing"  # polls fail, not yet for as long as `blind_after`
    BLIND = "blind"  # neither "all clear" nor "down"


class FaultDomain(StrEnum):
    """On whose side the fault is likely to be; an estimate, never an authoritative declaration."""

    LUMEN = "lumen"
    ORANGE = "orange"
    SOURCE = "source"
    UNDETERMINED = "undetermined"
    NONE = "none"


class Phase(StrEnum):
    """Where a reservation stands in its booked window; unknown until its schedule has been read."""

    BOOKED = "booked"
    PRE_ROLL = "pre_roll"
    ON_AIR = "on_air"
    OVERRUN = "overrun"
    ENDED = "ended"
    UNKNOWN = "unknown"


class Window(Struct, frozen=True, kw_only=True, gc=False):
    """From `start` to `end`, each None while it is open or not given."""

    start: datetime | None = None
    end: datetime | None = None


class Booking(Struct, frozen=True, kw_only=True, gc=False):
    """One reservation's schedule within a service (Vyvx details: `reservations[].schedule`)."""

    id: str
    scheduled: Window = Window()
    reserved: Window = Window()
    actual: Window = Window()
    activated: tuple[Window, ...] = ()
    terminal: bool = False


class Details(Struct, frozen=True, kw_only=True, gc=False):
    """Who and where a subject is, as its vendor answers when asked for it alone."""

    labels: Mapping[str, str] = field(default_factory=dict)
    bookings: tuple[Booking, ...] = ()
    notes: tuple[str, ...] = ()


class AlarmRecord(Struct, frozen=True, kw_only=True, gc=False):
    """One alarm of the vendor's own record, on the vendor's clock. E.g. offline, "TS Loss".

    `end` is None while it is ongoing.
    """

    state: str
    message: str = ""
    start: datetime | None = None
    end: datetime | None = None


class ReportedOutage(Struct, frozen=True, kw_only=True, gc=False):
    """A time in which a rule's alert fired, or of which people were notified late.

    `end` is None while it is ongoing. `seen`: a poll showed its start, so the vendor recorded it.
    What samples have shown is in their time.
    """

    rule: str
    start: datetime
    end: datetime | None = None
    seen: bool = False


class Subject(Struct, frozen=True, kw_only=True, gc=False):
    """One thing watched, as it was last seen.

    `key` is SOURCE/ID. `fields` is what the vendor says now, `previous` the last known (not
    unknown) value that each changed field had before. `since` is when `fields` last changed, on
    the time of observation. Equal `fields` mappings are shared between subjects. The vendor's own
    record of it, where there is one, has been evaluated up to `judged_until`; `told` is what was
    reported of the time after that, and of its samples.
    """

    key: str
    source: str
    fields: Mapping[str, Scalar]
    previous: Mapping[str, Scalar] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    bookings: tuple[Booking, ...] = ()
    notes: tuple[str, ...] = ()
    asked_at: datetime | None = None  # when its details were asked for, until they are answered
    detailed_at: datetime | None = None
    answered_at: datetime | None = None  # the last answer, even a useless one
    since: datetime
    vendor_time: datetime | None = None
    missed: int = 0  # complete polls in a row without it; 2 mean vanished, 3 after a mass loss
    judged_until: datetime | None = None
    listed_at: datetime | None = None  # when it was first listed; rows of before have none
    told: tuple[ReportedOutage, ...] = ()
    silent_since: datetime | None = None  # on our clock, which was set since its newest sample

    @property
    def id(self) -> str:
        """The vendor's own id of it."""
        return id_of(self.key)


class Sample(Struct, frozen=True, kw_only=True, gc=False):
    """One measured value of a metric at the vendor's time `at`; a missing value is not a sample."""

    subject: str
    metric: str
    direction: str = ""
    at: datetime
    value: float


class SourceHealth(Struct, frozen=True, kw_only=True, gc=False):
    """How well a source can be seen; `failing_since` is the first failure after a success.

    `remarks` are those of the last success.
    """

    source: str
    sight: Visibility = Visibility.SEEN
    last_success: datetime | None = None
    failing_since: datetime | None = None
    error: str = ""
    permanent: bool = False
    subjects: int = 0
    seen_since: datetime | None = None  # when it was blind last, or first seen
    remarks: tuple[str, ...] = ()  # of the last answer
    stepped_at: datetime | None = None  # when the machine's clock was set last


class Observed(Struct, frozen=True, kw_only=True, gc=False):
    """One subject as one poll saw it, translated from its vendor's terms."""

    key: str
    fields: Mapping[str, Scalar]
    labels: Mapping[str, str] = field(default_factory=dict)
    vendor_time: datetime | None = None


class Snapshot(Struct, frozen=True, kw_only=True, gc=False):
    """What one poll said about all of a source's subjects.

    `readings` maps a subject's id to the vendor's own decoded struct: comparable, and translated
    by `translate(id, reading)` only when it changed, because 100,000 unchanged services must cost
    no more than their decoding and one comparison. `complete` is False when pages are missing; an
    incomplete snapshot vanishes nothing. `unreadable` names the ids that could not be read.
    `remarks` are sentences about what looks misconfigured; no rule sees them. `future` counts the
    times that were left out because they have not come yet, `unread_values` the values that were
    left out because they cannot be read.
    """

    readings: Mapping[str, object]
    translate: Callable[[str, object], Observed]
    complete: bool = True
    unreadable: tuple[str, ...] = ()
    samples: tuple[Sample, ...] = ()
    vendor_time: datetime | None = None
    remarks: tuple[str, ...] = ()
    future: int = 0
    unread_values: int = 0
