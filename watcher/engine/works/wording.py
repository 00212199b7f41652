"""The sentences about planned works: each stands alone on a locked phone.

Its first forty characters say what it is about: a circuit and what happens to it, or the question.
Times are in UTC, and on the clocks of the team's zone where it has another one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, tzinfo

from watcher import model
from watcher.engine.works.outlook import Booked, Circuit, Clash, Outlook
from watcher.model import Work, WorkImpact, WorkStatus, WorkWindow
from watcher.text import clean

MOST = 10  # of anything that one sentence or the message lists
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)
_NAME = 60  # characters of a name or an id that others have chosen
_SUFFERS = {
    WorkImpact.OUTAGE: "down",
    WorkImpact.DEGRADED: "degraded",
    WorkImpact.REDUCED_REDUNDANCY: "without redundancy",
    WorkImpact.NO_IMPACT: "(no impact)",
}


# Times


def when(windows: Sequence[WorkWindow], zone: tzinfo | None = None, *, most: int = 4) -> str:
    """Return windows as in `Tue 1 Dec 22:00 to 04:00 UTC (23:00 to 05:00 CET)`."""
    spans = [span(window.begin, window.end) for window in windows[:most]]
    more = len(windows) - most
    rest = f" and {model.format_count(more, 'more window')}" if more > 0 else ""
    return f"{', '.join(spans)} UTC{_local(windows[:most], zone)}{rest}"


def span(begin: datetime | None, end: datetime | None, zone: tzinfo = UTC) -> str:
    """Return a time as in `Tue 1 Dec 22:00 to 04:00`, without its zone."""
    if begin is None or end is None:
        at = begin or end
        words = "from" if begin else "until"
        return f"{words} {_moment(at, zone)}" if at else ""
    last = f"{end.astimezone(zone):%H:%M}"
    if end - begin >= timedelta(days=1):
        last = _moment(end, zone)
    return f"{_moment(begin, zone)} to {last}"


def _moment(at: datetime, zone: tzinfo) -> str:
    at = at.astimezone(zone)
    return f"{_DAYS[at.weekday()]} {at.day} {_MONTHS[at.month - 1]} {at:%H:%M}"


def _local(windows: Sequence[WorkWindow], zone: tzinfo | None) -> str:
    """Return a window on the team's clocks, with its day where that is another one than in UTC.

    Of several the message lists each with both clocks, and a sentence has room for one.
    """
    if zone is None or len(windows) != 1:
        return ""
    begin, end = (at.astimezone(zone) for at in (windows[0].begin, windows[0].end))
    if begin.utcoffset() == end.utcoffset() == timedelta(0):
        return ""
    text = span(begin, end, zone)
    if begin.date() == begin.astimezone(UTC).date():
        text = text.removeprefix(_moment(begin, zone).removesuffix(f"{begin:%H:%M}"))
    return f" ({text} {begin.tzname()})"


def _ahead(left: timedelta) -> str:
    """Return how long it takes until then: `7 days`, `24 hours`, `40 minutes`."""
    minutes = round(left / timedelta(minutes=1))
    if minutes < 60:
        return model.format_count(max(minutes, 1), "minute")
    hours = round(left / timedelta(hours=1))
    if hours < 48:
        return model.format_count(hours, "hour")
    return model.format_count(round(hours / 24), "day")


# What it is about


def reference(work: Work) -> str:
    """Return whose works they are and their number, as one says it to the carrier."""
    tentative = " (tentative)" if work.notice.status is WorkStatus.TENTATIVE else ""
    return f"{_whose(work)}{tentative}"


def _whose(work: Work) -> str:
    return f"{_carrier(work)} {clean(work.notice.id, _NAME)}"


def _carrier(work: Work) -> str:
    return clean(model.format_carrier(work.notice.provider), _NAME)


def suffering(circuits: Sequence[Circuit], *, most: int = MOST, sites: bool = False) -> str:
    """Return circuits and what happens to them: `NYC-LON 1 and NYC-PAR 2 down, PAR 3 degraded`."""
    impacts = sorted({circuit.impact for circuit in circuits}, key=lambda impact: -impact.rank)
    parts, room = [], most
    for impact in impacts:
        alike = [circuit for circuit in circuits if circuit.impact is impact]
        if room <= 0:
            break
        parts.append(f"{names(alike, most=room, sites=sites)} {_SUFFERS[impact]}")
        room -= len(alike)
    shown = len([c for c in circuits if c.impact in impacts[: len(parts)]])
    rest = len(circuits) - shown
    return ", ".join(parts) + (f", {rest:,} more affected" if rest else "")


def names(circuits: Sequence[Circuit], *, most: int = MOST, sites: bool = False) -> str:
    """Return what people call circuits: `NYC-LON 1, NYC-PAR 2 and 3 more`."""
    shown = [_name(circuit, site=sites) for circuit in circuits[:most]]
    return _listed(shown, len(circuits) - len(shown))


def _name(circuit: Circuit, *, site: bool = False) -> str:
    others = len(circuit.names) - 1
    name = clean(circuit.names[0], _NAME) + (f" and {others:,} more on it" if others else "")
    places = [group for group in circuit.groups if group.startswith("site ")] if site else []
    unsaid = [place for place in places if place.removeprefix("site ") not in name]
    return f"{name} ({clean(', '.join(unsaid), _NAME)})" if unsaid else name


def _listed(parts: Sequence[str], more: int = 0) -> str:
    """Join as in `a`, `a and b`, `a, b and 3 more`."""
    if more > 0:
        return f"{', '.join(parts)} and {more:,} more"
    return " and ".join((", ".join(parts[:-1]), parts[-1])) if len(parts) > 1 else "".join(parts)


def _group(clash: Clash) -> str:
    group = clean(clash.group, _NAME)
    return group[:1].upper() + group[1:]


# The message's title and what stands below it


def title(outlook: Outlook) -> str:
    """Return what people see first of works that are ahead: the worst of it."""
    window = outlook.windows[:1]
    if outlook.clashes:
        clash = outlook.clashes[0]
        begin = _moment(clash.windows[0].begin, UTC)
        return f"{_group(clash)}: {_at_once(clash, most=2)} {begin} UTC"
    more = len(outlook.windows) - 1
    rest = f" and {model.format_count(more, 'more time')}" if more > 0 else ""
    if outlook.circuits:
        booked = [clean(booked.name, _NAME) for booked in _by_name(outlook.bookings)]
        then = f", booked: {_listed(booked[:2], len(booked) - 2)}" if booked else ""
        return f"Planned: {suffering(outlook.circuits, most=1)} {when(window)}{rest}{then}"
    begin = _moment(window[0].begin, UTC)
    groups = list(by_carrier(outlook, outlook.unknown))
    carrier, ids = groups[0] if groups else (None, ())
    if carrier is not None:
        whose, provider = clean(model.format_carrier(carrier), _NAME), _carrier(outlook.work)
        what = f"{_shown(ids, most=2)} of {whose} in a notice from {provider}."
    else:
        what = _asked(outlook.work, ids)
    return f"{what} Planned works {begin} UTC{rest}"


def lines(outlook: Outlook, zone: tzinfo | None) -> Iterator[str]:
    """Yield what the message lists: the works, their times, our circuits, what makes it worse."""
    notice = outlook.work.notice
    account = f", account {clean(notice.account, _NAME)}" if notice.account else ""
    yield f"Planned works {_whose(outlook.work)}, {notice.status}{account}"
    for window in outlook.windows[:MOST]:
        yield when([window], zone)
    yield from _rest(len(outlook.windows), "window")
    for circuit in outlook.circuits[:MOST]:
        text = f"{_name(circuit, site=True)}: {_SUFFERS[circuit.impact].strip('()')}"
        same = circuit.names == (circuit.id,)
        yield f"\N{BULLET} {text}" + ("" if same else f" ({clean(circuit.id, _NAME)})")
    yield from _rest(len(outlook.circuits), "circuit")
    for clash in outlook.clashes[:MOST]:
        yield f"\N{WARNING SIGN} {clashing(outlook, clash, zone)}"
    for booked in outlook.bookings[:MOST]:
        yield f"\N{WARNING SIGN} Booked then: {_booked(booked)}"
    yield from _rest(len(outlook.bookings), "booking")
    for carrier, ids in by_carrier(outlook, outlook.unknown):
        if carrier is None:
            yield _of_none(outlook.work, ids, most=MOST)
        else:
            yield _of_another(outlook.work, ids, carrier, most=MOST)
    if notice.summary:
        quoted = clean(notice.summary, 300)
        yield f"\N{LEFT DOUBLE QUOTATION MARK}{quoted}\N{RIGHT DOUBLE QUOTATION MARK}"


def _rest(count: int, noun: str) -> Iterator[str]:
    if count > MOST:
        yield f"and {model.format_count(count - MOST, f'more {noun}')}"


def _by_name(bookings: Sequence[Booked]) -> list[Booked]:
    return list({booked.name: booked for booked in bookings}.values())


# What is said


def digest(outlook: Outlook, now: datetime) -> str:
    """Return what is ahead of works, from the window on that the digest is for."""
    left = outlook.windows[0].begin - now
    lead = f"In {_ahead(left)}" if left > timedelta(0) else "Under way"
    return f"{lead}: {_plan(outlook)}"


def changed(outlook: Outlook, before: Sequence[WorkWindow], *, cancelled: bool = False) -> str:
    """Return what is ahead of works whose plan is another one than people know."""
    gone = [window for window in before if window not in outlook.windows]
    if gone and any(window not in before for window in outlook.windows):
        return f"Moved: {_plan(outlook)}; it was {when(gone)}"
    how = "cancelled:" if cancelled else "no longer"
    return f"Changed: {_plan(outlook)}" + (f"; {how} {when(gone)}" if gone else "")


def _plan(outlook: Outlook) -> str:
    """Return who suffers what and when, and what makes it worse."""
    who, times = suffering(outlook.circuits, sites=True), when(outlook.windows, outlook.zone)
    parts = [f"{who}, {times}, {reference(outlook.work)}"]
    if outlook.bookings:
        booked = [_booked(booked) for booked in outlook.bookings[:5]]
        parts.append(f"booked then: {_listed(booked, len(outlook.bookings) - 5)}")
    warnings = [clashing(outlook, clash) for clash in outlook.clashes[:3]]
    parts += [f"{text[:1].lower()}{text[1:]}" for text in warnings]
    return "; ".join(parts)


def clashing(outlook: Outlook, clash: Clash, zone: tzinfo | None = None) -> str:
    """Return that circuits of one group are in works at once, and whose works these are."""
    works = list(dict.fromkeys((reference(outlook.work), reference(clash.other))))
    times = when(clash.windows, zone)
    return f"{_group(clash)}: {_at_once(clash, most=5)}, {times}, {_listed(works)}"


def _at_once(clash: Clash, *, most: int) -> str:
    return f"{suffering(clash.circuits, most=most)} at the same time"


def booking(outlook: Outlook, booked: Booked) -> str:
    """Return that a reservation is booked for a time in which its circuit is in works."""
    who = suffering([booked.circuit]).removeprefix(f"{clean(booked.name, _NAME)} ")
    times = when([booked.window], outlook.zone)
    return f"Booked in works: {_booked(booked)}; {who} {times}, {reference(outlook.work)}"


def _booked(booked: Booked) -> str:
    key = "" if model.id_of(booked.subject) == booked.name else f" ({booked.subject})"
    return f"{clean(booked.name, _NAME)}{key}, {span(booked.begin, booked.end)} UTC"


def question(outlook: Outlook, ids: Sequence[str], carrier: str | None) -> str:
    """Return the question about circuits that the inventory lacks, or has of another carrier."""
    times = when(outlook.windows, outlook.zone)
    if carrier is not None:
        told = f" ({clean(outlook.work.notice.id, _NAME)}, {times})"
        return _of_another(outlook.work, ids, carrier, told)
    return f"{_of_none(outlook.work, ids)} ({reference(outlook.work)}, {times})"


def by_carrier(
    outlook: Outlook, ids: Sequence[str]
) -> Iterator[tuple[str | None, tuple[str, ...]]]:
    """Yield unknown ids by the carrier whose circuits they are; first those of none."""
    carriers = {outlook.carriers.get(name) for name in ids}
    for carrier in sorted(carriers, key=lambda carrier: (carrier is not None, carrier or "")):
        yield carrier, tuple(name for name in ids if outlook.carriers.get(name) == carrier)


def _of_none(work: Work, ids: Sequence[str], *, most: int = 5) -> str:
    """Return the question whether circuits are ours that the inventory does not know."""
    they_are, it, them = ("It is", "it is", "it")
    if len(ids) != 1:
        they_are, it, them = ("They are", "they are", "them")
    return (
        f"{_asked(work, ids, most=most)} {they_are} not in the inventory: if {it} ours, add {them}"
        " to circuit_ids; otherwise ignore this"
    )


def _of_another(
    work: Work, ids: Sequence[str], carrier: str, told: str = "", *, most: int = 5
) -> str:
    """Return that circuits are of another carrier than the one that sent a notice."""
    carrier, provider = clean(model.format_carrier(carrier), _NAME), _carrier(work)
    are = "is in the inventory as a circuit"
    if len(ids) != 1:
        are = "are in the inventory as circuits"
    return (
        f"{_shown(ids, most=most)} {are} of {carrier}, and this notice{told} is from {provider}."
        f" If {provider} sends notices for {carrier}, add it to [works] providers"
    )


def _asked(work: Work, ids: Sequence[str], *, most: int = 5) -> str:
    named = ids or _ids(work)
    return f"{'Is' if len(named) == 1 else 'Are'} {_shown(named, most=most)} ours?"


def _shown(ids: Sequence[str], *, most: int) -> str:
    return _listed([clean(name, _NAME) for name in ids[:most]], len(ids) - most)


def status(work: Work) -> str:
    """Return what the carrier says of works whose plan is as before."""
    return f"{_carrier(work)} says: {work.notice.status.words}"


def confirmed(by: str) -> str:
    """Return who has confirmed works."""
    return f"confirmed by {by}"


def unconfirmed() -> str:
    """Return that nobody has, any more."""
    return "the confirmation is withdrawn"


# How it ends


def ending(outlook: Outlook, before: Sequence[WorkWindow], now: datetime) -> str:
    """Return why works are not ahead any more, with the windows that were announced."""
    work, notice = outlook.work, outlook.work.notice
    ids = [clean(name, _NAME) for name in _ids(work)]
    who = names(outlook.circuits) if outlook.circuits else _listed(ids[:5], len(ids) - 5)
    was = [window for window in before if window.end > now] or list(notice.windows)
    times = f", {when(sorted(was, key=lambda window: window.begin))}" if was else ""
    what = f"works on {who}{times}, {_whose(work)}"
    if work.dismissed_by:
        return f"Dismissed by {work.dismissed_by}: {what}; outages call people"
    if notice.status is WorkStatus.CANCELLED:
        return f"Cancelled: {what}"
    if notice.status is WorkStatus.COMPLETED:
        return f"Completed: works on {who}, {_whose(work)}"
    if not work.windows:
        return f"Postponed: {what}; no new time yet"
    return f"Over: works on {who}, {_whose(work)}"


def _ids(work: Work) -> list[str]:
    return sorted({circuit.id for circuit in work.notice.circuits})
