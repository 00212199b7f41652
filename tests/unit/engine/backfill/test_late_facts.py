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
