"""Flapping: a condition that keeps changing is reported once, and stays open until it is steady."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec.structs import replace

from watcher import model
from watcher.engine.context import StepContext
from watcher.engine.rules.rule import Rule
from watcher.engine.timers import Timer, TimerKind
from watcher.model import EntryKind


def count_change(ctx: StepContext, rule: Rule, alert: model.Alert, at: datetime) -> None:
    """Count a change of a firing alert's condition, and report flapping once it is too much."""
    limits = rule.flapping
    member = None if limits is None else ctx.state.member_of(alert)
    if limits is None or member is None:
        return
    recent = (flip for flip in member.flips if flip > at - limits.within)
    flips = (*recent, at)[-(limits.flips + 1) :]
    flapping = member.flapping or len(flips) > limits.flips
    ctx.put_member(replace(member, flips=flips, flapping=flapping))
    if flapping:
        schedule_steady(ctx, rule, alert)
        if not member.flapping:
            within = model.format_duration(limits.within)
            text = f"flapping: more than {limits.flips} changes within {within}; "
            text += f"stays open until steady for {within}"
            # Once is enough: people are about to be notified that it is down again.
            told = ctx.state.incidents[member.incident].told_at is not None
            ctx.add_note(member.incident, EntryKind.FLAPPING, text, notify=told)


def keep_firing_for(ctx: StepContext, rule: Rule, alert: model.Alert) -> timedelta:
    """Return how long a condition must be false before its alert resolves."""
    member = ctx.state.member_of(alert)
    if rule.flapping is None or member is None or not member.flapping:
        return rule.keep_firing_for
    return max(rule.keep_firing_for, rule.flapping.within)


def schedule_steady(ctx: StepContext, rule: Rule, alert: model.Alert) -> None:
    """Schedule the end of the flapping of an alert whose condition holds."""
    member = ctx.state.member_of(alert)
    if rule.flapping is not None and member is not None and member.flapping and member.flips:
        quiet_at = member.flips[-1] + rule.flapping.within
        ctx.schedule(Timer(TimerKind.QUIET, alert.subject, alert.rule), quiet_at)


def end_flapping(ctx: StepContext, alert: model.Alert) -> None:
    """End the flapping: the condition has held for long enough without a change."""
    member = ctx.state.member_of(alert)
    if member is not None and member.flapping and alert.due is None:
        ctx.put_member(replace(member, flapping=False, flips=()))
        ctx.add_note(member.incident, EntryKind.STEADY, "no longer flapping", notify=False)


def is_flapping(ctx: StepContext, alert: model.Alert) -> bool:
    """Return whether a firing alert's condition keeps changing."""
    member = ctx.state.member_of(alert)
    return member is not None and member.flapping
