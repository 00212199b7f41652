"""What two rulesets would have sent for the same time, side by side, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct, field

from watcher import engine, model
from watcher.replay.replay import ReplayedIncident


class Difference(StrEnum):
    """How an incident under the new rules differs from the one under the old."""

    SAME = "same"
    GAINED = "gained"
    LOST = "lost"
    MERGED = "merged"
    SPLIT = "split"
    EARLIER = "earlier"
    LATER = "later"
    NOISIER = "noisier"
    QUIETER = "quieter"


class Pair(Struct, kw_only=True):
    """What one fault was reported as under both rulesets; either may be empty, but not both."""

    old: list[ReplayedIncident] = field(default_factory=list)
    new: list[ReplayedIncident] = field(default_factory=list)

    @property
    def incident(self) -> model.Incident:
        """The first incident under the new rules, or else under the old."""
        return (self.new or self.old)[0].incident

    @property
    def differences(self) -> tuple[Difference, ...]:
        """How they differ; an incident may be later and noisier."""
        if not self.old or not self.new:
            return (Difference.GAINED if self.new else Difference.LOST,)
        differences = []
        if len(self.new) != len(self.old):
            is_merged = len(self.new) < len(self.old)
            differences.append(Difference.MERGED if is_merged else Difference.SPLIT)
        old_start, new_start = _start(self.old), _start(self.new)
        if new_start != old_start:
            differences.append(Difference.EARLIER if new_start < old_start else Difference.LATER)
        old_pages, new_pages = _pages(self.old), _pages(self.new)
        if new_pages != old_pages:
            is_noisier = new_pages > old_pages
            differences.append(Difference.NOISIER if is_noisier else Difference.QUIETER)
        return tuple(differences) or (Difference.SAME,)


def pair(old: Sequence[ReplayedIncident], new: Sequence[ReplayedIncident]) -> list[Pair]:
    """Pair the incidents about one fault of one group that were open at about the same time.

    Those of the same rule come first. What is left over joins the pair that it was a part of: two
    incidents about one fault may be one under the other rules.
    """
    rest = list(new)
    pairs = [Pair(old=[replayed]) for replayed in old]
    for is_related in (_has_same_rule, _is_about_same_fault):
        for unpaired in [pair for pair in pairs if not pair.new]:
            match = next((it for it in rest if is_related(unpaired.old[0], it)), None)
            if match is not None:
                rest.remove(match)
                unpaired.new.append(match)
    whole = [pair for pair in pairs if pair.new]
    alone = [pair.old[0] for pair in pairs if not pair.new]
    lost = [Pair(old=[it]) for it in alone if not _add_to(whole, it, is_new=False)]
    gained = [Pair(new=[it]) for it in rest if not _add_to(whole, it, is_new=True)]
    return sorted(
        [*whole, *lost, *gained], key=lambda pair: (pair.incident.opened_at, pair.incident.id)
    )


def _add_to(pairs: Sequence[Pair], replayed: ReplayedIncident, *, is_new: bool) -> bool:
    """Add an incident to the pair whose other side was about its fault; False: there is none."""
    for candidate in pairs:
        side, other = (candidate.new, candidate.old) if is_new else (candidate.old, candidate.new)
        if any(_is_about_same_fault(incident, replayed) for incident in other):
            side.append(replayed)
            side.sort(key=lambda incident: incident.incident.opened_at)
            return True
    return False


def _has_same_rule(old: ReplayedIncident, new: ReplayedIncident) -> bool:
    return old.incident.rule == new.incident.rule and _is_about_same_fault(old, new)


def _is_about_same_fault(old: ReplayedIncident, new: ReplayedIncident) -> bool:
    """Return whether both report a fault of one group: by its name, or by a rule that fired."""
    first, second = old.incident, new.incident
    shared = _about(first) == _about(second) or _rules(old) & _rules(new)
    return first.group == second.group and bool(shared) and _overlap(first, second)


def _about(incident: model.Incident) -> str:
    return incident.fault or incident.rule


def _rules(replayed: ReplayedIncident) -> frozenset[str]:
    return replayed.rules | {replayed.incident.rule}


def _overlap(old: model.Incident, new: model.Incident) -> bool:
    first, second = sorted((old, new), key=lambda incident: incident.opened_at)
    end = first.resolved_at
    return end is None or second.opened_at <= end + engine.REOPEN_WITHIN


def _start(side: Sequence[ReplayedIncident]) -> datetime:
    return min(replayed.incident.opened_at for replayed in side)


def _pages(side: Sequence[ReplayedIncident]) -> int:
    return sum(len(replayed.notifications) for replayed in side)


class Totals(Struct, frozen=True, kw_only=True):
    """How much a ruleset would have sent; a page is a notification that people had to notice."""

    incidents: int
    pages: int
    pages_per_day: float


def totals(replayed: Sequence[ReplayedIncident], since: datetime, until: datetime) -> Totals:
    """Add up what was sent in a time; one shorter than a day counts as a day."""
    days = max((until - since) / timedelta(days=1), 1.0)
    pages = _pages(replayed)
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
            yield from _format_parts(different)
    counts = [
        f"{sum(difference in pair.differences for pair in pairs)} {difference}"
        for difference in Difference
        if any(difference in pair.differences for pair in pairs)
    ]
    yield f"incidents: {', '.join(counts) or 'none'}"
    yield f"current rules: {_format_totals(totals(old, since, until))}"
    yield f"new rules:     {_format_totals(totals(new, since, until))}"


def _format_pair(pair: Pair) -> str:
    what = ", ".join(_format_difference(pair, difference) for difference in pair.differences)
    return f"{_format_date(pair.incident)}  {what}: {_format_incident(pair.incident)}"


def _format_parts(pair: Pair) -> Iterator[str]:
    """Yield a line for each incident that was, or became, a part of one."""
    if Difference.MERGED in pair.differences:
        parts, word = pair.old, "was"
    elif Difference.SPLIT in pair.differences:
        parts, word = pair.new, "now"
    else:
        return
    for part in parts:
        incident = part.incident
        yield f"  {word}: {_format_date(incident)}  {incident.rule}  {_format_span(incident)}"


def _format_date(incident: model.Incident) -> str:
    return model.format_date_time(incident.begin)


def _format_incident(incident: model.Incident) -> str:
    return f"{_about(incident)}  {incident.title}  {_format_span(incident)}"


def _format_difference(pair: Pair, difference: Difference) -> str:
    match difference:
        case Difference.MERGED | Difference.SPLIT:
            now = model.format_count(len(pair.new), "incident")
            return f"{difference} ({now} instead of {len(pair.old)})"
        case Difference.EARLIER | Difference.LATER:
            moved = abs(_start(pair.new) - _start(pair.old))
            return f"{difference} by {model.format_duration(moved)}"
        case Difference.NOISIER | Difference.QUIETER:
            now = model.format_count(_pages(pair.new), "page")
            return f"{difference} ({now} instead of {_pages(pair.old)})"
        case _:
            return str(difference)


def _format_span(incident: model.Incident) -> str:
    if incident.end is None:
        return f"({incident.group}, still open)"
    return f"({incident.group}, {model.format_duration(incident.lasted(incident.end))})"


def _format_totals(total: Totals) -> str:
    incidents = model.format_count(total.incidents, "incident")
    pages = model.format_count(total.pages, "page")
    return f"{incidents}, {pages} ({total.pages_per_day:.1f} per day)"
