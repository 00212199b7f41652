"""The keys under `world:` of a scenario: the world before anything happens."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from watcher.model.quantities import parse_duration

VyvxState = Literal["online", "impaired", "degraded", "offline", "unknown"]


def _parse_span(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a duration: write it with its unit, as in 8s or 1h30m")  # noqa: TRY004  # pydantic reports ValueError alone
    return parse_duration(value)


def _parse_offset(value: object) -> timedelta | None:
    if value == "":
        return None
    if isinstance(value, str) and value.startswith("-"):
        return -parse_duration(value[1:])
    return _parse_span(value)


Span = Annotated[timedelta, BeforeValidator(_parse_span)]
Offset = Annotated[timedelta | None, BeforeValidator(_parse_offset)]


class Strict(BaseModel):
    """Unknown keys are errors; values do not change, a change makes a new one."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Interval(Strict):
    """Times as offsets from the start of the scenario, `-2h` being before it; empty: open."""

    start: Offset = None
    end: Offset = None


class Reservation(Strict):
    """One booking: what was scheduled and what really happened."""

    id: str = ""
    scheduled: Interval
    reserved: Interval | None = None
    actual: Interval = Interval()
    activated: tuple[Interval, ...] = ()
    terminal: bool | None = None


class Place(Strict):
    """One end of a video service."""

    abbr: str
    name: str
    city: str = ""
    country: str = "US"


class Note(Strict):
    """A remark of the carrier on a reservation."""

    id: int
    at: Offset = timedelta(0)
    message: str


class PastAlarm(Strict):
    """A time in a state other than online, as the alarm history has it."""

    start: Offset
    end: Offset = None
    state: VyvxState = "offline"
    message: str = "TS Loss"


class Service(Strict):
    """One Vyvx reservation."""

    state: VyvxState = "online"
    ingress_state: VyvxState = "online"
    name: str = "Unnamed"
    po_number: str = ""
    notes: tuple[Note, ...] = ()
    origins: tuple[Place, ...] = ()
    destinations: tuple[Place, ...] = ()
    reservations: tuple[Reservation, ...] = ()
    history: tuple[PastAlarm, ...] = ()
    active: bool = Field(True, description="Whether _active lists it")
    raw: Any = Field(None, description="JSON that _active returns for it, whatever its state")
    details_state: VyvxState | None = Field(None, description="Its state in details, if another")
    gone: Literal[0, 400, 404] = Field(0, description="What is answered to all about it alone")


class Crowd(Strict):
    """Many Vyvx reservations that are online and stay so, with ids counting up."""

    count: int = Field(ge=0, le=200_000)
    first_id: int = 5_000_001


class Vyvx(Strict):
    """The Vyvx part of the world."""

    services: dict[str, Service] = {}
    crowd: Crowd = Crowd(count=0)
    stale: Span = Field(timedelta(0), description="How old the time is that answers carry")


class Line(Strict):
    """One EVPL line; its load in percent wavers by `wobble` either way."""

    utilization: float = Field(30.0, ge=0)
    wobble: float = Field(1.5, ge=0)
    metric_name: str = "UTILIZATION"
    pop_country: str = "FR"
    pop_name: str = "PARIS"
    pop_section_name: str = "PAR-01"
    swing: float = Field(0.0, ge=0, description="By how much its load rises and falls in a day")
    gaps: tuple[Interval, ...] = Field((), description="Times without a sample")
    lag: Span | None = Field(None, description="How late its samples are, if not like the others")
    active: bool = True
    raw: Any = Field(None, description="JSON that each sample has for its value")


class Evpl(Strict):
    """The Orange part of the world."""

    lines: dict[str, Line] = {}
    unit: Literal["percent", "ratio"] = "percent"
    lag: Span = Field(timedelta(0), description="How late a sample can first be read")
    page_size: int = Field(50, ge=1)
    paging: Literal["obeyed", "endless", "repeating", "shifting"] = Field(
        "obeyed",
        description="endless: more is always promised; repeating: every page is the first one;"
        " shifting: a line was inserted ahead of each page",
    )
    spacing: Span | None = Field(None, description="Of the samples, whatever was asked for")
    samples: Literal["plain", "doubled", "unordered"] = "plain"


class Test(Strict):
    """One test of a Service Diagnostics run."""

    category: str
    name: str
    status: Literal["Passed", "Failed", "Not run"] = "Passed"
    result: str = ""


class Diagnosable(Strict):
    """What Service Diagnostics answers about one service, and how long it takes."""

    takes: Span = timedelta(seconds=3)
    disposition: str = "No trouble found"
    actions: tuple[str, ...] = ()
    tests: tuple[Test, ...] = ()
    pdf: Literal["ok", "no_prefix", "bad_base64", "missing", "not_a_pdf", "truncated", "huge"] = (
        "ok"
    )
    shape: Literal["list", "object", "empty"] = "list"


class Diagnostics(Strict):
    """The Service Diagnostics part of the world."""

    services: dict[str, Diagnosable] = {}


class Tokens(Strict):
    """How long the OAuth tokens live, and how `expires_in` is written."""

    orange: Span = timedelta(hours=1)
    lumen: Span = timedelta(hours=1)
    told: Literal["own", "text", "number", "missing"] = Field(
        "own", description="own: each vendor in its own way"
    )


class Channel(Strict):
    """One Slack channel."""

    name: str
    topic: str = ""
    member: bool = Field(True, description="Whether the bot has been invited")


class Slack(Strict):
    """The workspace."""

    team: str = "Network operations"
    channels: dict[str, Channel] = {
        "C0123456789": Channel(name="noc", topic="What is broken, and whose side it is on"),
        "C0123456790": Channel(name="duty-managers", topic="Escalations only"),
    }
    rate_limited: bool = Field(
        False, description="Whether a channel takes one message a second after a burst of five"
    )
    edits_within: Span | None = Field(
        None, description="How long a message may be edited; absent: forever"
    )
    takes_blocks: bool = Field(True, description="Whether any layout of blocks is taken")
    takes_files: bool = Field(True, description="Whether any file is taken")


class Connection(Strict):
    """One Internet On-Demand connection; both dialects show it."""

    status: str = "active"
    bandwidth: str = "500 Mbps"
    location: str = "111 8th Ave, New York, NY 10011"
    created: Offset = timedelta(days=-30)
    site: str = "PL0000000001"
    site_key: Literal["masterSiteid", "masterSiteId"] = "masterSiteid"
    data_center: bool = True
    flat: bool = Field(False, description="Status and characteristics beside `product`, not in it")
    nameless: bool = Field(False, description="Whether it is shown without its id")
    active: bool = Field(True, description="Whether it is shown at all")
    raw: Any = Field(None, description="JSON that stands in its place in every list")


class Iod(Strict):
    """The Internet On-Demand part of the world."""

    connections: dict[str, Connection] = Field({}, description="By their ids")
    takes: Span = Field(timedelta(seconds=5), description="How long a change is pending")
    changes_per_day: int = Field(24, ge=0, description="Changes a day (UTC) that are taken")
    page_size: int = Field(100, ge=1, description="The largest page of the inventory")
    paging: Literal["obeyed", "ignored"] = Field(
        "obeyed", description="ignored: every page is the first one"
    )
    lookup: Literal["found", "empty"] = Field(
        "empty", description="What a look-up by id finds while a change is pending"
    )


class Offer(Strict):
    """Something that could be ordered."""

    name: str
    price: str = ""


class Premises(Strict):
    """What PX answers about one address; a code other than 0 is from its own table."""

    offers: tuple[Offer, ...] = ()
    near: dict[str, str] = Field({}, description="Near matches: addressDetailId to address")
    status: int = 200
    code: int = 0
    message: str = ""


class Preorder(Strict):
    """The PX part of the world; addresses as in `1 Main St, Denver, CO 80202`."""

    addresses: dict[str, Premises] = Field({}, description="By their addresses")
