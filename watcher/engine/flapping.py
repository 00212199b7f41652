"""Alerts that come and go: told once, and open until they are quiet.

Law: a turn of the condition counts once its alert has fired; it is kept with the incident's alert,
so that it outlives a resolution for as long as the incident can be reopened.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from watcher import model
from watcher.engine.rule import Rule
from watcher.engine.timers import Purpose, Timer
from watcher.engine.turn import Turn
from watcher.model import EntryKind


def count(turn: Turn, rule: Rule, alert: model.Alert, at: datetime) -> None:
    """Count a turn of a firing alert's condition, and say so once when it is one too many."""
    member = _member(turn, alert)
    if rule.flapping is None or member is None:
        return
    keys = rule.flapping
    flips = (*(each for each in member.flips if each > at - keys.within), at)[-(keys.flips + 1) :]
    flapping = member.flapping or len(flips) > keys.flips
    turn.keep_member(replace(member, flips=flips, flapping=flapping))
    if flapping:
        arm(turn, rule, alert)
        if not member.flapping:
            within = model.format_duration(keys.within)
            text = f"comes and goes: more than {keys.flips} turns within {within}; "
            text += f"it stays open until it is quiet for {within}"
            turn.note(member.incident, EntryKind.FLAPPING, text, notify=True)


def linger(turn: Turn, rule: Rule, alert: model.Alert) -> timedelta:
    """Tell how long a condition must be false before its alert resolves."""
    member = _member(turn, alert)
    if rule.flapping is None or member is None or not member.flapping:
        return rule.keep_firing_for
    return max(rule.keep_firing_for, rule.flapping.within)


def arm(turn: Turn, rule: Rule, alert: model.Alert) -> None:
    """Set the timer that ends the flapping of an alert whose condition holds."""
    member = _member(turn, alert)
    if rule.flapping is not None and member is not None and member.flapping and member.flips:
        quiet_at = member.flips[-1] + rule.flapping.within
        turn.state.timers.arm(Timer(Purpose.QUIET, alert.subject, alert.rule), quiet_at)


def quieten(turn: Turn, alert: model.Alert) -> None:
    """Take the mark away: the condition has held for long enough without a turn."""
    member = _member(turn, alert)
    if member is not None and member.flapping and alert.due is None:
        turn.keep_member(replace(member, flapping=False, flips=()))
        turn.note(member.incident, EntryKind.STEADY, "comes and goes no longer", notify=False)


def _member(turn: Turn, alert: model.Alert) -> model.IncidentAlert | None:
    if alert.incident is None:
        return None
    return turn.state.members[alert.incident].get(alert.key)
