"""What readers see of an incident, and who is to be told of it: worked out once, after each step.

Law: `notify` names who is to be told now and nobody else, so that a receiver has no part in what
holds people back. Reminders and escalations wait while somebody has the incident, while it is
suppressed, and after a start until its source was seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from watcher import model
from watcher.engine.context import Turn
from watcher.engine.incidents import internal, messages, remedies, storms, suppression
from watcher.engine.rules import fault_domain
from watcher.engine.rules.rule import Escalation, ExpressionError, Rule
from watcher.engine.rules.subject_view import Scene
from watcher.engine.state import State
from watcher.engine.timers import Purpose, Timer
from watcher.model import EntryKind, IncidentStatus

BLIND, FLAPPING = "blind", "flapping"
_NAMED = 5  # subjects of a storm


def settle(turn: Turn) -> None:
    """Bring every incident that this step has touched up to date."""
    state = turn.state
    storms.announce(turn)
    if turn.audience_moved:
        for identity, incident in state.incidents.items():
            if incident.status is not IncidentStatus.RESOLVED:
                turn.touch(identity)
    for identity in list(turn.touched):
        turn.flush(identity)
        timer = Timer(Purpose.INCIDENT, identity)
        firing = state.firing.get(identity)
        due = _settle(turn, identity) if firing else internal.settle(turn, identity)
        if due is not None:
            state.timers.arm(timer, due)
            continue
        state.timers.disarm(timer)
        remedies.wind_up(turn, identity)


def _settle(turn: Turn, identity: str) -> datetime | None:
    """Bring one incident up to date; tell when it has to be looked at again."""
    why = _suppress(turn, identity)
    incident = turn.state.incidents[identity]
    _change(turn, identity, **_shown(turn, incident), flags=_flags(turn, incident, why))
    incident = turn.state.incidents[identity]
    if incident.told_at is None and incident.tell_at is not None and incident.tell_at > turn.now:
        return incident.tell_at
    _escalate(turn, identity)
    incident = turn.state.incidents[identity]
    if why:
        quiet = turn.state.ruleset.quiet
        notify = tuple(name for name in incident.receivers if name in quiet)
        _change(turn, identity, notify=notify)
        return None
    notify = (*incident.receivers, *call(turn, identity))
    _change(turn, identity, notify=notify, told_at=incident.told_at or turn.now)
    again = remedies.look(turn, identity), _next(turn, turn.state.incidents[identity])
    return min((each for each in again if each is not None), default=None)


def _change(turn: Turn, identity: str, **shown: Any) -> None:
    incident = turn.state.incidents[identity]
    changes = {name: new for name, new in shown.items() if getattr(incident, name) != new}
    if changes:
        turn.keep_incident(incident, **changes)


def _suppress(turn: Turn, identity: str) -> tuple[str, ...]:
    """See what holds an incident back, and put it on its timeline when that begins or ends."""
    before = turn.state.incidents[identity].suppressed_by
    why = suppression.reasons(turn, identity)
    if why and not before:
        turn.write(identity, EntryKind.SUPPRESSED, f"people are not told: {', '.join(why)}")
    elif before and not why:
        turn.write(identity, EntryKind.RELEASED, f"told again: no {', '.join(before)}", notify=True)
    _change(turn, identity, suppressed_by=why)
    return why


def _flags(turn: Turn, incident: model.Incident, why: tuple[str, ...]) -> tuple[str, ...]:
    members = turn.state.members[incident.id]
    flapping = any(
        members[rule, subject].flapping for _, subject, rule in turn.state.firing[incident.id]
    )
    kept = [BLIND] * (BLIND in incident.flags)
    return (*kept, *([FLAPPING] * flapping), *suppression.flags(why))


def _shown(turn: Turn, incident: model.Incident) -> dict[str, Any]:
    """Say what the incident is about: the alert that holds the longest stands for all.

    One that only waits to resolve does not hold any more, and says nothing new.
    """
    state = turn.state
    firing = state.firing[incident.id]
    holding = (each for each in firing if state.alerts[each[1]][each[2]].due is None)
    lead = next(holding, None if incident.title else firing[0])  # it has to be called something
    if incident.id not in turn.retitled or lead is None:
        return {}
    _, subject, name = lead
    rule = state.rules.get(name)
    if rule is None:
        return {}  # until the reload after a restart takes it away
    scene = turn.scene(subject)
    shown = {"contacts": _contacts(scene), "runbook": scene.extra.runbook or rule.runbook}
    if incident.accepts_until is not None:
        return {**shown, **_storm(turn, incident)}
    title, summary = _titles(turn, rule, turn.state.members[incident.id][name, subject], scene)
    more = f" and {len(firing) - 1:,} more" if len(firing) > 1 else ""
    return {
        **shown,
        "title": title + more,
        "summary": summary,
        "fault_domain": scene.fault_domain,
    }


def _storm(turn: Turn, incident: model.Incident) -> dict[str, Any]:
    firing = turn.state.firing[incident.id]
    members = turn.state.members[incident.id]
    counts = Counter(name for _, _, name in firing)
    rules = ", ".join(f"{count:,} {name}" for name, count in counts.most_common(_NAMED))
    kind = turn.state.ruleset.sources[incident.source].kind
    sides = {
        fault_domain.likely_domain(kind, members[name, subject].fields)
        for _, subject, name in firing
    }
    side = next(iter(sides)) if len(sides) == 1 else model.FaultDomain.UNDETERMINED
    first = ", ".join(members[name, subject].name for _, subject, name in firing[:_NAMED])
    more = len(firing) - _NAMED
    return {
        "title": f"Storm on {incident.source}: {len(firing):,} alerts ({rules})",
        "summary": f"{first}{f' and {more:,} more' if more > 0 else ''}",
        "fault_domain": side,
    }


def _titles(turn: Turn, rule: Rule, member: model.IncidentAlert, scene: Scene) -> tuple[str, str]:
    value = member.value if member.value is not None else member.to
    words = scene.words(rule, value=value, was=member.from_, since=member.since)
    try:
        summary = "" if rule.summary is None else rule.summary(words)
        return rule.title(words), summary
    except ExpressionError as error:
        turn.misfire(rule, scene.key, error)
        return f"{scene.name}: {rule.name}", ""


def _contacts(scene: Scene) -> tuple[model.Contact, ...]:
    """Choose whom to call: the side at fault where it is known, else everybody."""
    contacts = scene.extra.contacts
    at_fault = tuple(each for each in contacts if each.domain == scene.fault_domain)
    return at_fault or contacts


def _escalate(turn: Turn, identity: str) -> None:
    """Tell more people, and remind those who know, where it is time for that."""
    incident = turn.state.incidents[identity]
    told = incident.told_at
    if told is None or not _is_waited_for(turn, incident):
        return
    for step in _steps(turn, incident)[incident.escalated :]:
        if told + step.after <= turn.now:
            known = turn.state.incidents[identity]
            receivers = tuple(dict.fromkeys((*known.receivers, *step.notify)))
            _change(turn, identity, receivers=receivers, escalated=known.escalated + 1)
            text = messages.escalated(step.after, step.notify)
            turn.write(identity, EntryKind.ESCALATED, text, notify=True)
    repeat = _repeat(turn, incident)
    if repeat is not None and (incident.reminded_at or told) + repeat <= turn.now:
        _change(turn, identity, reminded_at=turn.now)
        text = messages.reminded(incident, turn.now)
        turn.write(identity, EntryKind.REMINDED, text, notify=True)


def _next(turn: Turn, incident: model.Incident) -> datetime | None:
    told = incident.told_at
    if told is None or not _is_waited_for(turn, incident):
        return None
    ahead = [told + step.after for step in _steps(turn, incident)[incident.escalated :]]
    repeat = _repeat(turn, incident)
    if repeat is not None:
        ahead.append((incident.reminded_at or told) + repeat)
    return min(ahead, default=None)


def _is_waited_for(turn: Turn, incident: model.Incident) -> bool:
    """Whether somebody should have acknowledged it: it is open, and nothing holds it back."""
    return (
        incident.status is IncidentStatus.OPEN
        and not incident.suppressed_by
        and (incident.group == incident.source or incident.source not in turn.state.awaited)
    )


def _rules(turn: Turn, incident: model.Incident) -> Iterator[Rule]:
    names = {name for _, _, name in turn.state.firing[incident.id]}
    for name in sorted(names):
        rule = turn.state.rules.get(name)
        if rule is not None:
            yield rule


def _steps(turn: Turn, incident: model.Incident) -> list[Escalation]:
    steps = [step for rule in _rules(turn, incident) for step in rule.escalate]
    return sorted(dict.fromkeys(steps), key=lambda step: step.after)


def _repeat(turn: Turn, incident: model.Incident) -> Any:
    repeats = [rule.repeat for rule in _rules(turn, incident) if rule.repeat is not None]
    return min(repeats, default=None)


def call(turn: Turn, identity: str) -> tuple[str, ...]:
    """Name who is to be told of an incident as well, and say so where it is new."""
    incident = turn.state.incidents[identity]
    found = _find(turn.state, incident.receivers)
    for name, about in found.items():
        if name not in incident.notify:
            text = messages.fallback(name, about, turn.now)
            turn.write(identity, model.EntryKind.FALLBACK, text)
    fallbacks = tuple(dict.fromkeys((*incident.fallbacks, *found)))
    if fallbacks != incident.fallbacks:
        turn.keep_incident(turn.state.incidents[identity], fallbacks=fallbacks)
    return tuple(found)


def _find(state: State, receivers: Sequence[str]) -> dict[str, model.Incident]:
    """Find fallbacks, those of failing fallbacks too; each with the incident about who fails."""
    found: dict[str, model.Incident] = {}
    told = list(receivers)
    for name in told:  # it grows meanwhile
        about = state.incidents.get(state.failing.get(name, ""))
        if about is not None and about.fallback and about.fallback.receiver not in told:
            found[about.fallback.receiver] = about
            told.append(about.fallback.receiver)
    return found
