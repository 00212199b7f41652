"""Which of the times that are kept are Watcher's own, and so move when the machine's clock is set.

Law: what Watcher measured spans from moves, whatever it is called; what a vendor or a person said
as a time of day does not. A threshold counts in the vendor's time (docs/decisions/0019).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from watcher import model
from watcher.engine.rules.rule import Rule, Threshold
from watcher.model import AlertState

Noun = TypeVar("Noun", bound=Struct)

# Of an incident's alert.
_SAMPLED = frozenset({"since", "until", "unseen_since", "unwell_since", "flips"})
# What is over of an incident; others of its times, such as `tell_at`, may well lie ahead.
_PASSED = frozenset(
    {
        "opened_at",
        "acknowledged_at",
        "told_at",
        "reminded_at",
        "resolved_at",
        "unattended_since",
    }
)
_NO_TIMES = frozenset({"labels", "fields"})


def moved(noun: Noun, by: timedelta, *, fixed: Collection[str] = ()) -> Noun:
    """Return a noun with all its times moved, those inside of it as well; `fixed` fields stay."""
    changes = {}
    for name in noun.__struct_fields__:
        if name not in fixed:
            value = getattr(noun, name)
            new = _moved(value, by)
            if new is not value:
                changes[name] = new
    return replace(noun, **changes) if changes else noun


def _moved(value: Any, by: timedelta) -> Any:
    match value:
        case datetime():
            return value + by
        case tuple():
            items = tuple(_moved(item, by) for item in value)
            return items if any(a is not b for a, b in zip(items, value, strict=True)) else value
        case Mapping() if any(isinstance(item, datetime) for item in value.values()):
            return {key: _moved(item, by) for key, item in value.items()}
        case Struct():
            return moved(value, by)
        case _:
            return value


def move_subject(
    subject: model.Subject, by: timedelta, *, silent_since: datetime | None
) -> model.Subject:
    """Move a subject's times, but not its vendor's. `silent_since` is as the clock was before.

    From when its record has to be read never moves ahead: that would leave a hole.
    """
    return replace(
        subject,
        since=subject.since + by,
        asked_at=_moved(subject.asked_at, by),
        detailed_at=_moved(subject.detailed_at, by),
        answered_at=_moved(subject.answered_at, by),
        listed_at=_moved(subject.listed_at, by),
        judged_until=_moved(subject.judged_until, min(by, timedelta(0))),
        silent_since=_moved(silent_since, by),
        # What a poll saw is on our clock; what was reported late is on the vendor's.
        told=tuple(
            moved(outage, by) if outage.seen or outage.end is None else outage
            for outage in subject.told
        ),
    )


def move_alert(
    alert: model.Alert, rule: Rule | None, by: timedelta, *, is_vanished: bool
) -> model.Alert:
    """Move an alert's times; what a threshold's samples have set is the vendor's."""
    if not _is_sampled(rule) or alert.state is AlertState.INACTIVE:
        return moved(alert, by)
    fixed = {"unclear_since", "measured"}
    if alert.state is AlertState.PENDING:
        fixed |= {"since", "due"}
    elif not is_vanished:
        fixed |= {"due"}
    return moved(alert, by, fixed=fixed)


def move_member(
    member: model.IncidentAlert, rule: Rule | None, by: timedelta
) -> model.IncidentAlert:
    """Move the times of an incident's alert, unless they are those of samples."""
    fixed = _NO_TIMES | _SAMPLED if _is_sampled(rule) else _NO_TIMES
    return moved(member, by, fixed=fixed)


def move_incident(
    incident: model.Incident,
    by: timedelta,
    *,
    before: Collection[model.IncidentAlert],
    after: Collection[model.IncidentAlert],
) -> model.Incident:
    """Move an incident's times; it begins and ends with its alerts, as they were and now are."""
    if is_late(incident):
        return incident
    new = moved(incident, by, fixed={"planned"})
    pairs = list(zip(before, after, strict=True))
    begins = {old.since: member.since for old, member in pairs}
    ends = {old.until: member.until for old, member in pairs}
    return replace(
        new,
        began_at=begins.get(incident.began_at, new.began_at) if incident.began_at else None,
        ended_at=ends.get(incident.ended_at, new.ended_at) if incident.ended_at else None,
    )


def is_late(incident: model.Incident) -> bool:
    """Return whether an incident was over before anybody heard of it, by the vendor's clock."""
    told, over = incident.told_at, incident.resolved_at
    return told is not None and over is not None and told > over


def move_silence(silence: model.Silence, by: timedelta, now: datetime) -> model.Silence:
    """Move a silence that was made while the clock was ahead; else its times of day stand."""
    begin: datetime | None = silence.begin
    made_ahead = begin is not None and now < begin <= now - by
    return moved(silence, by) if made_ahead else silence


def _is_sampled(rule: Rule | None) -> bool:
    return rule is not None and isinstance(rule.condition, Threshold)


# After a start: no time that has passed lies ahead of now.


def cap(noun: Noun, latest: datetime, names: Collection[str]) -> Noun:
    """Return a noun none of whose named times is later than `latest`."""
    changes = {
        name: latest
        for name in names
        if (at := getattr(noun, name, None)) is not None and at > latest
    }
    return replace(noun, **changes) if changes else noun


def cap_subject(subject: model.Subject, now: datetime) -> model.Subject:
    """Take a subject's times back to now."""
    names = ("since", "asked_at", "detailed_at", "answered_at", "listed_at", "silent_since")
    return cap(subject, now, (*names, "judged_until"))


def cap_health(health: model.SourceHealth, now: datetime) -> model.SourceHealth:
    """Take a source's times back to now."""
    return cap(health, now, ("last_success", "failing_since", "seen_since", "stepped_at"))


def cap_alert(alert: model.Alert, latest: datetime, longest: timedelta) -> model.Alert:
    """Take an alert's times back to `latest`; it is due no later than `longest` after that."""
    if alert.since > latest:
        alert = moved(alert, latest - alert.since, fixed={"unclear_since", "measured"})
    alert = cap(cap(alert, latest, ("unclear_since",)), latest + longest, ("due",))
    measured = alert.measured
    held = {} if measured is None else measured.held
    capped = {name: None if at is None else min(at, latest) for name, at in held.items()}
    if measured is not None and capped != held:
        alert = replace(alert, measured=replace(measured, held=capped))
    return alert


def cap_member(member: model.IncidentAlert, latest: datetime) -> model.IncidentAlert:
    """Take the times of an incident's alert back to `latest`."""
    member = cap(member, latest, ("since", "until", "unseen_since", "unwell_since"))
    if any(at > latest for at in member.flips):
        member = replace(member, flips=tuple(min(at, latest) for at in member.flips))
    return member


def cap_incident(incident: model.Incident, now: datetime, latest: datetime) -> model.Incident:
    """Take an incident's times back to now; `latest` is how far ahead those of samples may be."""
    if incident.opened_at > now:
        fixed = {"began_at", "ended_at", "planned"}
        incident = moved(incident, now - incident.opened_at, fixed=fixed)
    return cap(cap(incident, now, _PASSED), latest, ("began_at", "ended_at"))
