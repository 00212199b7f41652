"""What samples have shown is reported once, also where a wrong clock makes them come again."""

from datetime import timedelta

import msgspec
import pytest

from tests.fakes.engine_world import minutes, rule, sample, world
from watcher import engine, model

DAYS = timedelta(days=2)
CLEAR, FULL = 30, 97
FIRED = [*[CLEAR] * 3, *[FULL] * 6, *[CLEAR] * 6]  # every five minutes


@pytest.fixture
def w():
    condition = engine.Threshold(metric="utilization", limit=95.0)
    w = world(rule(name="full", condition=condition, sources=("evpl",)))
    w.poll(source="evpl", a={"utilization": None})
    return w


def measured(values, since):
    return [
        sample("evpl/a", "utilization", since + minutes(5 * number), value)
        for number, value in enumerate(values)
    ]


def live(w, values):
    """Take samples in singly; return all of them."""
    given = measured(values, w.now + minutes(5))
    for single in given:
        w.wait_until(single.at + minutes(1))
        w.poll(source="evpl", samples=[single])
    return given


def at_once(w, values):
    """Take samples in when the last one comes; return them."""
    given = measured(values, w.now + minutes(5))
    w.wait_until(given[-1].at + minutes(1))
    w.poll(source="evpl", samples=given)
    return given


def behind_for_an_hour(w):
    """Set the clock back by days, poll, and set it right an hour later."""
    w.set_clock(-DAYS)
    w.poll(source="evpl", samples=[sample("evpl/a", "utilization", w.now, CLEAR)])
    w.wait_until(w.now + timedelta(hours=1))
    w.set_clock(DAYS)


def started_days_ahead(w):
    """Start with a clock so far ahead that no sample is loaded, and set it right."""
    w.start_again(DAYS)
    w.poll(source="evpl")
    w.set_clock(-DAYS)


WRONG = pytest.mark.parametrize("be_wrong", [behind_for_an_hour, started_days_ahead])


@WRONG
def test_what_fired_is_not_reported_late_after_the_clock_was_wrong_by_days(w, be_wrong):
    given = live(w, FIRED)
    assert w.timeline == ["opened", "resolved"]
    be_wrong(w)
    w.poll(source="evpl", samples=given)
    assert w.timeline == ["opened", "resolved"]


@WRONG
def test_nor_is_what_was_reported_late_reported_again(w, be_wrong):
    given = at_once(w, FIRED)
    assert w.timeline == ["late"]
    be_wrong(w)
    w.poll(source="evpl", samples=given)
    assert w.timeline == ["late"]


@WRONG
def test_nor_after_a_restart(w, be_wrong):
    given = live(w, FIRED)
    w.restart()
    be_wrong(w)
    w.restart()
    w.poll(source="evpl", samples=given)
    assert w.timeline == ["opened", "resolved"]


def test_what_was_full_while_the_clock_was_wrong_is_reported_late(w):
    given = live(w, FIRED)
    behind_for_an_hour(w)
    meanwhile = measured([CLEAR, FULL, FULL, FULL, *[CLEAR] * 6], given[-1].at + minutes(5))
    w.poll(source="evpl", samples=[*given, *meanwhile])
    assert w.timeline == ["opened", "resolved", "late"]
    assert w.incidents[-1].began_at == meanwhile[1].at


def test_a_clock_that_is_behind_ends_nothing(w):
    given = live(w, FIRED[:6])
    behind_for_an_hour(w)
    assert w.timeline == ["opened"]
    w.poll(source="evpl", samples=[*given, *measured([CLEAR] * 12, given[-1].at + minutes(5))])
    assert w.timeline == ["opened", "resolved"]


def test_what_it_has_ended_after_a_gap_is_reported_with_its_end(w):
    live(w, [CLEAR])
    w.wait_until(w.now + timedelta(hours=1))
    given = live(w, [FULL])  # alone, it is no evidence that the clock is wrong
    behind_for_an_hour(w)
    assert w.timeline == ["opened", "resolved"]  # by a sample of two days before
    given += measured([*[FULL] * 2, *[CLEAR] * 12], given[-1].at + minutes(5))
    w.poll(source="evpl", samples=given)
    assert w.timeline == ["opened", "resolved", "late"]


def test_what_was_reported_is_forgotten_with_time(w):
    sizes = []
    for _ in range(4):
        live(w, FIRED)
        w.wait_until(w.now + timedelta(days=5))
        sizes.append(len(msgspec.json.encode(w.tables.of(model.Subject))))
    assert sizes[0] < sizes[1] == sizes[2] == sizes[3]
