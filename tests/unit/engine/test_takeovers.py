"""A daemon takes over from one whose clock differs: nothing comes sooner or later for it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given

from tests.fakes.engine_world import START, minutes, rule, ruleset, seconds, world
from tests.unit.engine.strategies import happen
from tests.unit.engine.test_clock_step_laws import (
    HISTORIES_WITHOUT_WINDOWS,
    LAW,
    STEPS,
    Stepping,
    of_spans,
)
from tests.unit.engine.test_clock_steps import poll, wait
from tests.unit.replay import test_replay
from watcher import engine, model, ports

HOUR = timedelta(hours=1)
BOTH_WAYS = pytest.mark.parametrize("by", [2 * HOUR, -2 * HOUR])


def take_over(w, by):
    """Go on in another process, whose clock is ahead by `by` of the one that led."""
    polled_at = [health.last_success for health in w.tables.of(model.SourceHealth)]
    last = max((at for at in polled_at if at), default=None)
    w.now += by
    w.state = engine.restore(w.ruleset, w.tables.loaded())
    return w._step(engine.Reloaded(ruleset=w.ruleset, unwatched_since=last, moved=by))


@BOTH_WAYS
def test_for_has_lasted_as_long_as_it_has(by):
    w = world(rule(hold=minutes(5)))
    poll(w, a="online")
    poll(w, a="offline")
    wait(w, minutes(1))
    take_over(w, by)
    poll(w)
    wait(w, minutes(4) - seconds(1))
    poll(w)
    assert w.alert() == "pending"
    wait(w, seconds(1))
    poll(w)
    assert w.alert() == "firing"
    assert w.incident.began_at == START + by


@BOTH_WAYS
def test_nobody_is_called_before_the_time_nor_long_after(by):
    duty = engine.Escalation(after=minutes(15), notify=("duty",))
    w = world(rule(escalate=(duty,)))
    poll(w, a="offline")
    wait(w, minutes(5))
    take_over(w, by)
    poll(w)
    wait(w, minutes(10) - seconds(1))
    assert "duty" not in w.incident.receivers
    wait(w, seconds(1))
    assert "duty" in w.incident.receivers


class TakingOver(Stepping):
    """Daemons that take turns."""

    def take_over(self, by):
        self.offset += by
        take_over(self, by)


@LAW
@given(HISTORIES_WITHOUT_WINDOWS, STEPS)
def test_however_far_clocks_are_apart_people_are_notified_after_the_same_elapsed_time(
    history, takeovers
):
    def play(*, differ):
        w = TakingOver(of_spans())
        for number, happening in enumerate(history):
            happen(w, happening)
            if number in takeovers:
                w.take_over(takeovers[number] if differ else timedelta(0))
        w.wait_until(w.now + timedelta(hours=3))
        return sorted(w.log, key=repr)

    assert play(differ=True) == play(differ=False)


@BOTH_WAYS
def test_a_replay_moves_what_the_one_that_took_over_has_moved(by):
    rules = ruleset(rule(hold=minutes(5)))

    def polled(state, at):
        seen = model.Observed(key="vyvx/a", fields={"state": state})
        what = model.Polled(source="vyvx", seen=(seen,), total=1)
        return ports.Recorded(at=at, what=what)

    last = START + minutes(2)
    read = ports.RulesRead(version="1", started=True, last_success=last, moved=by)
    records = [
        ports.Recorded(at=START, what=ports.RulesRead(version="1", started=True)),
        polled("online", START),
        polled("offline", START + minutes(1)),
        polled("offline", last),
        ports.Recorded(at=last + seconds(7) + by, what=read),
        polled("offline", last + seconds(9) + by),
        polled("offline", START + minutes(6) + by),
    ]
    until = START + by + HOUR
    (replayed,) = test_replay.replay(rules, records, until, since=START - 3 * HOUR)
    assert replayed.incident.began_at == START + minutes(1) + by
    assert replayed.incident.opened_at == START + minutes(6) + by
