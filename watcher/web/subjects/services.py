"""What the page of services lists: how each subject is, on air or not, and the filters. Pure.

Law: a service whose source is blind is unknown, with what was last known, and never up or down.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from urllib.parse import urlencode

from msgspec import Struct
from msgspec.structs import asdict

from watcher import engine, model
from watcher.engine.rules import reservation
from watcher.ledger.states import Condition, evaluate
from watcher.model import Phase
from watcher.operations.subject_works import SubjectWork

PER_PAGE = 240
MOST_ON_LOOP = 2_000  # that are filtered and sorted there
MOST_SITES = 30  # that are listed; all can be chosen
_OFF_AIR = frozenset({Phase.BOOKED, Phase.ENDED})
_BAD = frozenset({Condition.DOWN, Condition.DEGRADED})
_VANISHED = 2  # complete polls in a row without it
_WORST_FIRST = (
    *(Condition.DOWN, Condition.DEGRADED, Condition.PLANNED),
    *(Condition.BLIND, Condition.UP, Condition.UNUSED),
)
WORDS = {  # of the page, and of its address
    Condition.DOWN: "down",
    Condition.DEGRADED: "degraded",
    Condition.PLANNED: "planned",
    Condition.BLIND: "unknown",
    Condition.UP: "up",
    Condition.UNUSED: "unused",
}


class Service(Struct, frozen=True, kw_only=True):
    """One subject as the page lists it; `phase` is None where nothing is booked.

    `word` is its state in the vendor's word, or what is measured where that is all there is, last
    known where `seen` is false. `since` is when that word was first seen; None for what is measured
    alone, which is another value at each look. `until` is when what is on air ends, and `next` when
    the next booking begins.
    """

    key: str
    name: str
    source: str
    site: str
    condition: Condition
    word: str
    seen: bool
    since: datetime | None
    phase: Phase | None = None
    until: datetime | None = None
    next: datetime | None = None
    incident: model.Incident | None = None
    works: Sequence[SubjectWork] = ()
    running: bool = False  # one of these works is under way
    searched: str = ""

    @property
    def says(self) -> str:
        """Its condition in the word of the page."""
        return WORDS[self.condition]

    @property
    def urgency(self) -> tuple[bool, int, int, str, str]:
        """Return a sort key: those with an incident first, then the worst."""
        severity = self.incident.severity.rank if self.incident else 0
        rank = _WORST_FIRST.index(self.condition)
        return self.incident is None, -severity, rank, self.name, self.key


class Filters(Struct, frozen=True, kw_only=True):
    """What the address asks for; empty: everything."""

    q: str = ""
    source: str = ""
    site: str = ""
    phase: str = ""
    works: str = ""  # any, running
    state: str = ""
    page: int = 1

    def address(self, **changes: str | int) -> str:
        """Return the address of the page with these changes, which begin on its first page."""
        names = {**asdict(self), "page": 1, **changes}
        if names["page"] == 1:
            del names["page"]
        query = urlencode({name: value for name, value in names.items() if value})
        return f"/subjects?{query}" if query else "/subjects"

    def fit(self, service: Service) -> bool:
        """Whether a service is asked for, whatever its state."""
        return (
            (not self.source or service.source == self.source)
            and (not self.site or service.site == self.site)
            and (not self.phase or service.phase == self.phase)
            and (not self.works or bool(service.works))
            and (self.works != "running" or service.running)
            and all(word in service.searched for word in self.q.casefold().split())
        )


class Site(Struct, frozen=True, kw_only=True):
    """How many services there are at one site, and how many of them are not well."""

    name: str
    services: int
    bad: int


class Listing(Struct, frozen=True, kw_only=True):
    """One page of what fits; `counts` are by state, of all that fits the other filters."""

    services: tuple[Service, ...]
    fitting: int
    all: int
    pages: int
    counts: Mapping[str, int]
    sources: tuple[str, ...]
    sites: tuple[Site, ...]  # those with trouble first
    phases: tuple[str, ...]


def describe(
    subject: model.Subject,
    ruleset: engine.Ruleset,
    health: Mapping[str, model.SourceHealth],
    incident: model.Incident | None,
    now: datetime,
    *,
    works: Sequence[SubjectWork] = (),
) -> Service:
    """Return how a subject is now; what the engine holds back as planned is not called down."""
    traits = ruleset.sources.get(subject.source)
    entry = ruleset.inventory.entry(subject.key, subject.labels)
    labels = {**subject.labels, **entry.labels}
    name = labels.get("name") or subject.id
    sight = health.get(subject.source)
    seen = sight is None or sight.sight is not model.Visibility.BLIND
    phase = None
    if traits is not None and subject.bookings:
        phase = reservation.phase(subject.bookings, now, traits.pre_roll)
    is_measured = traits is not None and set(subject.fields) <= set(traits.units)
    word = str(subject.fields.get("state") or subject.fields.get("status") or "")
    if traits is not None and not word:
        word = _measured(subject, traits)
    if subject.missed >= _VANISHED:
        condition, word = Condition.UNUSED, "no longer listed"
    elif not seen or traits is None:
        condition = Condition.BLIND
    elif phase in _OFF_AIR:
        condition = Condition.UNUSED
    else:
        condition = evaluate(traits, subject.fields, entry.expected_mbps).condition
        if condition in _BAD and incident is not None and "planned" in incident.flags:
            condition = Condition.PLANNED
    return Service(
        key=subject.key,
        name=name,
        source=subject.source,
        site=labels.get("site", ""),
        condition=condition,
        word=word,
        seen=seen,
        since=None if is_measured else subject.since,
        phase=phase,
        until=reservation.on_air_until(subject.bookings, now),
        next=reservation.next_start(subject.bookings, now),
        incident=incident,
        works=works,
        running=any(shown.is_running(now) for shown in works),
        searched=" ".join((subject.key, word, *labels.values())).casefold(),
    )


def _measured(subject: model.Subject, traits: engine.SourceTraits) -> str:
    """Return the first value that is measured, with its unit; empty where there is none."""
    values = ((subject.fields.get(metric), unit) for metric, unit in traits.units.items())
    return next(
        (
            model.format_figure(float(value), unit)
            for value, unit in values
            if isinstance(value, int | float)
        ),
        "",
    )


def worst_of(incidents: Iterable[model.Incident]) -> model.Incident | None:
    """Return the one that people should look at first."""
    return max(
        incidents,
        key=lambda incident: (
            not incident.is_drill,
            incident.severity.rank,
            incident.status is model.IncidentStatus.OPEN,
            incident.begin,
        ),
        default=None,
    )


def listing(services: Sequence[Service], filters: Filters) -> Listing:
    """Return the page that the filters ask for, the worst first."""
    fitting = [service for service in services if filters.fit(service)]
    counts = Counter(service.says for service in fitting)
    matching = [service for service in fitting if filters.state in {"", service.says}]
    matching.sort(key=lambda service: service.urgency)
    pages = max(1, -(-len(matching) // PER_PAGE))
    page = min(filters.page, pages)
    sites = _sites(services, filters)
    return Listing(
        services=tuple(matching[(page - 1) * PER_PAGE : page * PER_PAGE]),
        fitting=len(matching),
        all=len(services),
        pages=pages,
        counts={word: counts[word] for word in WORDS.values() if counts[word]},
        sources=tuple(sorted({service.source for service in services})),
        sites=tuple(sites),
        phases=tuple(phase for phase in Phase if any(s.phase is phase for s in services)),
    )


def _sites(services: Sequence[Service], filters: Filters) -> list[Site]:
    """Return the sites of one source or of all, those with most trouble first."""
    there: Counter[str] = Counter()
    bad: Counter[str] = Counter()
    for service in services:
        if service.site and filters.source in {"", service.source}:
            there[service.site] += 1
            is_bad = service.incident or service.condition in _BAD
            bad[service.site] += bool(is_bad)
    return sorted(
        (Site(name=name, services=count, bad=bad[name]) for name, count in there.items()),
        key=lambda site: (-site.bad, site.name),
    )
