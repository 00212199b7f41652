"""What the samples of a gap show is reported once the source is seen again, and calls nobody."""

import pytest

from tests.fakes.engine_world import START, minutes, rule, sample, world
from watcher import engine, model

FULL = engine.Threshold(metric="load", limit=90.0, clear=80.0)
BLIND = rule(name="blind", condition=engine.Blind(after=minutes(5)), sources=("evpl",))


def lines(*rules, **keys):
    keys.setdefault("sources", ("evpl",))
    w = world(rule(name="full", condition=FULL, notify=("noc",), **keys), *rules)
    w.poll(source="evpl", a={"load": 10}, samples=[at(0, 10)])
    return w


def at(minute, value):
    return sample("evpl/a", "load", START + minutes(minute), value)


def blind(w, until, values, start=5):
    """Lose the source, then poll the samples of every fifth minute since `start`."""
    w.fail(minutes(5), source="evpl")
    w.wait_until(START + minutes(until) - minutes(1))
    samples = [at(start + 5 * number, value) for number, value in enumerate(values)]
    return w.poll(minutes(until), source="evpl", samples=samples)


QUIET = [10] * 24


@pytest.mark.covers("evpl/blind")
def test_a_breach_while_the_source_was_blind_stands_on_its_own_incident():
    w = lines(BLIND)
    blind(w, 180, [10, 95, 97, 70, *QUIET[:31]])
    (source,) = w.incidents
    assert source.rule == "blind"
    assert w.timeline == ["opened", "resolved", "late"]
    assert w.last_text == (
        "meanwhile, a: inbound load was at or above 90, up to 97, 03:10:00 UTC to 03:20:00 UTC"
    )
    assert not w.tables.entries[-1].notify


@pytest.mark.covers("evpl/blind")
def test_without_such_an_incident_the_breach_is_a_resolved_incident():
    w = lines()
    blind(w, 180, [10, 95, 97, 70, *QUIET[:31]])
    assert w.incident.status == "resolved"
    assert w.incident.opened_at == START + minutes(10)
    assert w.incident.resolved_at == START + minutes(20)
    assert w.incident.notify == ("noc",)
    assert w.timeline == ["late"]
    assert w.state.incidents == {}


def test_a_breach_that_lasts_opens_an_incident():
    w = lines(BLIND)
    blind(w, 180, [10] * 5 + [95] * 30)
    assert {incident.rule: incident.status for incident in w.incidents} == {
        "blind": "resolved",
        "full": "open",
    }
    assert "late" not in w.timeline


def test_a_breach_shorter_than_for_is_not_reported():
    w = lines(BLIND, hold=minutes(15))
    blind(w, 180, [10, 95, 97, 70, *QUIET[:31]])
    assert "late" not in w.timeline


def test_a_breach_whose_end_is_not_known_says_so():
    w = lines(BLIND)
    blind(w, 180, [10, 95, 97])
    assert w.last_text.endswith("03:10:00 UTC until at least 03:15:00 UTC")


def test_a_breach_whose_alert_fires_all_the_time_is_not_reported_late():
    w = lines(BLIND)
    w.poll(minutes(5), source="evpl", samples=[at(5, 95)])
    assert w.alert("evpl/a", "full") == "firing"
    w.fail(minutes(10), source="evpl")
    w.wait_until(START + minutes(170))
    samples = [at(10 + 5 * number, 95) for number in range(33)]
    w.poll(minutes(175), source="evpl", samples=samples)
    assert "late" not in w.timeline


def test_a_silenced_late_fact_notifies_nobody():
    w = lines()
    everything = model.Matcher(name="source", value="evpl")
    w.step(
        model.Silenced(
            silence=model.Silence(
                id="s-1",
                matchers=(everything,),
                begin=START,
                end=START + minutes(500),
                by="ana",
            )
        )
    )
    blind(w, 180, [10, 95, 97, 70, *QUIET[:31]])
    assert w.incident.notify == ()


def first_poll(values, *rules, **keys):
    """Poll a line for the first time, with a sample of every fifth minute up to now."""
    keys.setdefault("keep_firing_for", minutes(30))
    keys.setdefault("sources", ("evpl",))
    full = rule(name="full", condition=FULL, notify=("noc",), **keys)
    w = world(full, *rules)
    samples = [at(5 * number, value) for number, value in enumerate(values)]
    w.poll(minutes(5 * len(values) - 4), source="evpl", a={"load": values[-1]}, samples=samples)
    return w


def test_a_line_that_was_full_before_it_was_first_seen_calls_nobody():
    w = first_poll([97, 97, 97, 96, 50, 50, 50, 50])
    assert w.alert("evpl/a", "full") is None
    assert w.timeline == ["late"]
    assert w.incident.status == "resolved"
    assert w.last_text.startswith("reported late: a: inbound load was at or above 90, up to 97")


def test_a_line_that_is_back_within_one_poll_calls_nobody():
    w = lines(keep_firing_for=minutes(30))
    samples = [at(5, 95), at(10, 95), at(15, 50), at(20, 50)]
    w.poll(minutes(21), source="evpl", samples=samples)
    assert w.timeline == ["late"]
    assert w.incident.status == "resolved"


def test_what_was_pending_and_ends_in_the_poll_that_completes_its_time_is_late():
    w = lines(hold=minutes(15), keep_firing_for=minutes(30))
    w.poll(minutes(11), source="evpl", samples=[at(5, 95), at(10, 95)])
    assert w.alert("evpl/a", "full") == "pending"
    late = [at(15, 99), at(20, 95), at(25, 50), at(30, 50)]
    w.poll(minutes(31), source="evpl", samples=late)
    assert w.timeline == ["late"]
    assert "up to 99, 03:05:00 UTC to 03:25:00 UTC" in w.last_text


def test_a_line_that_was_full_twice_and_is_full_now_calls_once():
    w = first_poll([97, 97, 50, 50, 97, 97])
    assert w.alert("evpl/a", "full") == "firing"
    assert w.timeline.count("opened") == 1
    assert "late" not in w.timeline


def test_a_line_between_both_limits_is_still_full():
    w = first_poll([97, 97, 85, 85])
    assert w.alert("evpl/a", "full") == "firing"


def test_the_newest_sample_alone_does_not_say_that_it_is_over():
    w = first_poll([97, 97, 97, 20])
    assert w.alert("evpl/a", "full") == "firing"


def test_a_late_fact_stands_on_the_open_incident_of_the_same_fault():
    low = engine.Threshold(metric="load", limit=40.0)
    busy = rule(name="busy", condition=low, sources=("evpl",), fault="load")
    w = first_poll([97, 97, 97, 50, 50, 50], busy, fault="load")
    (incident,) = w.incidents
    assert (incident.rule, incident.status) == ("busy", "open")
    assert w.last_text.startswith("meanwhile, a: inbound load was at or above 90")


def test_what_starts_again_after_it_ended_in_one_poll_ends_by_itself():
    w = lines(keep_firing_for=minutes(5))
    w.poll(minutes(6), source="evpl", samples=[at(5, 95)])
    assert w.alert("evpl/a", "full") == "firing"
    values = [10, 10, 10, 95, 10, 10]
    samples = [at(10 + 5 * number, value) for number, value in enumerate(values)]
    w.poll(minutes(36), source="evpl", samples=samples)
    assert w.timeline == ["opened", "resolved", "late"]
