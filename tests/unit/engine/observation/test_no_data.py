"""`no_data`: how long a subject is silent, measured or not."""

import pytest

from tests.fakes.engine_world import START, minutes, rule, world
from watcher import engine, model

SILENT = rule(
    name="silent", condition=engine.NoData(after=minutes(60)), sources=("evpl",), title=lambda _: ""
)
UNKNOWN = {"utilization": None}


@pytest.fixture
def w():
    return world(SILENT)


def poll(w, at, samples=(), **lines):
    lines = lines or {"line": UNKNOWN}
    return w.poll(minutes(at), source="evpl", samples=samples, **lines)


def sample(at, line="line"):
    return model.Sample(
        subject=f"evpl/{line}", metric="utilization", at=START + minutes(at), value=40.0
    )


def state(w, line="line"):
    return w.alert(f"evpl/{line}", "silent")


@pytest.mark.covers("evpl/never-measured")
def test_a_line_that_was_never_measured_is_silent_since_it_was_first_listed(w):
    poll(w, 0)
    poll(w, 59)
    assert state(w) != "firing"
    poll(w, 60)
    assert state(w) == "firing"


@pytest.mark.covers("evpl/never-measured")
def test_so_is_one_that_is_listed_later_than_the_others(w):
    poll(w, 0)
    poll(w, 30, line=UNKNOWN, late=UNKNOWN)
    poll(w, 61, line=UNKNOWN, late=UNKNOWN)
    assert (state(w), state(w, "late")) == ("firing", None)
    poll(w, 90, line=UNKNOWN, late=UNKNOWN)
    assert state(w, "late") == "firing"


@pytest.mark.covers("evpl/never-measured")
def test_a_restart_does_not_begin_its_silence_again(w):
    poll(w, 0)
    poll(w, 40)
    w.restart()
    poll(w, 45)
    poll(w, 61)
    assert state(w) == "firing"


@pytest.mark.covers("evpl/never-measured")
def test_its_first_sample_ends_its_silence(w):
    poll(w, 0)
    poll(w, 61)
    poll(w, 65, samples=[sample(65)], line={"utilization": 40.0})
    assert state(w) != "firing"


@pytest.mark.covers("evpl/never-measured")
def test_while_the_source_is_blind_nobody_is_silent(w):
    poll(w, 0)
    w.fail(minutes(1), source="evpl", permanent=True)
    poll(w, 70)
    assert state(w) != "firing"
    poll(w, 131)
    assert state(w) == "firing"


@pytest.mark.covers("evpl/remarks")
def test_the_remarks_of_the_last_answer_are_kept_with_the_sources_health(w):
    w.step(model.Polled(source="evpl", remarks=("3 values cannot be read",)))
    w.restart()
    assert w.state.health["evpl"].remarks == ("3 values cannot be read",)
    w.fail(source="evpl")
    assert w.state.health["evpl"].remarks == ("3 values cannot be read",)
    w.step(model.Polled(source="evpl"))
    assert w.state.health["evpl"].remarks == ()


@pytest.mark.covers("evpl/never-measured")
def test_another_change_of_the_line_does_not_begin_its_silence_again(w):
    poll(w, 0, line={"utilization": None, "state": "up"})
    poll(w, 40, line={"utilization": None, "state": "down"})
    w.restart()
    poll(w, 61, line={"utilization": None, "state": "up"})
    assert state(w) == "firing"
