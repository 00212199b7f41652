"""What an open maintenance window does: skip, mute or run, as LibreNMS has it."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from tests.fakes.engine_world import START, World, minutes, rule, ruleset, seconds
from watcher import engine, model
from watcher.engine import WindowAction

NOC, QUIET = ("noc", "mqtt"), ("mqtt",)


def world(action, *rules, begin=10, end=60, **match):
    """A window that is open from `begin` to `end`, for vyvx/a unless `match` says otherwise."""
    opens, closes = START + minutes(begin), START + minutes(end)
    window = engine.Maintenance(
        name="works",
        matchers=tuple(
            model.Matcher(name=name, value=value)
            for name, value in (match or {"subject": "vyvx/a"}).items()
        ),
        is_open=lambda at: opens <= at < closes,
        next_edge=lambda at: min((edge for edge in (opens, closes) if edge > at), default=None),
        action=action,
    )
    made = ruleset(*(rules or (rule(notify=NOC),)))
    return World(replace(made, maintenance=(window,), quiet=frozenset({"mqtt"})))


def test_mute_watches_and_notifies_nobody():
    w = world(WindowAction.MUTE)
    w.poll(minutes(11), a="offline")
    assert (w.incident.notify, w.incident.flags) == (QUIET, ("silenced",))
    w.wait_until(START + minutes(60))
    assert (w.incident.notify, w.incident.flags) == (NOC, ())


def test_run_notifies_as_always_and_marks_the_incident():
    w = world(WindowAction.RUN)
    w.poll(minutes(1), a="offline")
    assert w.incident.flags == ()
    w.wait_until(START + minutes(10))
    assert (w.incident.notify, w.incident.flags) == (NOC, ("maintenance",))
    assert w.incident.suppressed_by == ()
    w.wait_until(START + minutes(60))
    assert (w.incident.notify, w.incident.flags) == (NOC, ())
    assert w.timeline == ["opened"]


def test_skip_opens_nothing_and_the_next_poll_after_it_does():
    w = world(WindowAction.SKIP)
    w.poll(minutes(1), a="online", b="online")
    w.poll(minutes(11), a="offline", b="offline")
    assert [incident.group for incident in w.incidents] == ["vyvx/b"]
    w.poll(minutes(59))
    assert len(w.incidents) == 1
    w.poll(minutes(61))  # unchanged since
    assert sorted(incident.group for incident in w.incidents) == ["vyvx/a", "vyvx/b"]


def test_skip_keeps_what_was_open_and_the_next_poll_after_it_ends_it():
    w = world(WindowAction.SKIP, rule(notify=NOC, repeat=(minutes(5),)))
    w.poll(minutes(1), a="offline")
    w.poll(minutes(12), a="online")
    assert w.alert() == "firing"
    assert w.incident.notify == QUIET
    w.poll(minutes(59))
    assert (w.alert(), w.incident.status) == ("firing", model.IncidentStatus.OPEN)
    assert "reminded" not in w.timeline[w.timeline.index("suppressed") :]
    w.poll(minutes(61))
    assert w.alert() is None
    assert w.incident.resolution is model.Resolution.RECOVERED


@pytest.mark.parametrize("keys", [{"hold": minutes(3)}, {"keep_firing_for": minutes(3)}])
def test_no_span_elapses_into_a_skipped_time(keys):
    w = world(WindowAction.SKIP, rule(notify=NOC, **keys))
    w.poll(minutes(8), a="offline")
    w.poll(minutes(9), a="online" if "keep_firing_for" in keys else "offline")
    was = w.alert()
    for minute in range(10, 60, 5):
        w.poll(minutes(minute) + seconds(30))
        assert w.alert() == was


def test_skip_of_a_rule_leaves_the_others_alone():
    other = rule(
        "weak",
        engine.Transition(field="state", from_=None, to=frozenset({"offline"})),
        notify=NOC,
    )
    w = world(WindowAction.SKIP, rule(notify=NOC), other, rule="down")
    w.poll(minutes(11), a="offline")
    assert [incident.rule for incident in w.incidents] == ["weak"]


def test_skip_holds_for_a_source_that_cannot_be_seen():
    blind = rule("unseen", engine.Blind(after=minutes(1)), notify=NOC)
    w = world(WindowAction.SKIP, blind, source="vyvx")
    w.poll(minutes(1), a="online")
    for minute in range(11, 50):
        w.fail(minutes(minute))
    assert w.incidents == ()
    for minute in range(60, 70):
        w.fail(minutes(minute))
    assert [incident.rule for incident in w.incidents] == ["unseen"]


@pytest.mark.parametrize("action", list(WindowAction))
def test_after_the_window_and_one_poll_nothing_is_left_of_it(action):
    with_window, without = world(action), world(action, subject="vyvx/none")
    for w in (with_window, without):
        w.poll(minutes(1), a="online")
        w.poll(minutes(11), a="offline")
        w.restart()
        w.poll(minutes(30))
        w.poll(minutes(60) + timedelta(seconds=1))
    (after,), (plain,) = with_window.incidents, without.incidents
    assert (after.status, after.notify, after.flags) == (plain.status, plain.notify, plain.flags)
