"""Samples as they arrive: stored, and each judged at its own time.

Law: a sample that is not newer than what is known changes what later windows hold, and decides
nothing.
"""

from __future__ import annotations

from datetime import datetime

from watcher import model
from watcher.engine import alerts, conditions, no_data, windows
from watcher.engine.state import Plan
from watcher.engine.turn import Turn
from watcher.model import AlertState

_Moments = dict[tuple[str, str], set[datetime]]  # by subject and metric: times of new samples


def take(turn: Turn, event: model.Polled, plan: Plan) -> list[str]:
    """Take in a poll's samples; give the subjects that something newer is known of."""
    moments = _store(turn, event)
    for (key, metric), times in sorted(moments.items()):
        for at in sorted(times):
            _judge(turn, plan, key, metric, at)
    newest: dict[str, datetime] = {}
    for (key, _), times in moments.items():
        newest[key] = max(*times, newest.get(key, min(times)))
    for key in sorted(newest):
        turn.state.samples.drop_before(key, newest[key] - plan.keep)
        if plan.no_datas:
            no_data.judge(turn, key)
    return sorted(newest)


def _store(turn: Turn, event: model.Polled) -> _Moments:
    state = turn.state
    latest: dict[tuple[str, str], datetime | None] = {}
    moments: _Moments = {}
    for sample in event.samples:
        if sample.subject not in state.subjects:
            continue
        series = (sample.subject, sample.metric)
        if series not in latest:
            latest[series] = state.samples.latest(*series)
        known = latest[series]
        if turn.keep_sample(sample) and (known is None or sample.at > known):
            moments.setdefault(series, set()).add(sample.at)
    return moments


def _judge(turn: Turn, plan: Plan, key: str, metric: str, at: datetime) -> None:
    state = turn.state
    traits = state.ruleset.sources[key.partition("/")[0]]
    before = state.samples.latest(key, metric, before=at)
    broken = before is None or at - before > windows.GAP * traits.granularity
    stale = turn.now - at > windows.GAP * traits.granularity + traits.blind_after
    for rule, threshold in plan.thresholds:
        if threshold.metric != metric:
            continue
        alert = state.alerts.get(key, {}).get(rule.name)
        truth, value = windows.judge(
            threshold,
            state.samples.directions(key, metric),
            at,
            traits.granularity,
            active=alert is not None and alert.state is not AlertState.INACTIVE,
        )
        verdict = conditions.Verdict(None if stale else truth, value)
        verdict = conditions.narrowed(turn, rule, key, verdict)
        alerts.apply(turn, rule, key, verdict, at=at, broken=broken)
