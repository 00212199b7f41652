"""What two rulesets would have told of the same time, side by side. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from watcher import engine, model
from watcher.replay.again import Told


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
