"""What people know of a subject's outages, so that none is told twice.

Law: an outage is known where an alert fired, for as long as somebody could see it, and where it was
told late.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from watcher import model
from watcher.engine.context import Turn
from watcher.engine.rules.index import RECORDED
from watcher.engine.rules.intervals import Piece
from watcher.engine.rules.rule import Rule, Transition
from watcher.model import AlertState

SKEW = timedelta(minutes=2)  # between the vendor's clock and ours
MOST = 100  # stretches that a subject remembers
_LASTING = (AlertState.FIRING, AlertState.RESOLVED)  # resolved by hand, and still so


def remember(turn: Turn, alert: model.Alert, since: datetime) -> None:
    """Note that an alert has fired from `since` until now."""
    subject = _recorded(turn, alert)
    if subject is None:
        return
    begun = _begun(subject, alert.rule)
    start = since if begun is None else begun.start
    told = [each for each in subject.told if each != begun]
    if start < turn.now:
        seen = begun is None and alert.state is AlertState.FIRING
        told.append(model.Told(rule=alert.rule, start=start, end=turn.now, seen=seen))
    if told != [*subject.told]:
        turn.keep_subject(replace(subject, told=tuple(told[-MOST:])))


def split(turn: Turn, source: str, gap: datetime) -> None:
    """Note what is known to have fired before a gap, and that its alert is seen again from now."""
    for alert in list(turn.state.alerts_of(source)):
        subject = _recorded(turn, alert)
        if subject is None or alert.state not in _LASTING:
            continue
        fired, begun = _fired(turn, subject, alert), _begun(subject, alert.rule)
        told = [each for each in subject.told if each != begun]
        if fired.start <= gap:
            told.append(replace(fired, end=gap))
        told.append(model.Told(rule=alert.rule, start=turn.now))
        turn.keep_subject(replace(subject, told=tuple(told[-MOST:])))


def of_rule(turn: Turn, subject: model.Subject, rule: Rule) -> list[model.Told]:
    """Give what is known of one rule; what fires now has no end while its source is seen."""
    known = [each for each in subject.told if each.rule == rule.name and each.end is not None]
    alert = turn.state.alerts.get(subject.key, {}).get(rule.name)
    if alert is not None and alert.state in _LASTING:
        fired = _fired(turn, subject, alert)
        unseen = turn.state.health[subject.source].failing_since
        known.append(fired if unseen is None else replace(fired, end=max(fired.start, unseen)))
    return known


def is_open(turn: Turn, subject: model.Subject, rule: Rule, piece: Piece) -> bool:
    """Whether a pending alert may still tell of it, or a firing one that nobody sees now."""
    alert = turn.state.alerts.get(subject.key, {}).get(rule.name)
    since: datetime | None = None
    if alert is not None and alert.state is AlertState.PENDING:
        since = alert.since
    elif alert is not None and alert.state in _LASTING:
        since = turn.state.health[subject.source].failing_since
    return since is not None and (piece.lasts or since < piece.end)


def claimed(
    pieces: Sequence[Piece],
    known: Sequence[model.Told],
    inside: Sequence[Piece],
    event: model.HistoryRead,
) -> list[Piece]:
    """Find the pieces that people know of although the clocks differ.

    A poll said so at the beginning of what was told of live: where nothing that is `inside` covers
    that, the nearest piece was meant.
    """
    found: list[Piece] = []
    for told in known:
        answered = told.seen and event.start <= told.start < event.end
        if not answered or any(overlap(piece, told) for piece in inside):
            continue
        near = [piece for piece in pieces if piece not in found and _apart(piece, told) <= SKEW]
        found += sorted(near, key=lambda piece: _apart(piece, told))[:1]
    return found


def overlap(piece: Piece, told: model.Told) -> bool:
    """Whether they have a moment in common, if only the one in which an alert fired."""
    begins = told.end is None or piece.start < told.end or piece.start <= told.start
    return begins and (piece.lasts or told.start < piece.end)


def _apart(piece: Piece, told: model.Told) -> timedelta:
    after = timedelta(0) if told.end is None else piece.start - told.end
    return max(after, told.start - piece.end)


def _recorded(turn: Turn, alert: model.Alert) -> model.Subject | None:
    """Give an alert's subject where the vendor's record tells of what the alert is about."""
    subject, rule = turn.state.subjects.get(alert.subject), turn.state.rules.get(alert.rule)
    if subject is None or rule is None or subject.source not in turn.state.sweeps:
        return None
    condition = rule.condition
    return subject if isinstance(condition, Transition) and condition.field == RECORDED else None


def _begun(subject: model.Subject, rule: str) -> model.Told | None:
    """Find the stretch that began when a firing alert was seen again."""
    return next((each for each in subject.told if each.rule == rule and each.end is None), None)


def _fired(turn: Turn, subject: model.Subject, alert: model.Alert) -> model.Told:
    """Say since when an alert is seen to fire."""
    begun = _begun(subject, alert.rule)
    if begun is not None:
        return begun
    if alert.incident is None:
        return model.Told(rule=alert.rule, start=alert.since)
    member = turn.state.members[alert.incident][alert.key]
    return model.Told(rule=alert.rule, start=member.since, seen=True)
