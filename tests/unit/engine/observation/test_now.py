"""Rules that read the time: a timer evaluates them again, and what is over by time is said so."""

from datetime import timedelta

from msgspec.structs import replace

from tests.fakes.engine_world import (
    START,
    World,
    hours,
    minutes,
    of_kind,
    rule,
    ruleset,
    sample,
    seconds,
)
from watcher import engine, model
from watcher.ruleset import cel

# START is 3 o'clock, 4 in Paris.
FROM_FIVE = 'state == "offline" && now.getHours("Europe/Paris") >= 5'
UNTIL_FIVE = 'state == "offline" && now.getHours("Europe/Paris") < 5'


def world(*given):
    """Build a world of rules, each an expression in CEL, its `where`, and the rest of the rule."""
    vocabulary, rules = cel.Vocabulary(), []
    for number, (expression, where, keys) in enumerate(given):
        holds = vocabulary.add(expression) if expression else None
        condition = {"condition": engine.Expression(holds=holds)} if holds else {}
        applies = vocabulary.add(where) if where else None
        now = vocabulary.now((holds, applies))
        name = "down" if number == 0 else f"down-{number}"
        rules.append(rule(name, where=applies, now=now, **condition, **keys))
    return World(
        replace(ruleset(*rules), context=vocabulary.context, candidates=vocabulary.candidates)
    )


def test_what_becomes_true_with_the_hour_fires_after_the_poll_that_it_asks_for():
    w = world((FROM_FIVE, "", {}))
    w.poll(minutes(1), a="offline")
    assert w.alert() is None
    effects = w.wait_until(START + minutes(60))
    assert w.alert() == "pending"
    assert of_kind(effects, model.PollNeeded) == [model.PollNeeded(source="vyvx")]
    w.poll(minutes(60) + seconds(1))
    assert w.alert() == "firing"
    assert w.incident.opened_at == START + minutes(60) + seconds(1)


def test_before_the_hour_nothing_is_evaluated_and_no_timer_is_due():
    w = world((FROM_FIVE, "", {}))
    w.poll(minutes(1), a="offline")
    assert engine.next_deadline(w.state) == START + minutes(60)


def test_a_rule_that_does_not_read_it_has_no_timer():
    w = world(('state == "offline"', "", {}))
    w.poll(minutes(1), a="online")
    assert engine.next_deadline(w.state) is None


def test_what_is_over_with_the_hour_is_not_called_recovered():
    w = world((UNTIL_FIVE, "", {}))
    w.poll(minutes(1), a="offline")
    assert w.alert() == "firing"
    w.wait_until(START + minutes(60))
    assert w.alert() is None
    assert w.incident.resolution is model.Resolution.LAPSED
    assert w.incident.resolved_at == START + minutes(60)
    assert w.last_text == "down no longer applies since 04:00:00 UTC: not recovered"


def test_a_subject_that_its_vendor_calls_well_has_not_recovered_by_time():
    w = world(('state == "online" && now.getHours() < 4', "", {}))
    w.poll(minutes(1), a="online")
    assert w.alert() == "firing"
    w.wait_until(START + minutes(60))
    assert w.incident.resolution is model.Resolution.LAPSED


def test_what_recovers_before_the_hour_has_recovered():
    w = world((UNTIL_FIVE, "", {"keep_firing_for": minutes(30)}))
    w.poll(minutes(1), a="offline")
    w.poll(minutes(50), a="online")
    w.wait_until(START + minutes(80))
    assert w.incident.resolution is model.Resolution.RECOVERED


def test_keep_firing_for_goes_on_after_the_hour():
    w = world((UNTIL_FIVE, "", {"keep_firing_for": minutes(10)}))
    w.poll(minutes(1), a="offline")
    w.wait_until(START + minutes(69))
    assert w.alert() == "firing"
    w.wait_until(START + minutes(70))
    assert w.incident.resolution is model.Resolution.LAPSED


def test_where_goes_by_time_as_well():
    w = world(("", "now.getHours() >= 4 && now.getHours() < 5", {}))
    w.poll(minutes(1), a="online")
    w.poll(minutes(2), a="offline")
    assert w.alert() in {None, "inactive"}
    w.wait_until(START + minutes(60))
    w.poll(minutes(60) + seconds(5))
    assert w.alert() == "firing"
    w.wait_until(START + minutes(120))
    assert w.incident.resolution is model.Resolution.LAPSED
    assert w.last_text == "down no longer applies since 05:00:00 UTC, still offline: not recovered"


def test_a_transition_that_is_over_together_with_its_where_has_recovered():
    w = world(("", "now.getHours() < 4", {"keep_firing_for": minutes(20)}))
    w.poll(minutes(1), a="online")
    w.poll(minutes(2), a="offline")
    w.poll(minutes(50), a="online")
    w.wait_until(START + minutes(75))
    assert w.incident.resolution is model.Resolution.RECOVERED


def test_a_fault_is_open_until_its_subject_is_well_whatever_the_hour():
    w = world((UNTIL_FIVE, "", {"fault": "service"}))
    w.poll(minutes(1), a="offline")
    w.wait_until(START + minutes(90))
    assert w.alert() == "firing"
    w.poll(minutes(91), a="online")
    assert w.incident.resolution is model.Resolution.RECOVERED


def test_while_a_source_cannot_be_seen_its_next_poll_decides():
    w = world((UNTIL_FIVE, "", {}), (FROM_FIVE, "", {}))
    w.poll(minutes(1), a="offline")
    w.fail(minutes(50))
    w.wait_until(START + minutes(70))
    assert w.alert() == "firing"
    assert w.alert(name="down-1") is None
    w.poll(minutes(75))
    assert w.alert() is None
    w.poll(minutes(76))
    assert w.alert(name="down-1") == "firing"


def test_a_threshold_goes_by_the_time_of_its_next_sample():
    full = {"condition": engine.Threshold(metric="load", limit=80.0), "sources": ("evpl",)}
    w = world(("", "now.getHours() < 4", full))

    def load(at, value):
        samples = [sample("evpl/line", "load", START + at, value)]
        w.poll(at, source="evpl", line={}, samples=samples)

    load(minutes(5), 95)
    assert w.alert("evpl/line") == "firing"
    w.wait_until(START + minutes(60))
    assert w.alert("evpl/line") == "firing"
    load(minutes(65), 95)
    assert w.incident.resolution is model.Resolution.LAPSED


def test_silence_goes_by_the_hour():
    silent = {"condition": engine.NoData(after=minutes(30)), "sources": ("evpl",)}
    w = world(("", "now.getHours() >= 4", silent))
    samples = [sample("evpl/line", "load", START + minutes(1), 5)]
    w.poll(minutes(1), source="evpl", line={}, samples=samples)
    w.poll(minutes(45), source="evpl")
    assert w.alert("evpl/line") is None
    w.wait_until(START + minutes(60))
    w.poll(minutes(61), source="evpl")
    assert w.alert("evpl/line") == "firing"


def test_hours_and_what_is_read_of_the_time_both_count():
    w = world((FROM_FIVE, "", {"hours": hours(opens=10, closes=30)}))
    w.poll(minutes(1), a="offline")
    w.poll(minutes(61))
    assert w.alert() is None
    w.wait_until(START + minutes(70))
    w.poll(minutes(70) + seconds(1))
    assert w.alert() == "firing"
    w.wait_until(START + minutes(90))
    assert w.incident.resolution is model.Resolution.LAPSED


def test_a_step_of_the_clock_evaluates_what_reads_another_time():
    w = world((FROM_FIVE, "", {}))
    w.poll(minutes(1), a="offline")
    w.now += timedelta(hours=3, seconds=10)
    effects = engine.step(w.state, model.ClockStepped(by=timedelta(hours=3)), w.now)
    assert w.alert() == "pending"
    assert of_kind(effects, model.PollNeeded) == [model.PollNeeded(source="vyvx")]
    assert engine.next_deadline(w.state) > w.now


def test_after_a_restart_the_timers_are_as_before():
    w = world((FROM_FIVE, "", {}), (UNTIL_FIVE, "", {}))
    w.poll(minutes(1), a="offline")
    before = engine.next_deadline(w.state)
    w.restart()
    assert engine.next_deadline(w.state) == before
    w.poll(minutes(2))
    w.wait_until(START + minutes(60))
    w.poll(minutes(61))
    assert (w.alert(), w.alert(name="down-1")) == ("firing", None)


def test_the_same_events_give_the_same_effects_in_two_runs():
    def run():
        w = world((FROM_FIVE, "", {}), (UNTIL_FIVE, "", {}), ("", "now.getMinutes() < 30", {}))
        effects = [*w.poll(minutes(1), a="offline", b="online")]
        for minute in (20, 45, 63, 95):
            effects += w.poll(minutes(minute), b="offline" if minute % 2 else "online")
        return effects

    assert run() == run()


def test_a_rule_that_reads_it_counts_as_matching_before_its_time():
    w = world(("", "now.getHours() == 23", {}))
    w.poll(minutes(1), a="online")
    assert engine.rule_matches(w.state, w.now) == {"down": True}


def test_what_mixes_it_with_the_subject_is_evaluated_each_minute():
    w = world(('now > timestamp("2026-11-21T03:00:00Z") && state != string(now)', "", {}))
    w.poll(seconds(30), a="offline")
    assert w.alert() is None
    w.wait_until(START + minutes(1))
    assert w.alert() == "pending"
    assert engine.next_deadline(w.state) == START + minutes(2)


def test_a_breach_in_a_gap_goes_by_the_time_when_it_began():
    full = {"condition": engine.Threshold(metric="load", limit=80.0), "sources": ("evpl",)}
    reported = []
    for hour in (3, 4):
        w = world(("", f"now.getHours() == {hour}", full))
        w.poll(minutes(1), source="evpl", line={})
        w.fail(minutes(2), source="evpl")
        late = [
            sample("evpl/line", "load", START + minutes(minute), 95 if minute < 30 else 5)
            for minute in range(5, 60, 5)
        ]
        w.poll(minutes(70), source="evpl", samples=late)
        reported.append([entry.kind.value for entry in w.tables.entries])
    assert reported[0] != []
    assert reported[1] == []
