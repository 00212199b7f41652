"""The law of memory, against what a day leaves and against a memory that forgets nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from unittest import mock

import pytest

from tests.year.laws import memory
from tests.year.plan import Line, NoData, Status
from tests.year.run import run
from tests.year.test_run import MORNING, at
from tests.year.trace import Trace
from watcher.engine.state import State
from watcher.store.journal import Retention

pytestmark = pytest.mark.timeout(300)

DAYS = replace(
    MORNING,
    end=at(4 * 24),
    retention=timedelta(days=2),
    interval=timedelta(minutes=30),
    history=timedelta(days=1),
    idle=timedelta(hours=1),
    watch=timedelta(minutes=20),
)


def test_of_days_nothing_is_left_but_what_retention_keeps():
    trace = run(DAYS)
    (held,) = trace.of("held")
    assert not list(memory.complaints(DAYS, trace))
    assert held.fields["rows"]["incidents"] == 0
    assert held.fields["engines"][0]["incidents"] == 1, "the empty dictionary"


def held(objects: int) -> Trace:
    trace = Trace()
    trace.add(at(1), "held", overdue={}, live=0, engines=[{"samples": objects}])
    return trace


async def keep_all(*_: object, **__: object) -> int:
    return 0


@pytest.mark.parametrize(
    ("owner", "name", "substitute", "words"),
    [
        (State, "forget_resolved", lambda *_: None, "of them in incidents"),
        (Retention, "prune", keep_all, "too old to be kept: incidents"),
    ],
)
def test_it_finds_who_forgets_nothing(owner, name, substitute, words):
    outages = tuple(
        Status(at=at(hour), circuit="103", state=state)
        for hour in range(1, 41, 2)
        for hour, state in ((hour, "offline"), (hour + 1, "online"))
    )
    with mock.patch.object(owner, name, substitute):
        complaints = list(memory.complaints(DAYS, run(replace(DAYS, facts=outages))))
    assert any(words in complaint for complaint in complaints), complaints


def test_it_complains_of_rows_that_are_too_old_or_belong_to_nothing():
    trace = Trace()
    overdue = {"inbox": 3, "entries of no incident": 1}
    trace.add(DAYS.end, "held", overdue=overdue, live=0, engines=[])
    assert list(memory.complaints(DAYS, trace)) == [
        "at the end there are 3 rows too old to be kept: inbox",
        "at the end there are 1 rows too old to be kept: entries of no incident",
    ]


def test_it_complains_of_an_engine_that_forgets_nothing():
    trace = Trace()
    engine = {"subjects": 120, "incidents": 4000}
    trace.add(DAYS.end, "held", overdue={}, live=0, engines=[engine])
    (complaint,) = memory.complaints(DAYS, trace)
    assert "4000 of them in incidents" in complaint


@pytest.mark.parametrize(
    ("days", "count", "allowed"), [(9, 90, 450), (1, 90, 1350), (1, 250, 1450)]
)
def test_of_outages_that_are_old_or_many_an_engine_remembers_no_more(days, count, allowed):
    """A plan of ten days: 250 objects of any engine, 200 of five circuits, 10 of each outage."""
    since = at(24 * (10 - days))
    outages = tuple(
        Status(at=since + number * timedelta(seconds=1), circuit="103", state="offline")
        for number in range(count)
    )
    plan = replace(DAYS, end=at(240), facts=outages)
    trace = Trace()
    trace.add(plan.end, "held", overdue={}, live=0, engines=[{"subjects": allowed}])
    assert not list(memory.complaints(plan, trace))
    trace.records[0].fields["engines"][0]["subjects"] += 1
    assert list(memory.complaints(plan, trace))


def test_a_rule_without_data_has_a_line_keep_its_samples_for_twice_as_long():
    plain = replace(MORNING, lines=(Line(id="EVPL-94"),))
    silent = replace(plain, no_data=NoData(line="EVPL-94", after=timedelta(hours=3)))

    def most(plan):
        return next(n for n in range(1, 9_000) if list(memory.complaints(plan, held(n)))) - 1

    # Of six hours twelve samples each, in two directions: when, and how much.
    assert most(silent) - most(plain) == 6 * 12 * 2 * 2
