"""People hear of planned works ahead of time, each thing once.

Law: nothing is said twice, whatever restarts, reloads, late or repeated notices come between: what
was said is kept in the work itself, in the transaction that says it. Works that are cancelled,
postponed or dismissed end their incident and say nothing more. That incident is about no alert:
nobody is reminded of it, it escalates nowhere, and no list of open incidents has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from watcher import model
from watcher.engine import details
from watcher.engine.changes import short_id
from watcher.engine.context import StepContext
from watcher.engine.incidents import incidents
from watcher.engine.state import is_over
from watcher.engine.timers import Timer, TimerKind
from watcher.engine.works import outlook as outlooks
from watcher.engine.works import wording
from watcher.engine.works.news import (
    DIGESTS,
    News,
    clash_marks,
    digest_mark,
    find_news,
    knows_all_circuits,
)
from watcher.engine.works.outlook import Outlook
from watcher.model import EntryKind, IncidentStatus, Work, WorkStatus

_ASK_AGAIN = timedelta(minutes=10)  # whether everything has been polled that may know a circuit
# How old the bookings of a circuit may be: the vendor says them only to those who ask.
_BOOKINGS, _BOOKINGS_SOON, _SOON = timedelta(hours=24), timedelta(hours=2), timedelta(days=2)
_MOST_ASKED = 20  # subjects whose details one step asks for
_ASK_MORE = timedelta(minutes=1)


def due(ctx: StepContext, key: str) -> None:
    """Have works looked at: it is time for a digest, or one of their windows is over."""
    ctx.agenda.note_work(key, ctx.state.works.get(key))


def refresh(ctx: StepContext) -> None:
    """Say what this step has changed of planned works, or brought nearer."""
    if not ctx.state.works:
        ctx.follow_circuits()
        return
    before = dict(ctx.agenda.works)
    concerned = set(ctx.state.works) if _concerns_all(ctx) else _concerned(ctx, before)
    if not concerned:
        return
    ahead = outlooks.look_ahead(ctx, concerned)
    # What has changed comes first: its own thread says what it coincides with now.
    for key in dict.fromkeys((*before, *sorted(concerned))):
        work = ctx.state.works[key]  # which an overlap with the one before may have changed
        if key in ahead:
            _announce(ctx, replace(ahead[key], work=work), before.get(key, work))
        else:
            _end(ctx, work, before.get(key, work))


def _concerns_all(ctx: StepContext) -> bool:
    """Return whether rules, the clock or a circuit have changed: any work may have news."""
    naming, touched = ctx.state.works_index.naming, ctx.follow_circuits()
    return ctx.agenda.all_works or any(naming.get(circuit) for circuit in touched)


def _concerned(ctx: StepContext, before: Mapping[str, Work | None]) -> set[str]:
    """Return works that have changed or are due, and what coincides with those that changed."""
    works = ctx.state.works
    changed = {key: was for key, was in before.items() if was is not works[key]}
    cut = {key for key in ctx.agenda.windows if outlooks.gone(ctx, key)}
    windows = [
        window
        for key, was in changed.items()
        for work in (was, works[key])
        for window in (work.windows if work else ())
    ]
    return outlooks.near(ctx, windows, before.keys() | cut)


def _announce(ctx: StepContext, outlook: Outlook, before: Work | None) -> None:
    """Say what is new of works that are ahead, and schedule when there is more to say."""
    key = outlook.work.key
    incident = _current(ctx, key)
    if incident is None and not ctx.state.ruleset.works.receivers:
        return
    news = list(find_news(ctx, outlook, before, is_known=incident is not None))
    if news:
        _mark(ctx, outlook, news)
        _publish(ctx, outlook, incident, news)
    elif incident is not None:
        _put(ctx, incident, **_presentation(ctx, outlook))
    _schedule(ctx, outlook)


def _mark(ctx: StepContext, outlook: Outlook, news: Sequence[News]) -> None:
    """Keep in the work what is said now; an overlap in the other work as well."""
    work = ctx.state.works[outlook.work.key]
    marks = [mark for item in news for mark in item.marks]
    asked = [name for item in news for name in item.asked]
    ctx.put_work(
        replace(
            work,
            announced=tuple(dict.fromkeys((*work.announced, *marks))),
            asked=tuple(dict.fromkeys((*work.asked, *asked))),
        )
    )
    for clash in outlook.clashes:
        other = ctx.state.works[clash.other.key]
        if other.key != work.key and set(marks) & set(clash_marks(clash)):
            mirrored = (*other.announced, *clash_marks(clash, work.key))
            ctx.put_work(replace(other, announced=tuple(dict.fromkeys(mirrored))))


def _publish(
    ctx: StepContext, outlook: Outlook, incident: model.Incident | None, news: Sequence[News]
) -> None:
    """Put news on the timeline of the work's incident, which the first of them opens."""
    kinds = [item.kind for item in news]
    if incident is None:
        incident, kinds[0] = _open(ctx, outlook)
    by = outlook.work.confirmed_by
    _put(
        ctx,
        incident,
        **_presentation(ctx, outlook),
        status=IncidentStatus.ACKNOWLEDGED if by else IncidentStatus.OPEN,
        acknowledged_by=by or None,
        acknowledged_at=_acknowledged_at(incident, by, ctx.now),
        acks=(by,) if by else (),
    )
    for kind, item in zip(kinds, news, strict=True):
        ctx.add_entry(
            incident.id,
            kind,
            item.text,
            by=item.by,
            notify=item.notify,
            work=outlook.work.key,
            about=item.about,
        )


def _acknowledged_at(incident: model.Incident, by: str, now: datetime) -> datetime | None:
    if not by:
        return None
    return incident.acknowledged_at if incident.acknowledged_by == by else now


def _open(ctx: StepContext, outlook: Outlook) -> tuple[model.Incident, EntryKind]:
    """Open the work's incident, or reopen the one that has just ended; return how."""
    key = outlook.work.key
    before = ctx.state.latest_incident(model.ANNOUNCEMENT, key)
    if before is not None and not is_over(before, ctx.now):
        again = ctx.put_incident(
            before,
            status=IncidentStatus.OPEN,
            resolution=None,
            resolved_at=None,
        )
        return again, EntryKind.REOPENED
    incident = ctx.open_incident(
        model.Incident(
            id=short_id("w", model.ANNOUNCEMENT, key, ctx.now.isoformat()),
            version=1,
            entries=0,
            rule=model.ANNOUNCEMENT,
            source=model.WORKS,
            group=key,
            status=IncidentStatus.OPEN,
            severity=model.Severity.INFO,
            title="",
            opened_at=ctx.now,
            fault_domain=model.FaultDomain.NONE,
            flags=(model.WORKS,),
            told_at=ctx.now,
        )
    )
    return incident, EntryKind.OPENED


def _presentation(ctx: StepContext, outlook: Outlook) -> Mapping[str, Any]:
    """Return what is shown of works: their next window, and as a warning what needs attention."""
    notice, window = outlook.work.notice, outlook.windows[0]
    worst = max(
        (circuit.impact for circuit in outlook.circuits or notice.circuits),
        key=lambda impact: impact.rank,
        default=model.WorkImpact.NO_IMPACT,
    )
    needs_attention = outlook.clashes or outlook.bookings
    receivers = ctx.state.ruleset.works.receivers
    return {
        "receivers": receivers,
        "notify": receivers,
        "title": wording.title(outlook),
        "summary": "\n".join(wording.lines(outlook, outlook.zone)),
        "severity": model.Severity.WARNING if needs_attention else model.Severity.INFO,
        "planned": model.Planned(
            provider=notice.provider,
            id=notice.id,
            begin=window.begin,
            end=window.end,
            impact=worst,
        ),
    }


def _end(ctx: StepContext, work: Work, before: Work | None) -> None:
    """End the incident of works that are over, cancelled, moved away or dismissed.

    What does not take place any more may do so again: then people hear of it like the first time.
    """
    ctx.cancel(Timer(TimerKind.WORKS_AHEAD, work.key))
    incident = _current(ctx, work.key)
    if incident is not None:
        outlook = replace(outlooks.basic(ctx, work), unknown=())
        gone = outlooks.gone(ctx, work.key)
        windows = [window for window, _ in gone] or (before.windows if before else ())
        speaker = gone[0][1] if gone else work
        text = wording.ending(replace(outlook, work=speaker), windows, ctx.now)
        summary = "\n".join(wording.lines(outlook, outlook.zone))
        incident = ctx.put_incident(
            incident, title=text, summary=summary, severity=model.Severity.INFO
        )
        by = work.dismissed_by
        incidents.resolve_without_alerts(
            ctx, incident, model.Resolution.ENDED, text, by=by, work=work.key, about="end"
        )
    if work.announced and not work.windows and work.notice.status is not WorkStatus.COMPLETED:
        ctx.put_work(replace(work, announced=()))


def _current(ctx: StepContext, key: str) -> model.Incident | None:
    incident = ctx.state.latest_incident(model.ANNOUNCEMENT, key)
    return incident if incident and incident.status is not IncidentStatus.RESOLVED else None


def _put(ctx: StepContext, incident: model.Incident, **shown: Any) -> None:
    changes = {name: new for name, new in shown.items() if getattr(incident, name) != new}
    if changes:
        ctx.put_incident(incident, **changes)


def _schedule(ctx: StepContext, outlook: Outlook) -> None:
    """Schedule when there may be more to say: a digest, the end of a window, newer bookings."""
    marked = set(ctx.state.works[outlook.work.key].announced)
    times = [window.end for window in outlook.windows]
    if outlook.circuits:
        times += _ask_for_bookings(ctx, outlook)
        times += [
            window.begin - ahead
            for window in outlook.windows
            for name, ahead in DIGESTS.items()
            if window.begin - ahead > ctx.now and digest_mark(name, window) not in marked
        ]
    if outlook.unknown and not knows_all_circuits(ctx):
        times.append(ctx.now + _ASK_AGAIN)
    ctx.schedule(Timer(TimerKind.WORKS_AHEAD, outlook.work.key), min(times))


def _ask_for_bookings(ctx: StepContext, outlook: Outlook) -> Iterator[datetime]:
    """Ask for the bookings of our circuits where they are old; yield when they will be.

    What was asked for already and not answered yet is a job that goes on by itself.
    """
    state, asked = ctx.state, 0
    soon = outlook.windows[0].begin - ctx.now < _SOON
    fresh = _BOOKINGS_SOON if soon else _BOOKINGS
    for key in dict.fromkeys(key for circuit in outlook.circuits for key in circuit.subjects):
        subject = state.subjects[key]
        if not state.ruleset.sources[subject.source].detailed:
            continue
        times = (subject.detailed_at, subject.answered_at)
        known_at = max((at for at in times if at is not None), default=None)
        if subject.asked_at is not None:
            yield ctx.now + fresh
        elif known_at is not None and ctx.now < known_at + fresh:
            yield known_at + fresh
        elif asked < _MOST_ASKED:
            asked += details.request(ctx, key, fresh=timedelta(0))
            yield ctx.now + fresh
        else:
            yield ctx.now + _ASK_MORE
