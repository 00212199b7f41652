"""What the board shows: its headline, the order of its incidents, and its sentences. Pure.

Law: the board is calm only while every source is visible, every receiver works, and nothing holds
back notifications.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from urllib.parse import urlencode

from msgspec import Struct

from watcher import model
from watcher.operations import silences, status

MOST_INCIDENTS = 42  # what a wall shows; the rest is counted
ROOMY, CLOSE = 5, 14  # up to so many incidents have large rows, and rows of middle size
MOST_RESOLVED = 10
MOST_SILENCES = 20
MOST_WORKS = 10
RECENT = timedelta(hours=24)
_NAMED = 3  # sources in the headline
_MOST_SOURCES = 8  # that are counted
GRACE = timedelta(seconds=15)  # deliveries younger than this are under way


class Board(Struct, frozen=True, kw_only=True):
    """The board at one time; `more` counts the live incidents that are not shown.

    `more_by` counts them by severity and by source, as far as they were read; each has the query
    that lists them. `density` is how much room an incident has.
    """

    headline: str
    problems: tuple[str, ...]
    silences: tuple[str, ...]
    works: tuple[str, ...]
    on_call: tuple[str, ...]
    calm: bool
    incidents: tuple[model.Incident, ...]
    more: int
    more_by: tuple[tuple[str, str], ...]
    density: str
    resolved: tuple[model.Incident, ...]


def compose(
    current: status.Status,
    *,
    live: Sequence[model.Incident],
    resolved: Sequence[model.Incident],
    stuck: str,
    unreadable: str,
    now: datetime,
) -> Board:
    """Return the board. `unreadable` is why the store cannot be read, `stuck` which loop hangs."""
    muted = [
        *status.describe_muted(current.silences, current.windows, now),
        *status.describe_works(current.works, now),
    ]
    problems = (
        *_own_problems(current, stuck, unreadable, now),
        *_outside_problems(current, now),
        *_rota_problems(current),
    )
    ordered = sorted(live, key=_urgency)
    shown, hidden = ordered[:MOST_INCIDENTS], ordered[MOST_INCIDENTS:]
    own = [incident for incident in resolved if incident.resolution is not model.Resolution.MERGED]
    return Board(
        headline=", ".join((*_headline(current, stuck, unreadable, now), *muted)),
        problems=problems,
        silences=tuple(
            silences.describe(silence, now) for silence in current.silences[:MOST_SILENCES]
        ),
        works=tuple(status.describe_work(work, now) for work in current.works[:MOST_WORKS]),
        on_call=tuple(f"{rota.rota}: {rota}" for rota in current.on_call),
        calm=not problems
        and not muted
        and current.open == 0
        and all(health.last_success for health in current.sources),
        incidents=tuple(shown),
        more=max(0, current.open + current.acknowledged - len(shown)) if shown else 0,
        more_by=tuple(_counted(hidden)),
        density="roomy" if len(shown) <= ROOMY else "close" if len(shown) <= CLOSE else "dense",
        resolved=tuple(own[:MOST_RESOLVED]),
    )


def describe_visibility(health: model.SourceHealth, now: datetime) -> str:
    """Return what a source's visibility means in figures: subjects, last success, failing since."""
    since = f" since {model.format_time(health.failing_since, now)}" if health.failing_since else ""
    match health.sight:
        case model.Visibility.SEEN:
            return f"{model.format_count(health.subjects, 'subject')}, {_last('seen', health, now)}"
        case model.Visibility.FAILING:
            return f"polls failing{since}, {_last('last seen', health, now)}"
        case model.Visibility.BLIND:
            last_known = _last("last known", health, now)
            return f"blind{since}: {model.format_count(health.subjects, 'subject')}, {last_known}"


def is_behind(receiver: status.Receiver, now: datetime) -> bool:
    """Whether a delivery has been pending for longer than one takes."""
    return receiver.owed_since is not None and now - receiver.owed_since > GRACE


def describe_delivery(receiver: status.Receiver, now: datetime) -> str:
    """Return since when a receiver has been failing, and how much is pending."""
    since = receiver.failing_since
    pending = ""
    if is_behind(receiver, now):
        oldest = (
            f" since {model.format_time(receiver.owed_since, now)}" if receiver.owed_since else ""
        )
        pending = f"{model.format_count(receiver.owed, 'incident')} pending{oldest}"
    if not receiver.failing:
        return pending or "nothing pending"
    ago = (
        f" since {model.format_time(since, now)}, for {model.format_duration(now - since)}"
        if since
        else ""
    )
    waits = ""
    if receiver.waits_until is not None and receiver.waits_until > now:
        waits = f"; it asked for a pause until {model.format_time(receiver.waits_until, now)}"
    return f"failing{ago}; {pending or 'nothing pending'}{waits}"


def _urgency(incident: model.Incident) -> tuple[bool, bool, int, float]:
    """Return a sort key: unacknowledged first, then notified, then the worst, then the newest."""
    return (
        incident.status is not model.IncidentStatus.OPEN,
        bool(incident.suppressed_by),
        -incident.severity.rank,
        -incident.begin.timestamp(),
    )


def _headline(current: status.Status, stuck: str, unreadable: str, now: datetime) -> Iterator[str]:
    """Yield what is true, the most important first: that nothing is open says little when blind."""
    if unreadable and not any(health.last_success for health in current.sources):
        yield "Status unknown"
        return
    unseen = _unseen(current, now)
    if stuck:
        yield "Watcher is stuck"
    elif not _is_led(current):
        yield "Nothing is monitored"
    if current.open:
        acknowledged = f", {current.acknowledged} acknowledged" if current.acknowledged else ""
        yield f"{current.open} open{acknowledged}"
    if unseen:
        yield unseen
    if not current.open:
        number = current.acknowledged
        alone = not (unseen or stuck) and _is_led(current)
        none = "No open incidents" if alone else "no open incidents"
        yield f"{number} acknowledged, none open" if number else none


def _is_led(current: status.Status) -> bool:
    return not current.daemons or any(daemon.leads for daemon in current.daemons)


def _unseen(current: status.Status, now: datetime) -> str:
    """Return which sources cannot be seen, and for how long: `vyvx cannot be seen for 33 s`."""
    unseen = [health for health in current.sources if health.sight is not model.Visibility.SEEN]
    if not unseen:
        return ""
    starts = [at for health in unseen if (at := health.failing_since or health.last_success)]
    lasts = f" for {model.format_duration(now - min(starts))}" if starts else ""
    names = [health.source for health in unseen]
    if len(names) > _NAMED:
        return f"{len(names)} of {len(current.sources)} sources cannot be seen{lasts}"
    return f"{' and '.join(filter(None, (', '.join(names[:-1]), names[-1])))} cannot be seen{lasts}"


def _counted(incidents: Sequence[model.Incident]) -> Iterator[tuple[str, str]]:
    """Yield how many there are of each severity and of each source, with the query for them."""
    severities = Counter(incident.severity for incident in incidents)
    for severity in sorted(severities, key=lambda severity: -severity.rank):
        yield f"{severities[severity]} {severity}", f"severity={severity}"
    sources = Counter(incident.source for incident in incidents)
    for source, count in sources.most_common(_MOST_SOURCES):
        yield f"{source} {count}", urlencode({"source": source})


def _own_problems(
    current: status.Status, stuck: str, unreadable: str, now: datetime
) -> Iterator[str]:
    """Yield what is wrong with Watcher itself."""
    if unreadable:
        yield f"The database cannot be read: {unreadable}. Shown is what this daemon has in memory"
    if stuck:
        yield f"Watcher is stuck: {stuck}"
    if not _is_led(current):
        yield "No daemon is the leader: nothing is monitored"
    if current.refused:
        yield "The rules were not reloaded; the previous ones stay in force"
    if current.drill_failure:
        yield f"A drill failed: {current.drill_failure}"
    if current.drill and current.drill_state is model.DrillState.OVERDUE:
        age = model.format_duration(now - current.drill.at)
        yield f"A drill is overdue: the last one was {age} ago"
    if current.clock_step:
        yield current.clock_step.sentence[:1].upper() + current.clock_step.sentence[1:]


def _rota_problems(current: status.Status) -> Iterator[str]:
    """Yield which rotas nobody has, and which calendars cannot be read."""
    for rota in current.on_call:
        if not rota.person:
            yield f"Nobody is on call for {rota.rota}"
        if rota.trouble:
            yield f"rota {rota.rota}: {rota.trouble}"


def _outside_problems(current: status.Status, now: datetime) -> Iterator[str]:
    """Yield which sources, accounts and receivers fail."""
    for health in current.sources:
        if health.sight is model.Visibility.BLIND:
            yield f"{health.source} is blind: {_last('last known', health, now)}"
        elif health.sight is model.Visibility.FAILING:
            yield f"polls of {health.source} are failing"
    for account in current.accounts:
        if account.trouble:
            yield f"account {account.account}: vendor not responding"
        if 0 < account.calls_per_month <= account.calls:
            yield f"account {account.account} has used its call budget for {account.month}"
    for receiver in current.receivers:
        if receiver.failing:
            pending = f": {receiver.owed} pending" if receiver.owed else ""
            yield f"{receiver.name} is failing{pending}"


def _last(words: str, health: model.SourceHealth, now: datetime) -> str:
    if health.last_success is None:
        return "not polled yet"
    return f"{words} {model.format_duration(now - health.last_success)} ago"
