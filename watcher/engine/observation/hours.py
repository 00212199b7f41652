"""The time of day: a timer evaluates a rule again when its hours begin or end, or what it reads.

At the end of its hours a pending alert is dropped and a firing one lapses, even of a source that
cannot be seen: that takes nothing but a clock. At the beginning a fault that is there starts its
`for`; of a source that cannot be seen, the next poll decides, and of a threshold the first sample
that was taken within them. A subject that vanishes outside the hours is not reported when they
begin. When what expressions read of `now` changes, everything is as at the beginning.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from msgspec.structs import replace

from watcher import model
from watcher.engine import alerts
from watcher.engine.conditions import Truth
from watcher.engine.context import StepContext
from watcher.engine.observation import polls, samples, source_health
from watcher.engine.rules.hours import apply_at, next_edge
from watcher.engine.rules.index import RuleIndex, index_rules
from watcher.engine.rules.rule import Rule
from watcher.engine.timers import Timer, TimerKind


def refresh(ctx: StepContext) -> None:
    """Drop the alerts of rules outside their hours; schedule when time changes each rule."""
    for rule in ctx.state.ruleset.rules:
        if not apply_at(rule.hours, ctx.now):
            _close(ctx, rule)
        _schedule(ctx, rule)


def clock_stepped(ctx: StepContext, before: datetime) -> None:
    """Evaluate the rules to which a step of the clock from `before` to now makes a difference."""
    differ = []
    for rule in ctx.state.ruleset.rules:
        is_open = apply_at(rule.hours, ctx.now)
        reads_other = rule.now is not None and rule.now.read(before) != rule.now.read(ctx.now)
        if reads_other or apply_at(rule.hours, before) is not is_open:
            differ.append(rule.name)
        else:
            _schedule(ctx, rule)
    edge(ctx, differ)


def edge(ctx: StepContext, names: Collection[str]) -> None:
    """Evaluate rules whose hours have begun or ended, or which may read another time."""
    rules = [rule for rule in map(ctx.state.rules.get, names) if rule is not None]
    for rule in rules:
        _schedule(ctx, rule)
        if not apply_at(rule.hours, ctx.now):
            _close(ctx, rule)
    if applying := tuple(rule for rule in rules if apply_at(rule.hours, ctx.now)):
        _open(ctx, applying)


def _schedule(ctx: StepContext, rule: Rule) -> None:
    at = next_edge(rule.hours, rule.now, ctx.now)
    if at is not None:
        ctx.schedule(Timer(TimerKind.HOURS, rule.name), at)


def _close(ctx: StepContext, rule: Rule) -> None:
    for key in sorted(ctx.state.alerts):
        alert = ctx.state.alert(key, rule.name)
        if alert is not None:
            result = Truth(truth=False, value=alert.value, was=alert.entered_from, closed=True)
            alerts.apply(ctx, rule, key, result, at=ctx.now)
            alerts.settle(ctx, key)


def _open(ctx: StepContext, rules: tuple[Rule, ...]) -> None:
    """Evaluate rules on what their sources' subjects are known to be."""
    state = ctx.state
    only = index_rules(replace(state.ruleset, rules=rules))
    names = {rule.name for rule in rules}
    watched = frozenset[str]().union(*(rule.sources for rule in rules))
    for source in sorted(watched & state.ruleset.sources.keys()):
        if source in state.health:
            source_health.refresh(ctx, source)  # it may have been blind before
        for key in sorted(state.subjects):
            if state.subjects[key].source == source:
                _evaluate(ctx, only[source], key)
        if not state.is_awaited(source) and any(
            alert.rule in names and alert.state is model.AlertState.PENDING
            for alert in state.alerts_of(source)
        ):
            ctx.request(model.PollNeeded(source=source))


def _evaluate(ctx: StepContext, only: RuleIndex, key: str) -> None:
    state = ctx.state
    subject = state.subjects[key]
    if state.is_awaited(subject.source):
        return  # its first complete poll evaluates everything
    if state.visibility(subject.source) is not model.Visibility.SEEN:
        ctx.add_recheck(subject.source, key)
    elif not subject.missed:
        polls.evaluate_changed(ctx, only, subject)
        for rule, _ in only.no_datas:
            samples.evaluate_no_data(ctx, key, only=rule.name)
