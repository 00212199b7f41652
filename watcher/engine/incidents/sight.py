"""A vendor that no longer says how a subject is, while an alert of it fires.

That is news once a second poll agrees. What the incident is called keeps what is known.
"""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from watcher import model
from watcher.engine.context import StepContext
from watcher.engine.incidents import messages
from watcher.engine.rules.rule import Rule
from watcher.model import EntryKind


def lose_sight(ctx: StepContext, alert: model.Alert, since: datetime) -> None:
    """Note that the vendor no longer says how a subject is; what is shown is last known."""
    member = ctx.state.member_of(alert)
    if member is None or member.unseen_since is not None:
        return
    member = replace(member, unseen_since=since)
    ctx.put_incident(ctx.state.incidents[member.incident])
    ctx.put_member(member)
    carrier = ctx.subject_view(alert.subject).traits.carrier
    text = messages.whose(ctx.state, member) + messages.sight_lost(member, carrier, ctx.now)
    ctx.add_note(member.incident, EntryKind.BLIND, text, notify=False, once=True)


def regain_sight(ctx: StepContext, rule: Rule, alert: model.Alert) -> None:
    """Note that the vendor says again how a subject is, where people know that it did not."""
    member = ctx.state.member_of(alert)
    if member is None or member.unseen_since is None:
        return
    ctx.put_incident(ctx.state.incidents[member.incident])
    ctx.put_member(replace(member, unseen_since=None))
    text = messages.sight_regained(member, ctx.subject_view(alert.subject), rule, ctx.now)
    ctx.add_note(
        member.incident,
        EntryKind.SIGHTED,
        messages.whose(ctx.state, member) + text,
        notify=False,
        once=True,
    )
