"""What the board says: the order of its incidents, its headline, and its sentences. Pure.

Law: nothing is "fine" while something cannot be seen or told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from watcher import model
from watcher.operations import status

MOST_INCIDENTS = 100
MOST_RESOLVED = 10
LATELY = timedelta(hours=24)
AT_ONCE = timedelta(seconds=15)  # what is owed for no longer is being told


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """Everything on the board at one time; `more` incidents are not over beside those shown."""

    headline: str
    troubles: tuple[str, ...]
    calm: bool
    incidents: tuple[model.Incident, ...]
    more: int
    resolved: tuple[model.Incident, ...]


def compose(
    known: status.Status,
    *,
    live: Sequence[model.Incident],
    over: Sequence[model.Incident],
    stuck: str,
    unreadable: str,
    now: datetime,
) -> Board:
    """Put a board together. `unreadable` says why the store cannot be read, `stuck` what hangs."""
    troubles = (*_inside(known, stuck, unreadable), *_outside(known, now))
    shown = sorted(live, key=_urgency)[:MOST_INCIDENTS]
    told = [one for one in over if one.resolution is not model.Resolution.MERGED]
    return Board(
        headline=_headline(known, unreadable),
        troubles=troubles,
        calm=not troubles and known.open == 0 and all(one.last_success for one in known.sources),
        incidents=tuple(shown),
        more=max(0, known.open + known.acknowledged - len(shown)) if shown else 0,
        resolved=tuple(told[:MOST_RESOLVED]),
    )


def sight(health: model.SourceHealth, now: datetime) -> str:
    """Say how well a source is seen, beside the word for it."""
    since = f" since {model.format_time(health.failing_since, now)}" if health.failing_since else ""
    match health.sight:
        case model.Visibility.SEEN:
            return f"{health.subjects} subjects, {_last('seen', health, now)}"
        case model.Visibility.FAILING:
            return f"polls fail{since}, {_last('last seen', health, now)}"
        case model.Visibility.BLIND:
            known = _last("as last known,", health, now)
            return f"cannot be seen{since}: {health.subjects} subjects {known}"


def lags(receiver: status.Receiver, now: datetime) -> bool:
    """Whether something is owed to a receiver for longer than it takes to tell it."""
    return receiver.owed_since is not None and now - receiver.owed_since > AT_ONCE


def telling(receiver: status.Receiver, now: datetime) -> str:
    """Say whether a receiver is told, since when not, and how much it is owed."""
    since = receiver.failing_since
    owed = ""
    if lags(receiver, now):
        noun = "incident" if receiver.owed == 1 else "incidents"
        oldest = (
            f" since {model.format_time(receiver.owed_since, now)}" if receiver.owed_since else ""
        )
        owed = f"{receiver.owed} {noun} owed{oldest}"
    if not receiver.failing:
        return owed or "nothing is owed"
    ago = (
        f" since {model.format_time(since, now)}, for {model.format_duration(now - since)}"
        if since
        else ""
    )
    return f"cannot be told{ago}; {owed or 'nothing is owed'}"


def _urgency(incident: model.Incident) -> tuple[bool, bool, int, float]:
    """Sort what nobody has taken first, then what people are told of, the worst, the newest."""
    return (
        incident.status is not model.IncidentStatus.OPEN,
        bool(incident.suppressed_by),
        -incident.severity.rank,
        -incident.opened_at.timestamp(),
    )


def _headline(known: status.Status, unreadable: str) -> str:
    if unreadable and not any(health.last_success for health in known.sources):
        return "Nothing is known"
    if not known.open and not known.acknowledged:
        return "Nothing is open"
    acknowledged = f", {known.acknowledged} acknowledged" if known.acknowledged else ""
    return f"{known.open} open{acknowledged}"


def _inside(known: status.Status, stuck: str, unreadable: str) -> Iterator[str]:
    """Say what is wrong with Watcher itself."""
    if unreadable:
        yield f"The store cannot be read: {unreadable}. What is below is what this daemon remembers"
    if stuck:
        yield f"Watcher itself stands still: {stuck}"
    if known.daemons and not any(daemon.leads for daemon in known.daemons):
        yield "No daemon leads: nothing is watched"
    if known.refused:
        yield "The rules were not read again, those from before are in force"


def _outside(known: status.Status, now: datetime) -> Iterator[str]:
    """Say whom Watcher cannot see, ask or tell."""
    for health in known.sources:
        if health.sight is model.Visibility.BLIND:
            yield f"{health.source} is blind: {_last('last known,', health, now)}"
        elif health.sight is model.Visibility.FAILING:
            yield f"polls of {health.source} fail"
    for account in known.accounts:
        if account.trouble:
            yield f"account {account.account} is not answered"
        if 0 < account.calls_per_month <= account.calls:
            yield f"account {account.account} has used its calls of {account.month}"
    for receiver in known.receivers:
        if receiver.failing:
            owed = f": {receiver.owed} owed" if receiver.owed else ""
            yield f"{receiver.name} cannot be told{owed}"


def _last(words: str, health: model.SourceHealth, now: datetime) -> str:
    if health.last_success is None:
        return "not seen yet"
    return f"{words} {model.format_duration(now - health.last_success)} ago"
