"""The beginning and the end of a rule's hours: a timer evaluates its alerts and subjects again.

At the end a pending alert is dropped and a firing one lapses, even of a source that cannot be seen:
that takes nothing but a clock. At the beginning a fault that is there starts its `for`; of a source
that cannot be seen, the next poll decides, and of a threshold the next sample. A subject that
vanishes outside the hours is not reported when they begin.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from watcher import model
from watcher.engine import alerts
from watcher.engine.conditions import Truth
from watcher.engine.context import StepContext
from watcher.engine.observation import polls, samples, source_health
from watcher.engine.rules.index import RuleIndex, index_rules
from watcher.engine.rules.rule import Rule
from watcher.engine.timers import Timer, TimerKind


def refresh(ctx: StepContext) -> None:
    """Drop the alerts of rules outside their hours; schedule when each rule's hours change."""
    for rule in ctx.state.ruleset.rules:
        if rule.hours is not None:
            if not rule.hours.is_open(ctx.now):
                _close(ctx, rule)
            _schedule(ctx, rule)


def clock_stepped(ctx: StepContext, before: datetime) -> None:
    """Evaluate the rules whose hours begin or end with a step of the clock from `before` to now."""
    for rule in ctx.state.ruleset.rules:
        if rule.hours is not None and rule.hours.is_open(before) is not rule.hours.is_open(ctx.now):
            edge(ctx, rule.name)
        else:
            _schedule(ctx, rule)


def edge(ctx: StepContext, name: str) -> None:
    """Evaluate that a rule's hours have begun or ended."""
    rule = ctx.state.rules.get(name)
    if rule is None or rule.hours is None:
        return  # a reload has taken them away
    _schedule(ctx, rule)
    if rule.hours.is_open(ctx.now):
        _open(ctx, rule)
    else:
        _close(ctx, rule)


def _schedule(ctx: StepContext, rule: Rule) -> None:
    at = None if rule.hours is None else rule.hours.next_edge(ctx.now)
    if at is not None:
        ctx.schedule(Timer(TimerKind.HOURS, rule.name), at)


def _close(ctx: StepContext, rule: Rule) -> None:
    for key in sorted(ctx.state.alerts):
        alert = ctx.state.alert(key, rule.name)
        if alert is not None:
            result = Truth(truth=False, value=alert.value, was=alert.entered_from, closed=True)
            alerts.apply(ctx, rule, key, result, at=ctx.now)
            alerts.settle(ctx, key)


def _open(ctx: StepContext, rule: Rule) -> None:
    state = ctx.state
    only = index_rules(replace(state.ruleset, rules=(rule,)))
    for source in sorted(rule.sources & state.ruleset.sources.keys()):
        if source in state.health:
            source_health.refresh(ctx, source)  # it may have been blind before
        for key in sorted(state.subjects):
            if state.subjects[key].source == source:
                _evaluate(ctx, only[source], key)
        if not state.is_awaited(source) and any(
            alert.rule == rule.name and alert.state is model.AlertState.PENDING
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
