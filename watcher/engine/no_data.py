"""Subjects of which nothing newer is measured although their source can be seen.

Law: silence is counted in the vendor's own times, and not while nobody could have heard anything.
"""

from __future__ import annotations

from datetime import datetime

from watcher.engine import alerts, conditions
from watcher.engine.rule import NoData, Rule
from watcher.engine.timers import Purpose, Timer
from watcher.engine.turn import Turn


def judge(turn: Turn, key: str, *, only: str = "") -> None:
    """Judge the rules about silence on a subject, or one of them."""
    for rule, condition in turn.state.plans[key.partition("/")[0]].no_datas:
        if not only or rule.name == only:
            _judge(turn, rule, condition, key)


def _judge(turn: Turn, rule: Rule, condition: NoData, key: str) -> None:
    heard = _heard(turn, key)
    if heard is None:
        return
    due = heard + condition.after
    known = turn.state.alerts.get(key, {}).get(rule.name)
    if due > turn.now:
        turn.state.timers.arm(Timer(Purpose.NO_DATA, key, rule.name), due)
        if known is None:
            return
    verdict = conditions.Verdict(due <= turn.now)
    alerts.apply(turn, rule, key, conditions.narrowed(turn, rule, key, verdict), at=turn.now)


def _heard(turn: Turn, key: str) -> datetime | None:
    """Tell since when a subject is silent; None for one that was never measured."""
    measured = turn.state.samples.last_of(key)
    seen = turn.state.health[key.partition("/")[0]].seen_since
    if measured is None or seen is None:
        return measured
    return max(measured, seen)
