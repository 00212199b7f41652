"""What two rulesets would have sent for the same time, side by side, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from watcher import engine, model
from watcher.replay.replay import ReplayedIncident


class Difference(StrEnum):
    """How an incident under the new rules differs from the one under the old."""

    SAME = "same"
    GAINED = "gained"
    LOST = "lost"
    EARLIER = "earlier"
    LATER = "later"
    NOISIER = "noisier"
    QUIETER = "quieter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One incident under both rulesets; either may be None, but not both."""

    old: ReplayedIncident | None = None
    new: ReplayedIncident | None = None

    @property
    def incident(self) -> model.Incident:
        """The incident under the new rules, or else under the old."""
        replayed = self.new or self.old
        assert replayed is not None  # noqa: S101  # at least one is there
        return replayed.incident

    @property
    def differences(self) -> tuple[Difference, ...]:
        """How they differ; an incident may be later and noisier."""
        if self.old is None or self.new is None:
            return (Difference.LOST if self.new is None else Difference.GAINED,)
        differences = []
        if self.new.incident.opened_at != self.old.incident.opened_at:
            is_earlier = self.new.incident.opened_at < self.old.incident.opened_at
            differences.append(Difference.EARLIER if is_earlier else Difference.LATER)
        if len(self.new.notifications) != len(self.old.notifications):
            is_noisier = len(self.new.notifications) > len(self.old.notifications)
            differences.append(Difference.NOISIER if is_noisier else Difference.QUIETER)
        return tuple(differences) or (Difference.SAME,)


def pair(old: Sequence[ReplayedIncident], new: Sequence[ReplayedIncident]) -> list[Pair]:
    """Pair the incidents of one rule and group that were open at about the same time."""
    rest: dict[tuple[str, str], list[ReplayedIncident]] = {}
    for replayed in new:
        rest.setdefault(_key(replayed.incident), []).append(replayed)
    pairs = [
        Pair(old=replayed, new=_take(rest.get(_key(replayed.incident), []), replayed))
        for replayed in old
    ]
    pairs += [Pair(new=replayed) for unpaired in rest.values() for replayed in unpaired]
    return sorted(pairs, key=lambda pair: (pair.incident.opened_at, pair.incident.id))


def _key(incident: model.Incident) -> tuple[str, str]:
    return incident.rule, incident.group


def _take(candidates: list[ReplayedIncident], old: ReplayedIncident) -> ReplayedIncident | None:
    for index, new in enumerate(candidates):
        if _overlap(old.incident, new.incident):
            return candidates.pop(index)
    return None


def _overlap(old: model.Incident, new: model.Incident) -> bool:
    first, second = sorted((old, new), key=lambda incident: incident.opened_at)
    end = first.resolved_at
    return end is None or second.opened_at <= end + engine.REOPEN_WITHIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """How much a ruleset would have sent; a page is a notification that people had to notice."""

    incidents: int
    pages: int
    pages_per_day: float


def totals(replayed: Sequence[ReplayedIncident], since: datetime, until: datetime) -> Totals:
    """Add up what was sent in a time; one shorter than a day counts as a day."""
    days = max((until - since) / timedelta(days=1), 1.0)
    pages = sum(len(incident.notifications) for incident in replayed)
    return Totals(incidents=len(replayed), pages=pages, pages_per_day=pages / days)


def heading(since: datetime, until: datetime, what: str) -> str:
    """Return the line that says what was read."""
    span = model.format_duration(until - since)
    return (
        f"{model.format_date_time(since)} to {model.format_date_time(until)} UTC ({span}), {what}"
    )


def listing(
    replayed: Sequence[ReplayedIncident], since: datetime, until: datetime
) -> Iterator[str]:
    """Yield a line for each notification under one ruleset, in order, and the totals."""
    lines = [
        (notification.at, notification.entry, incident.incident)
        for incident in replayed
        for notification in incident.notifications
    ]
    for at, entry, incident in sorted(lines, key=lambda line: (line[0], line[1].event_id)):
        yield (
            f"{model.format_date_time(at)}  {incident.severity:<8}  {incident.id}  "
            f"{incident.rule}  {incident.title}: {entry.text}"
        )
    yield f"these rules: {_format_totals(totals(replayed, since, until))}"


def comparison(
    old: Sequence[ReplayedIncident],
    new: Sequence[ReplayedIncident],
    since: datetime,
    until: datetime,
) -> Iterator[str]:
    """Yield a line for each incident that differs under the new rules, and the totals."""
    pairs = pair(old, new)
    for different in pairs:
        if different.differences != (Difference.SAME,):
            yield _format_pair(different)
    counts = [
        f"{sum(difference in pair.differences for pair in pairs)} {difference}"
        for difference in Difference
        if any(difference in pair.differences for pair in pairs)
    ]
    yield f"incidents: {', '.join(counts) or 'none'}"
    yield f"current rules: {_format_totals(totals(old, since, until))}"
    yield f"new rules:     {_format_totals(totals(new, since, until))}"


def _format_pair(pair: Pair) -> str:
    incident = pair.incident
    what = ", ".join(_format_difference(pair, difference) for difference in pair.differences)
    when = model.format_date_time(incident.opened_at)
    return f"{when}  {what}: {incident.rule}  {incident.title}  {_format_span(incident)}"


def _format_difference(pair: Pair, difference: Difference) -> str:
    if pair.old is None or pair.new is None:
        return str(difference)
    if difference in {Difference.EARLIER, Difference.LATER}:
        moved = abs(pair.new.incident.opened_at - pair.old.incident.opened_at)
        return f"{difference} by {model.format_duration(moved)}"
    old, new = len(pair.old.notifications), len(pair.new.notifications)
    return f"{difference} ({new} pages instead of {old})"


def _format_span(incident: model.Incident) -> str:
    if incident.resolved_at is None:
        return f"({incident.group}, still open)"
    lasted = model.format_duration(incident.resolved_at - incident.opened_at)
    return f"({incident.group}, {lasted})"


def _format_totals(total: Totals) -> str:
    return f"{total.incidents} incidents, {total.pages} pages ({total.pages_per_day:.1f} per day)"
