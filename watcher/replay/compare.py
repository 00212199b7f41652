"""What two rulesets would have told of the same time, side by side. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from watcher import engine, model
from watcher.replay.replay import Told


class Verdict(StrEnum):
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
    """One incident under both rulesets; None where there is none. At least one is there."""

    old: Told | None = None
    new: Told | None = None

    @property
    def one(self) -> Told:
        """The new one, or else the old."""
        told = self.new or self.old
        assert told is not None  # noqa: S101  # at least one is there
        return told

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """How they differ; an incident may be later and noisier."""
        if self.old is None or self.new is None:
            return (Verdict.LOST if self.new is None else Verdict.GAINED,)
        found = []
        if self.new.incident.opened_at != self.old.incident.opened_at:
            is_earlier = self.new.incident.opened_at < self.old.incident.opened_at
            found.append(Verdict.EARLIER if is_earlier else Verdict.LATER)
        if len(self.new.messages) != len(self.old.messages):
            is_noisier = len(self.new.messages) > len(self.old.messages)
            found.append(Verdict.NOISIER if is_noisier else Verdict.QUIETER)
        return tuple(found) or (Verdict.SAME,)


def pair(old: Sequence[Told], new: Sequence[Told]) -> list[Pair]:
    """Put together the incidents of one rule and group that were open at about the same time."""
    rest: dict[tuple[str, str], list[Told]] = {}
    for told in new:
        rest.setdefault(_key(told.incident), []).append(told)
    pairs = [Pair(old=told, new=_take(rest.get(_key(told.incident), []), told)) for told in old]
    pairs += [Pair(new=told) for several in rest.values() for told in several]
    return sorted(pairs, key=lambda pair: (pair.one.incident.opened_at, pair.one.incident.id))


def _key(incident: model.Incident) -> tuple[str, str]:
    return incident.rule, incident.group


def _take(candidates: list[Told], old: Told) -> Told | None:
    for number, new in enumerate(candidates):
        if _overlap(old.incident, new.incident):
            return candidates.pop(number)
    return None


def _overlap(one: model.Incident, other: model.Incident) -> bool:
    first, second = sorted((one, other), key=lambda each: each.opened_at)
    end = first.resolved_at
    return end is None or second.opened_at <= end + engine.REOPEN_WITHIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """How much a ruleset would have told: messages that people had to notice are pages."""

    incidents: int
    pages: int
    pages_per_day: float


def add_up(told: Sequence[Told], since: datetime, until: datetime) -> Sum:
    """Add up what was told in a time; one shorter than a day counts as a day."""
    days = max((until - since) / timedelta(days=1), 1.0)
    pages = sum(len(each.messages) for each in told)
    return Sum(incidents=len(told), pages=pages, pages_per_day=pages / days)


def differing(pairs: Sequence[Pair]) -> Iterator[Pair]:
    """Leave out what is the same."""
    return (each for each in pairs if each.verdicts != (Verdict.SAME,))


def heading(since: datetime, until: datetime, what: str) -> str:
    """Say what was read."""
    span = model.format_duration(until - since)
    return (
        f"{model.format_date_time(since)} to {model.format_date_time(until)} UTC ({span}), {what}"
    )


def told(found: Sequence[Told], since: datetime, until: datetime) -> Iterator[str]:
    """Say what would have been told under one ruleset: each message in order."""
    messages = [(each.at, one, each.entry) for one in found for each in one.messages]
    for at, one, entry in sorted(messages, key=lambda each: (each[0], each[2].event_id)):
        incident = one.incident
        yield (
            f"{model.format_date_time(at)}  {incident.severity:<8}  {incident.id}  "
            f"{incident.rule}  {incident.title}: {entry.text}"
        )
    yield f"these rules: {_sum(add_up(found, since, until))}"


def compared(
    old: Sequence[Told], new: Sequence[Told], since: datetime, until: datetime
) -> Iterator[str]:
    """Say how what would have been told differs between the rules in force and others."""
    pairs = pair(old, new)
    different = list(differing(pairs))
    for each in different:
        yield _line(each)
    before, after = add_up(old, since, until), add_up(new, since, until)
    counts = [
        f"{sum(verdict in each.verdicts for each in pairs)} {verdict}"
        for verdict in Verdict
        if any(verdict in each.verdicts for each in pairs)
    ]
    yield f"incidents: {', '.join(counts) or 'none'}"
    yield f"rules in force: {_sum(before)}"
    yield f"new rules:      {_sum(after)}"


def _line(each: Pair) -> str:
    incident = each.one.incident
    what = ", ".join(map(_said(each).__getitem__, each.verdicts))
    when = model.format_date_time(incident.opened_at)
    return f"{when}  {what}: {incident.rule}  {incident.title}  {_span(incident)}"


def _said(each: Pair) -> dict[Verdict, str]:
    words = {verdict: str(verdict) for verdict in Verdict}
    if each.old is not None and each.new is not None:
        moved = abs(each.new.incident.opened_at - each.old.incident.opened_at)
        counts = f"{len(each.new.messages)} messages instead of {len(each.old.messages)}"
        for verdict in (Verdict.EARLIER, Verdict.LATER):
            words[verdict] = f"{verdict} by {model.format_duration(moved)}"
        for verdict in (Verdict.NOISIER, Verdict.QUIETER):
            words[verdict] = f"{verdict} ({counts})"
    return words


def _span(incident: model.Incident) -> str:
    if incident.resolved_at is None:
        return f"({incident.group}, still open)"
    lasted = model.format_duration(incident.resolved_at - incident.opened_at)
    return f"({incident.group}, {lasted})"


def _sum(total: Sum) -> str:
    return (
        f"{total.incidents} incidents, {total.pages} messages that people must notice,"
        f" {total.pages_per_day:.1f} pages per day"
    )
