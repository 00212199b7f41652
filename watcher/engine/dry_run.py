"""One rule on one subject, moved by the real state machine on a state that is thrown away.

What is learned late (the vendor's alarm record, the samples of a gap) has to be decided as if
somebody had watched: would the alert have fired? `for:` is counted in alerts.py and nowhere else,
so the past is put through it here, observation by observation. Nothing of it reaches the state of
the daemon, and nobody is notified.

What no longer matters is taken off the rule: `keep_firing_for` and flapping join outages for the
people who see them live, but each of the past is reported with its own end; the past is cut by the
rule's `hours` before it comes here; and what an alert asks for (details, diagnostics, remedies) is
not asked for what is over.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec.structs import replace

from watcher import model
from watcher.engine import alerts
from watcher.engine.conditions import Truth
from watcher.engine.context import StepContext
from watcher.engine.rules.rule import Rule, Storm
from watcher.engine.state import State
from watcher.model import AlertState


class DryRun:
    """The alert of one rule on one subject, for as long as its condition holds without a break."""

    def __init__(self, ctx: StepContext, rule: Rule, key: str) -> None:
        subject, source = ctx.state.subjects[key], model.source_of(key)
        ruleset = ctx.state.ruleset
        self._key = key
        self._rule = replace(
            rule,
            hours=None,
            keep_firing_for=timedelta(0),
            flapping=None,
            group_by=(),
            diagnose=False,
            alternatives=False,
            bandwidth=None,
        )
        self._state = State(
            ruleset=replace(
                ruleset,
                rules=(self._rule,),
                sources={source: replace(ruleset.sources[source], detailed=False)},
                maintenance=(),
                storm=Storm(),
            ),
            rule_index={},
            rules={rule.name: self._rule},
            subjects={key: replace(subject, asked_at=None, missed=0)},
        )

    @property
    def fires(self) -> bool:
        """Whether the alert fires."""
        return bool(self._state.alerts_on(self._key, AlertState.FIRING))

    def hold(self, at: datetime, value: model.Scalar = None) -> None:
        """Observe that the condition holds; times must not go back."""
        source = model.source_of(self._key)
        self._state.health[source] = model.SourceHealth(source=source, last_success=at)
        ctx = StepContext(self._state, at)
        alerts.apply(ctx, self._rule, self._key, Truth(truth=True, value=value), at=at)


def would_fire(ctx: StepContext, rule: Rule, key: str, start: datetime, end: datetime) -> bool:
    """Return whether an alert would have fired whose condition held from `start` to `end`."""
    dry_run = DryRun(ctx, rule, key)
    for at in (start, end):
        dry_run.hold(at)
    return dry_run.fires
