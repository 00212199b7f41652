"""Planned works and the subjects that they are about: whether a work excuses a fault.

How it is decided
-----------------
A notice names circuits by the carrier's ids, and a subject has such ids in its inventory entry. A
subject is affected where one of them is equal, and its carrier sends that notice. A fault on it is
planned from the begin of a window until its end and a grace after that, if

- it began in the window, and fired in it: what broke before has called people, and still counts;
- what can be seen of it is at most what was announced.

Law: a work excuses a fault for no longer than its window and the grace.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from msgspec import Struct, field
from msgspec.structs import replace

from watcher import model
from watcher.engine.rules.rule import InventoryEntry, SourceTraits, WorksPolicy
from watcher.model import Planned, Work, WorkImpact, WorkStatus, WorkWindow

# Windows are announced in whole minutes, and a carrier's clock is not ours. As an alert must also
# fire in the window, this holds back nobody who was called before it.
EARLY = timedelta(minutes=2)
# A carrier announces works 21266034, and writes of their windows as 21266034-1 and -2.
_WINDOW = re.compile(r"(.+)-\d{1,4}")
# Where windows of one message have circuits of their own, each is kept as WORKS/NAME.
_FRACTION = re.compile(r"([^/]+/.+)/[^/]+")
# Works take hours or days: a longer window is most likely a slip in a date, and would keep an
# outage silent for as long, so a person has to confirm it.
LONGEST = timedelta(days=14)
_GENERIC = frozenset({"ac", "co", "com", "gov", "net", "org"})  # before a country's domain


def circuit_key(circuit: str) -> str:
    """Return a circuit's id as it is compared: without its case, with single spaces."""
    return " ".join(circuit.casefold().split())


def wholes_of(key: str) -> tuple[str, ...]:
    """Return the works that a key may name a part of: `X/1` of `X/1-1`, `X/1` of `X/1/a`."""
    matches = (pattern.fullmatch(key) for pattern in (_FRACTION, _WINDOW))
    return tuple(match[1] for match in matches if match)


def is_newer(work: Work, than: Work) -> bool:
    """Return whether the newest notice of works was written after that of others."""
    return work.notice.said_at > than.notice.said_at


def is_fraction(part: str, whole: str) -> bool:
    """Return whether a part stands, with its like, for the whole as one message had it."""
    return part.startswith(f"{whole}/")


def carrier_of(provider: str, policy: WorksPolicy) -> str:
    """Return the carrier that a name or a domain is for, as it is compared.

    The policy's names count before the name in a domain.
    """
    name = circuit_key(provider)
    parts = name.split(".")
    domains = [".".join(parts[n:]) for n in range(1, len(parts) - 1)]
    for domain in (name, *domains):
        if domain in policy.providers:
            return policy.providers[domain]
    if len(parts) < 2 or " " in name:  # a name, not a domain
        return name
    label = parts[-3] if len(parts) > 2 and parts[-2] in _GENERIC else parts[-2]
    return policy.providers.get(label, label)


def circuits_of(entry: InventoryEntry) -> tuple[str, ...]:
    """Return the ids of a subject that notices may name, as they are compared."""
    ids = (circuit_key(circuit) for circuit in (*entry.circuit_ids, *entry.service_ids))
    return tuple(dict.fromkeys(ids))


def is_by_carrier(
    work: Work, entry: InventoryEntry, traits: SourceTraits, policy: WorksPolicy
) -> bool:
    """Return whether a subject's carrier is the one that announced these works."""
    provider = entry.provider or traits.carrier
    return carrier_of(provider, policy) == carrier_of(work.notice.provider, policy)


def joined_windows(windows: Iterable[WorkWindow]) -> tuple[WorkWindow, ...]:
    """Return windows in order; those that touch each other are one."""
    joined: list[WorkWindow] = []
    for window in sorted(windows, key=lambda window: (window.begin, window.end)):
        if joined and window.begin <= joined[-1].end:
            end = max(window.end, joined[-1].end)
            joined[-1] = WorkWindow(begin=joined[-1].begin, end=end)
        else:
            joined.append(window)
    return tuple(joined)


def _named(work: Work) -> set[WorkWindow]:
    """Return every window that a notice of works has named."""
    return {window for notice in work.notices for window in notice.windows}


def _left_by(whole: Work, part: Work, windows: Iterable[WorkWindow]) -> Iterator[WorkWindow]:
    """Yield what a newer word about the whole leaves of the windows of a part."""
    if whole.completed_at is not None and not whole.dismissed_by:
        over = whole.completed_at
        yield from (
            replace(window, end=min(window.end, over)) for window in windows if window.begin < over
        )
    elif whole.windows and not is_fraction(part.key, whole.key):
        begins = {window.begin for window in _named(whole)}
        yield from (window for window in windows if window.begin not in begins)


class WorksIndex(Struct, eq=False):
    """Which works name a circuit, and their windows: so that no alert looks through all works."""

    works: dict[str, Work] = field(default_factory=dict)
    windows: dict[str, tuple[WorkWindow, ...]] = field(default_factory=dict)
    naming: dict[str, dict[str, model.AffectedCircuit]] = field(default_factory=dict)
    parts: dict[str, set[str]] = field(default_factory=dict)  # works about one window of others

    def put(self, work: Work) -> dict[str, tuple[WorkWindow, ...]]:
        """Add works, or what is known of them now; return the windows that others had before."""
        before = self.works.get(work.key)
        others = {*wholes_of(work.key), *self.parts.get(work.key, ())} & self.works.keys()
        had = {key: self.counting(key) for key in others}
        for circuit in before.notice.circuits if before else ():
            self.naming.get(circuit_key(circuit.id), {}).pop(work.key, None)
        self.works[work.key] = work
        wholes = wholes_of(work.key)
        for whole in wholes:
            self.parts.setdefault(whole, set()).add(work.key)
        for key in (work.key, *wholes, *self.parts.get(work.key, ())):
            if key in self.works:
                self.windows[key] = joined_windows(self.counting(key))
        for circuit in work.notice.circuits:
            named = self.naming.setdefault(circuit_key(circuit.id), {})
            already = named.get(work.key)
            if already is None or already.impact.rank < circuit.impact.rank:
                named[work.key] = circuit  # of a circuit that is named twice the worst counts
        return had

    def counting(self, key: str) -> tuple[WorkWindow, ...]:
        """Return the windows of works that count, but for those that others speak for.

        Of a whole and its parts, whichever the carrier has written of last speaks.
        """
        work = self.works[key]
        windows = work.windows
        for part in self._parts(key):
            if is_newer(work, part):
                continue
            named = _named(part)
            windows = tuple(
                window
                for window in windows
                if window not in named and not (is_fraction(part.key, key) and is_newer(part, work))
            )
        for whole in self._wholes(key):
            if is_newer(whole, work):
                windows = tuple(_left_by(whole, work, windows))
        return windows

    def about(self, planned: Planned) -> Work | None:
        """Return the works that speak for a window, of a whole and its parts the newest."""
        return self.speaker(planned.key, planned.begin) if planned.key in self.works else None

    def speaker(self, key: str, begin: datetime) -> Work:
        """Return the works that speak for the window of works that begins then."""
        work = self.works[key]
        for part in self._parts(key):
            begins = {window.begin for window in _named(part)}
            if begin in begins and not is_newer(work, part):
                return part
        return next((whole for whole in self._wholes(key) if is_newer(whole, work)), work)

    def gone(self, key: str, had: Iterable[WorkWindow]) -> Iterator[tuple[WorkWindow, Work]]:
        """Yield the windows of works that do not take place any more, by whose word.

        `had` are those that counted before; what counts for a whole or a part instead still does.
        """
        counting = set(self.counting(key))
        for window in had:
            speaker = self.speaker(key, window.begin)
            if window not in counting and window not in self.counting(speaker.key):
                yield window, speaker

    def _parts(self, key: str) -> Iterator[Work]:
        return (self.works[part] for part in sorted(self.parts.get(key, ())))

    def _wholes(self, key: str) -> Iterator[Work]:
        return (self.works[whole] for whole in wholes_of(key) if whole in self.works)

    def edges(self, grace: timedelta) -> Iterator[datetime]:
        """Yield when a window begins, and when one is over with its grace."""
        for windows in self.windows.values():
            for window in windows:
                yield window.begin
                yield window.end + grace


class Affected(Protocol):
    """A subject, as far as works are about it; a SubjectView is one."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def inventory_entry(self) -> InventoryEntry:
        """What the inventory adds."""

    @property
    def traits(self) -> SourceTraits:
        """What is known of its source."""

    @property
    def fields(self) -> Mapping[str, model.Scalar]:
        """What its vendor says of it."""


class Fault(Struct, frozen=True, kw_only=True, gc=False):
    """A firing alert of a subject: since when the fault has lasted, and since when it fires.

    `until` is when it was over and the subject well, of an alert that only waits to resolve.
    `is_down` says that it is a total loss, whatever the subject's own state is.
    """

    began_at: datetime
    fired_at: datetime
    until: datetime | None = None
    is_down: bool = False


def named_by(
    index: WorksIndex, subject: Affected, policy: WorksPolicy
) -> Iterator[tuple[Work, WorkImpact]]:
    """Yield the works that name a subject, each with the impact that is announced for it."""
    entry = subject.inventory_entry
    impacts: dict[str, WorkImpact] = {}
    for circuit in circuits_of(entry):
        for key, named in index.naming.get(circuit, {}).items():
            before = impacts.get(key)
            if before is None or before.rank < named.impact.rank:
                impacts[key] = named.impact
    for key in sorted(impacts):
        if is_by_carrier(index.works[key], entry, subject.traits, policy):
            yield index.works[key], impacts[key]


def find(
    index: WorksIndex, subject: Affected, fault: Fault, policy: WorksPolicy, now: datetime
) -> Planned | None:
    """Return the work that excuses a fault now, of several the one that ends last.

    A fault that was over in time does not outlast the works while its alert waits to resolve.
    """
    at = now if fault.until is None else min(fault.until, now)
    matches = [
        _planned(work, impact, window)
        for work, impact in named_by(index, subject, policy)
        if covers(impact, is_down=fault.is_down or is_down(subject))
        for window in index.windows[work.key]
        if _is_open(window, policy, at) and _is_of(window, fault) and is_credible(work, window)
    ]
    return max(
        matches, key=lambda planned: (planned.end, planned.provider, planned.id), default=None
    )


def announced(
    index: WorksIndex, subject: Affected, policy: WorksPolicy, now: datetime
) -> Planned | None:
    """Return the work whose window is open on a subject, whatever it excuses; the worst impact."""
    matches = [
        _planned(work, impact, window)
        for work, impact in named_by(index, subject, policy)
        for window in index.windows[work.key]
        if _is_open(window, policy, now)
    ]
    return max(matches, key=lambda planned: (planned.impact.rank, planned.end), default=None)


def covers(impact: WorkImpact, *, is_down: bool) -> bool:
    """Return whether what was announced is as bad as what can be seen."""
    return impact is WorkImpact.OUTAGE or (impact is WorkImpact.DEGRADED and not is_down)


def is_credible(work: Work, window: WorkWindow) -> bool:
    """Return whether a window excuses anything: it is not too long, or the works are confirmed."""
    return bool(work.confirmed_by) or not is_too_long(window)


def is_too_long(window: WorkWindow) -> bool:
    """Return whether a window is longer than works take."""
    return window.end - window.begin > LONGEST


def is_down(subject: Affected) -> bool:
    """Return whether a subject carries nothing, by its own state."""
    state = subject.fields.get("state") or subject.fields.get("status")
    return state in subject.traits.down


def _is_open(window: WorkWindow, policy: WorksPolicy, now: datetime) -> bool:
    return window.begin <= now < window.end + policy.grace


def _is_of(window: WorkWindow, fault: Fault) -> bool:
    return fault.began_at >= window.begin - EARLY and fault.fired_at >= window.begin


def _planned(work: Work, impact: WorkImpact, window: WorkWindow) -> Planned:
    notice = work.notice
    return Planned(
        provider=notice.provider, id=notice.id, begin=window.begin, end=window.end, impact=impact
    )


# Words

_IMPACTS = {
    WorkImpact.NO_IMPACT: "no impact",
    WorkImpact.REDUCED_REDUNDANCY: "reduced redundancy",
    WorkImpact.DEGRADED: "degraded service",
    WorkImpact.OUTAGE: "an outage",
}


def name_of(planned: Planned) -> str:
    """Return what people call a work: `planned works 123 of CARRIER`."""
    return f"planned works {planned.id} of {model.format_carrier(planned.provider)}"


def remark(subject: Affected, fault: Fault, planned: Planned) -> str:
    """Return why a work does not excuse a fault although its window is open; empty: it does."""
    if not covers(planned.impact, is_down=fault.is_down or is_down(subject)):
        return f"worse than {name_of(planned)}, which announced {_IMPACTS[planned.impact]}"
    if not _is_of(WorkWindow(begin=planned.begin, end=planned.end), fault):
        return f"it broke before {name_of(planned)}"
    if is_too_long(WorkWindow(begin=planned.begin, end=planned.end)):
        days = model.format_duration(planned.end - planned.begin)
        return f"{name_of(planned)} are announced for {days}: confirm them if that is right"
    return ""


def why_over(  # noqa: PLR0911, PLR0917  # one answer for each reason; one caller
    work: Work | None,
    planned: Planned,
    subject: Affected,
    fault: Fault,
    policy: WorksPolicy,
    now: datetime,
) -> str:
    """Return why a work does not excuse a fault any more."""
    what, name = name_of(planned), subject.name
    until = f"which were to end at {model.format_time(planned.end, now, seconds=False)}"
    if work is None:
        return f"{what} are not known any more"
    if work.dismissed_by:
        return f"{what} were dismissed by {work.dismissed_by}"
    if work.notice.status is WorkStatus.CANCELLED:
        return f"{what} were cancelled"
    impact = _impact_on(work, subject)
    if impact is None or not is_by_carrier(work, subject.inventory_entry, subject.traits, policy):
        return f"{name} is not named by {what}"
    if not covers(impact, is_down=fault.is_down or is_down(subject)):
        return f"{name} is worse than {what} announced, which is {_IMPACTS[impact]}"
    completed = work.completed_at
    if completed is not None:
        at = model.format_time(completed, now, seconds=False)
        return f"still there after {what}, which were completed at {at}"
    windows = joined_windows(work.windows)
    if not any(window.begin <= planned.begin < window.end for window in windows):
        begins = [model.format_time(window.begin, now, seconds=False) for window in windows]
        return f"{what} were moved" + (f" to {', '.join(begins)}" if begins else "")
    if fault.began_at >= planned.end:
        return f"{name} broke after {what}, {until}"
    if fault.fired_at < planned.begin or fault.began_at < planned.begin - EARLY:
        return f"{name} broke before {what}"
    return f"still there after {what}, {until}"


def _impact_on(work: Work, subject: Affected) -> WorkImpact | None:
    ids = set(circuits_of(subject.inventory_entry))
    named = [circuit.impact for circuit in work.notice.circuits if circuit_key(circuit.id) in ids]
    return max(named, key=lambda impact: impact.rank, default=None)
